/**
 * RunCall: one call that another host sent, on its way through the supervisor here. It is the call, the sink of its outcome,
 * and what passes on what the function asks for.
 */

import type { CapabilityCall, CapabilityExchange, CapabilitySink } from '../core/capability.ts';
import type { Fault, FaultCode } from '../core/faults.ts';
import type { Call, Exchange, LogEntry, ResponseSink } from '../core/invocation.ts';
import type { Principal } from '../core/principal.ts';
import { BodyReceiver, BodySender, type BodyFrames } from '../wire/body.ts';
import type { Connection } from '../wire/connection.ts';
import { CHUNK_BYTES, FrameType, type HeadMeta, type LogMeta } from '../wire/frames.ts';
import { ProtocolError } from '../wire/meta.ts';
import { RunAsk } from './run-ask.ts';

/** What a CALL frame says, checked. */
export interface RunRequest {
  readonly id: string;
  readonly principal: Principal;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly clientAddress: string;
  readonly body: Uint8Array | 'stream' | null;
  readonly reply: Call['reply'];
  readonly query: unknown;
  /** It can be answered with 101. */
  readonly upgrades: boolean;
}

/** Faults by which a call that had not begun is given back, so that its own host finds another place for it. */
const GIVEN_BACK: ReadonlySet<FaultCode> = new Set(['SANDBOX_RECYCLED', 'SHUTTING_DOWN']);
/** One attempt here: its own host decides about the next. */
const LAST_ATTEMPT = 2;
const MAX_LOG_BACKLOG = 8 * 1024 * 1024;

export class RunCall implements Call, ResponseSink, BodyFrames {
  readonly id: string;
  readonly cause = 'http' as const;
  readonly principal: Principal;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly clientAddress: string;
  readonly body: Uint8Array | 'stream' | null;
  readonly reply: Call['reply'];
  readonly query: unknown;
  readonly upgrades: boolean;
  attempts: number = LAST_ATTEMPT;
  coldStart = false;
  /** Its id on the connection. */
  readonly stream: number;
  /** performance.now() of when it came. */
  readonly startedMs: number = performance.now();
  readonly timeoutMs: number;
  readonly #connection: Connection;
  readonly #onOver: () => void;
  #exchange: Exchange | null = null;
  /** The host has its outcome. */
  #answered = false;
  /** The host wants no outcome any more. */
  #cancelled = false;
  /** Nothing of it is left running here. */
  #settled = false;
  /** The host has heard its last word. */
  #over = false;
  #answer: BodySender | null = null;
  /** The chunks of a streamed request body that came before somebody took them. */
  #early: Buffer[] = [];
  #bodyEnded = false;
  readonly #requestBody: BodyReceiver;
  readonly #asks = new Map<number, RunAsk>();
  #lastAsk = 0;

  /** `onOver`: the host knows this call no more. */
  constructor(connection: Connection, stream: number, request: RunRequest, timeoutMs: number, onOver: () => void) {
    this.#connection = connection;
    this.stream = stream;
    this.id = request.id;
    this.principal = request.principal;
    this.method = request.method;
    this.url = request.url;
    this.headers = request.headers;
    this.clientAddress = request.clientAddress;
    this.body = request.body;
    this.reply = request.reply;
    this.query = request.query;
    this.upgrades = request.upgrades;
    this.timeoutMs = timeoutMs;
    this.#onOver = onOver;
    this.#requestBody = new BodyReceiver((bytes) => connection.sendNumber(FrameType.CREDIT, stream, bytes));
  }

  get answered(): boolean {
    return this.#answered;
  }

  attach(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#cancelled) return this.#stop(exchange);
    if (exchange.running && this.body === 'stream') this.#feed(exchange);
  }

