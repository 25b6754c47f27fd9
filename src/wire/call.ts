/**
 * HostCall: one call on the host's side of a connection: a small state machine between the frames of the guest and the
 * sink of the caller. The outcome reaches the sink exactly once, whatever the guest sends.
 */

import type { CapabilityCall, CapabilityExchange, CapabilitySink } from '../core/capability.ts';
import { Fault } from '../core/faults.ts';
import type { Call, Exchange, LogEntry, ResponseSink } from '../core/invocation.ts';
import { limitText } from '../core/limits.ts';
import { HostAsks, type AskHost } from './asks.ts';
import { BodyReceiver, BodySender, type BodyFrames } from './body.ts';
import type { Connection } from './connection.ts';
import { FrameType } from './frames.ts';
import { metaBody, parseMeta, ProtocolError, readCredit } from './meta.ts';
import type { HostSandbox } from './host-sandbox.ts';
import { readFault, readHead } from './verdicts.ts';

/** `open`: nothing came yet. `streaming`: the head came. `done`: the sink has its outcome; only SETTLED may follow. */
type State = 'open' | 'streaming' | 'done';

export class HostCall implements Exchange, BodyFrames {
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
  /** Of a streamed request body, once there is some of it. */
  #sender: BodySender | null = null;
  /** Of a streamed answer, from its head to its end. */
  #receiver: BodyReceiver | null = null;
  /** What it asks of the host, once it has asked. */
  #asks: HostAsks | null = null;
  /** Nobody waits for its outcome any more, so it may ask for nothing more. */
  #abandoned = false;

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
    return (this.#sender ??= new BodySender(this)).write(chunk, onDrain);
  }

  endBody(): void {
    if (this.#sink !== null) (this.#sender ??= new BodySender(this)).end();
  }

  resume(): void {
    this.#receiver?.resume();
  }

  cancel(): void {
    if (this.#sink === null) return;
    this.#sink = null;
    this.#connection.send(FrameType.CANCEL, this.id);
    this.#sender?.stop();
    this.#receiver?.resume();
    this.#abandon();
  }

  /** For its {@link BodySender} only. */
  sendData(piece: Uint8Array): void {
    this.#connection.sendBytes(FrameType.DATA, this.id, piece);
  }

  /** For its {@link BodySender} only. */
  sendEnd(): void {
    this.#connection.send(FrameType.END, this.id);
  }

  /** Takes one frame of what this call asks for. Nothing in it says on whose behalf: that is known here. */
  ask(type: number, payload: Buffer, host: AskHost): void {
    this.#asksOn(host).receive(type, payload);
  }

  /** The same for what came by another way. */
  lend(asked: CapabilityCall, sink: CapabilitySink, host: AskHost): CapabilityExchange {
    return this.#asksOn(host).lend(asked, sink);
  }

  /** Its slot is free: nothing of it is left, and what it asked for is cancelled. */
  ended(): void {
    this.#asks?.close();
  }

  /** It was never sent: nobody is there to read it. */
  unsent(): void {
    this.#notBegun();
  }

  /** The executor can't answer any more: the sink gets the cause, unless it has its outcome. */
  lost(cause: Fault): void {
    this.deadlineMs = Infinity;
    this.#fail(cause);
    this.#abandon();
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
        const [status, headers] = readHead(parseMeta(payload), this.call.upgrades);
        this.#state = 'streaming';
        this.#receiver = new BodyReceiver((bytes) => this.#connection.sendNumber(FrameType.CREDIT, this.id, bytes));
        this.#sink?.head(status, headers);
        return false;
      }
      case FrameType.DATA:
        this.#expect('streaming', 'DATA');
        this.#data(this.#receiver as BodyReceiver, payload);
        return false;
      case FrameType.END:
        this.#expect('streaming', 'END');
        this.#finish()?.end();
        return false;
      case FrameType.FAULT: {
        if (this.#state === 'done') throw new ProtocolError('a FAULT after the outcome');
        const { code, message, stack, limit } = readFault(parseMeta(payload), this.sandbox.platformFaults);
        const { limits } = this.sandbox.version;
        const named = limit === null ? {} : { limit: limitText(limit, limits) };
        const later = this.sandbox.platformFaults.has(code) ? { retryAfterSeconds: 1 } : {};
        this.#fail(new Fault(code, message, { ...later, ...named, ...(stack === null ? {} : { stack }) }));
        return true;
      }
      case FrameType.NOT_BEGUN:
        this.#expect('open', 'NOT_BEGUN');
        this.#notBegun();
        return true;
      case FrameType.CREDIT:
        this.#credit(readCredit(payload));
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
    if (this.#asks !== null) throw new ProtocolError('NOT_BEGUN of a call that has asked');
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
    this.#sender?.stop();
    this.#receiver = null;
    return sink;
  }

  #asksOn(host: AskHost): HostAsks {
    if (this.#asks !== null) return this.#asks;
    this.#asks = new HostAsks(host, this.id, { version: this.sandbox.version, call: this.call });
    if (this.#abandoned) this.#asks.close();
    return this.#asks;
  }

  #abandon(): void {
    this.#abandoned = true;
    this.#asks?.close();
  }

  /** A body that came whole, or has not begun, needs no more. */
  #credit(bytes: number): void {
    this.#sender?.credit(bytes);
  }

  #data(receiver: BodyReceiver, payload: Buffer): void {
    receiver.count(payload.length);
    if (this.#sink !== null && !this.#sink.data(payload)) receiver.hold();
    receiver.consumed();
  }

  #expect(state: State, frame: string): void {
    if (this.#state !== state) throw new ProtocolError(`${frame} in the state ${this.#state}`);
  }
}
