/**
 * HostCall: one call on the host's side of a connection: a small state machine between the frames of the guest and the
 * sink of the caller. The outcome reaches the sink exactly once, whatever the guest sends.
 */

import { Fault } from '../core/faults.ts';
import type { Call, Exchange, LogEntry, ResponseSink } from '../core/invocation.ts';
import { chunksOf, type Connection } from './connection.ts';
import { FrameType, WINDOW_BYTES } from './frames.ts';
import { metaBody, parseMeta, ProtocolError, readCredit } from './meta.ts';
import type { HostSandbox } from './session.ts';
import { readFault, readHead } from './verdicts.ts';

/** `open`: nothing came yet. `streaming`: the head came. `done`: the sink has its outcome; only SETTLED may follow. */
type State = 'open' | 'streaming' | 'done';

/** Consumed bytes are acknowledged in lots, not chunk by chunk. */
const CREDIT_LOT_BYTES = WINDOW_BYTES / 4;

export class HostCall implements Exchange {
  readonly running: boolean = true;
  readonly #connection: Connection;
  readonly id: number;
  readonly sandbox: HostSandbox;
  readonly call: Call;
  /** performance.now() by which the executor has to end it; Infinity once nobody waits. */
  deadlineMs: number;
  #sink: ResponseSink | null;
  #state: State = 'open';
  /** What it ended with, if it did. */
  fault: Fault | null = null;
  /** The sink of a call that never began, for the next attempt. */
  orphan: ResponseSink | null = null;
  /** What the guest may still send before it is given more. */
  #receiveWindow: number = WINDOW_BYTES;
  #unacknowledged = 0;
  #paused = false;
  /** What we may still send. */
  #sendWindow: number = WINDOW_BYTES;
  #waiting: Uint8Array[] = [];
  #bodyEnded = false;
  #onDrain: (() => void) | null = null;

  constructor(
    connection: Connection,
    id: number,
    sandbox: HostSandbox,
    call: Call,
    sink: ResponseSink,
    deadlineMs: number,
  ) {
    this.#connection = connection;
    this.id = id;
    this.sandbox = sandbox;
    this.call = call;
    this.#sink = sink;
    this.deadlineMs = deadlineMs;
  }

  write(chunk: Uint8Array, onDrain: () => void): boolean {
    if (this.#sink === null) return true;
    for (const piece of chunksOf(chunk)) this.#waiting.push(piece);
    this.#pump();
    if (this.#waiting.length === 0) return true;
    this.#onDrain = onDrain;
    return false;
  }

  endBody(): void {
    this.#bodyEnded = true;
    this.#pump();
  }

  resume(): void {
    this.#paused = false;
    this.#acknowledge();
  }

  cancel(): void {
    if (this.#sink === null) return;
    this.#sink = null;
    this.#connection.send(FrameType.CANCEL, this.id);
    this.#releaseWriter();
  }

  /** It was never sent: nobody is there to read it. */
  unsent(): void {
    this.#notBegun();
  }

  /** The executor can't answer any more: the sink gets the cause, unless it has its outcome. */
  lost(cause: Fault): void {
    this.deadlineMs = Infinity;
    this.#fail(cause);
  }

  log(entry: LogEntry): void {
    this.#sink?.log?.(entry);
  }

  /** Takes one frame of this call; returns true when the invocation has settled and its slot is free. */
  receive(type: number, payload: Buffer): boolean {
    switch (type) {
      case FrameType.REPLY:
        return this.#reply(payload);
      case FrameType.HEAD: {
        this.#expect('open', 'HEAD');
        const [status, headers] = readHead(parseMeta(payload));
        this.#state = 'streaming';
        this.#sink?.head(status, headers);
        return false;
      }
      case FrameType.DATA:
        this.#expect('streaming', 'DATA');
        this.#data(payload);
        return false;
      case FrameType.END:
        this.#expect('streaming', 'END');
        this.#finish()?.end();
        return false;
      case FrameType.FAULT: {
        if (this.#state === 'done') throw new ProtocolError('a FAULT after the outcome');
        const [code, message, stack] = readFault(parseMeta(payload));
        this.#fail(new Fault(code, message, stack === null ? {} : { stack }));
        return true;
      }
      case FrameType.NOT_BEGUN:
        this.#expect('open', 'NOT_BEGUN');
        this.#notBegun();
        return true;
      case FrameType.CREDIT:
        this.#sendWindow = Math.min(this.#sendWindow + readCredit(payload), WINDOW_BYTES);
        this.#pump();
        return false;
      default:
        return this.#settled();
    }
  }

  #reply(payload: Buffer): boolean {
    this.#expect('open', 'REPLY');
    const [status, headers, settled] = readHead(parseMeta(payload));
    this.#finish()?.complete(status, headers, metaBody(payload));
    return settled;
  }

  #settled(): boolean {
    if (this.#state !== 'done' && this.#sink !== null) throw new ProtocolError('SETTLED before the outcome');
    return true;
  }

  /** Keeps the sink for whoever takes the call over; a body that was streamed can't be sent again. */
  #notBegun(): void {
    if (this.call.body !== 'stream') this.orphan = this.#finish();
    else this.#fail(new Fault('SANDBOX_RECYCLED', 'The sandbox was recycled before this request began'));
  }

  #fail(fault: Fault): void {
    if (this.#state !== 'done') this.fault = fault;
    this.#finish()?.fail(fault);
  }

  /** The sink, if it has no outcome yet: it hears of this call no more. */
  #finish(): ResponseSink | null {
    const sink = this.#state === 'done' ? null : this.#sink;
    this.#state = 'done';
    this.#sink = null;
    this.#releaseWriter();
    return sink;
  }

  /** Nobody takes the rest of the body: who was held back may go on, and throw it away. */
  #releaseWriter(): void {
    this.#waiting = [];
    const onDrain = this.#onDrain;
    this.#onDrain = null;
    onDrain?.();
  }

  #data(payload: Buffer): void {
    this.#receiveWindow -= payload.length;
    if (this.#receiveWindow < 0) throw new ProtocolError('more DATA than the window allows');
    this.#unacknowledged += payload.length;
    if (this.#sink !== null && !this.#sink.data(payload)) this.#paused = true;
    this.#acknowledge();
  }

  #acknowledge(): void {
    if (this.#paused || this.#unacknowledged < CREDIT_LOT_BYTES || this.#state !== 'streaming') return;
    this.#connection.sendCredit(FrameType.CREDIT, this.id, this.#unacknowledged);
    this.#receiveWindow += this.#unacknowledged;
    this.#unacknowledged = 0;
  }

  #pump(): void {
    let piece = this.#waiting[0];
    while (piece !== undefined && piece.length <= this.#sendWindow) {
      this.#sendWindow -= piece.length;
      this.#connection.sendBytes(FrameType.DATA, this.id, piece);
      this.#waiting.shift();
      piece = this.#waiting[0];
    }
    if (piece !== undefined || this.#sink === null) return;
    if (this.#bodyEnded) this.#connection.send(FrameType.END, this.id);
    this.#bodyEnded = false;
    const onDrain = this.#onDrain;
    this.#onDrain = null;
    onDrain?.();
  }

  #expect(state: State, frame: string): void {
    if (this.#state !== state) throw new ProtocolError(`${frame} in the state ${this.#state}`);
  }
}