  complete(status: number, headers: readonly string[], body: Uint8Array): void {
    const meta = JSON.stringify([status, headers, 0] satisfies HeadMeta);
    if (body.length > CHUNK_BYTES || meta.length > CHUNK_BYTES) {
      this.head(status, headers);
      this.data(body);
      return this.end();
    }
    if (!this.#answers()) return;
    this.#answered = true;
    this.#connection.sendMeta(FrameType.REPLY, this.stream, meta, body);
  }

  head(status: number, headers: readonly string[]): void {
    if (!this.#answers()) return;
    this.#answer = new BodySender(this);
    const meta: HeadMeta = [status, headers, 0];
    this.#connection.sendMeta(FrameType.HEAD, this.stream, JSON.stringify(meta), null);
  }

  data(chunk: Uint8Array): boolean {
    return this.#answer === null || this.#answer.write(chunk, () => this.#exchange?.resume());
  }

  end(): void {
    this.#answer?.end();
  }

  fail(fault: Fault): void {
    if (this.#cancelled) return this.settled();
    const begun = this.#answer !== null || (this.#exchange?.running === true && fault.details.begun !== false);
    if (!begun && GIVEN_BACK.has(fault.code))
      return this.#last(() => this.#connection.send(FrameType.NOT_BEGUN, this.stream));
    const { code, message, details } = fault;
    const limit = details.limit?.startsWith('cpu-ms=') === true ? 'cpuMs' : null;
    this.#last(() =>
      this.#connection.sendMeta(
        FrameType.FAULT,
        this.stream,
        JSON.stringify([code, message, details.stack ?? null, limit]),
        null,
      ),
    );
  }

  /**
   * Nothing of it is left running here. What of its answer waits for the host goes first; where there is no answer, it is
   * about to be told that it never began.
   */
  settled(): void {
    this.#settled = true;
    if (this.#answered || this.#cancelled) this.#last(() => this.#connection.send(FrameType.SETTLED, this.stream));
  }

  writeLog({ level, message }: LogEntry): void {
    // A host that reads too slowly loses lines before it costs memory here.
    if (this.#over || this.#connection.backlogBytes > MAX_LOG_BACKLOG) return;
    const meta: LogMeta = [level, message];
    this.#connection.sendMeta(FrameType.LOG, this.stream, JSON.stringify(meta), null);
  }

  ask({ kind, meta, hasBody }: CapabilityCall, sink: CapabilitySink): CapabilityExchange {
    const number = ++this.#lastAsk;
    const ask = new RunAsk(this.#connection, this.stream, number, sink, () => void this.#asks.delete(number));
    if (this.#over) {
      queueMicrotask(() => ask.lost());
      return ask;
    }
    this.#asks.set(number, ask);
    this.#connection.sendMeta(FrameType.ASK, this.stream, JSON.stringify([number, kind, hasBody ? 2 : 0, meta]), null);
    return ask;
  }

  /** Takes one frame of what answers an ask; one that is over may still have had some under way. */
  answerTo(number: number, type: number, payload: Buffer): void {
    this.#asks.get(number)?.receive(type, payload);
  }

  /** A chunk of its streamed request body. */
  receive(chunk: Buffer): void {
    if (this.body !== 'stream' || this.#bodyEnded) throw new ProtocolError('a body where a call has none, or no more');
    this.#requestBody.count(chunk.length);
    const exchange = this.#exchange;
    if (exchange?.running === true) this.#write(exchange, chunk);
    else if (!this.#cancelled) {
      this.#early.push(Buffer.from(chunk));
      this.#requestBody.hold();
    }
    this.#requestBody.consumed();
  }

  endReceived(): void {
    if (this.#bodyEnded || this.body !== 'stream') throw new ProtocolError('the end of a body that has none');
    this.#bodyEnded = true;
    if (this.#exchange?.running === true) this.#exchange.endBody();
  }

  /** The host has room for more of the answer. */
  credit(bytes: number): void {
    this.#answer?.credit(bytes);
  }

  /** The host wants no outcome; it is told when nothing is left running. */
  cancel(): void {
    if (this.#cancelled || this.#over) return;
    this.#cancelled = true;
    this.#early = [];
    this.#answer?.stop();
    if (this.#exchange !== null) this.#stop(this.#exchange);
  }

  /** Its time is over, and nothing here has ended it. */
  overdue(fault: Fault): void {
    const exchange = this.#exchange;
    this.#last(() => {
      if (this.#answered) return this.#connection.send(FrameType.SETTLED, this.stream);
      const meta = JSON.stringify([fault.code, fault.message, null, null]);
      this.#connection.sendMeta(FrameType.FAULT, this.stream, meta, null);
    });
    exchange?.cancel();
  }

  /** The stream is gone: nobody hears of it any more. */
  lost(): void {
    this.#last(() => undefined);
    this.#cancelled = true;
    this.#exchange?.cancel();
    for (const ask of [...this.#asks.values()]) ask.lost();
  }

  sendData(piece: Uint8Array): void {
    this.#connection.sendBytes(FrameType.DATA, this.stream, piece);
  }

  sendEnd(): void {
    this.#answered = true;
    this.#connection.send(FrameType.END, this.stream);
    if (this.#settled) this.settled();
  }

  #answers(): boolean {
    return !this.#over && !this.#cancelled && !this.#answered && this.#answer === null;
  }

  /** What waits for a sandbox leaves no trace when it goes; what runs settles later. */
  #stop(exchange: Exchange): void {
    exchange.cancel();
    if (!exchange.running) this.settled();
  }

  #feed(exchange: Exchange): void {
    this.#requestBody.resume();
    for (const chunk of this.#early.splice(0)) this.#write(exchange, chunk);
    if (this.#bodyEnded) exchange.endBody();
  }

  #write(exchange: Exchange, chunk: Buffer): void {
    if (!exchange.write(chunk, () => this.#requestBody.resume())) this.#requestBody.hold();
  }

  #last(say: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#answer?.stop();
    say();
    this.#onOver();
  }
}
