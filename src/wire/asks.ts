/**
 * HostAsks: what one call asks of the host. Each ask is a capability call and its answer, both of which may stream.
 *
 * The guest numbers its asks upwards, so one number tells which were ever made, and nothing grows with what it says. On
 * whose behalf they are is the call's own business: no frame has a word in that.
 */

import type {
  Capabilities,
  CapabilityCaller,
  CapabilityExchange,
  CapabilityRefusal,
  CapabilitySink,
} from '../core/capability.ts';
import type { AnswerAllowance } from './answer-allowance.ts';
import { BodyReceiver, BodySender, type BodyFrames } from './body.ts';
import type { Connection } from './connection.ts';
import { FrameType, type AnswerFailMeta, type AnswerHeadMeta } from './frames.ts';
import { askBody, askNumber, metaBody, parseMeta, ProtocolError } from './meta.ts';
import { readAsk, type ReadAsk } from './verdicts.ts';

/** So many may be open at once in one call; the next is refused. */
export const MAX_OPEN_ASKS = 64;

const TOO_MANY: CapabilityRefusal = {
  code: 'TOO_MANY_REQUESTS',
  message: `more than ${MAX_OPEN_ASKS} requests of one invocation are open at once`,
};
const CANCELLED: CapabilityRefusal = { code: 'CANCELLED', message: 'the invocation is over' };
const UNAVAILABLE: CapabilityRefusal = { code: 'UNAVAILABLE', message: 'this host offers no capabilities' };
const FAILED: CapabilityRefusal = { code: 'INTERNAL', message: 'the host failed to begin it' };

/** What all asks of one connection share. */
export interface AskHost {
  readonly connection: Connection;
  /** Null where there are none: every ask is refused. */
  readonly capabilities: Capabilities | null;
  readonly allowance: AnswerAllowance;
}

export class HostAsks {
  readonly #host: AskHost;
  readonly #call: number;
  readonly #caller: CapabilityCaller;
  readonly #open = new Map<number, HostAsk>();
  #last = 0;
  #closed = false;

  /** `call` is its id on the connection. */
  constructor(host: AskHost, call: number, caller: CapabilityCaller) {
    this.#host = host;
    this.#call = call;
    this.#caller = caller;
  }

  /** Takes one frame. Throws a ProtocolError for what no honest guest says. */
  receive(type: number, payload: Buffer): void {
    if (type === FrameType.ASK) return this.#begin(readAsk(parseMeta(payload)), metaBody(payload));
    const number = askNumber(payload);
    if (number === 0 || number > this.#last) throw new ProtocolError(`frame ${type} of ask ${number}, never made`);
    // One that is over may still have had frames under way.
    this.#open.get(number)?.receive(type, askBody(payload));
  }

  /** The call is over, or its outcome of no use: what is open is cancelled, and nothing more is begun. */
  close(): void {
    this.#closed = true;
    for (const ask of this.#open.values()) ask.cancel();
    this.#open.clear();
  }

  #begin(read: ReadAsk, body: Buffer): void {
    if (read.number <= this.#last) throw new ProtocolError(`ask ${read.number} a second time`);
    this.#last = read.number;
    this.#host.allowance.require();
    const { capabilities } = this.#host;
    const refusal = this.#refusal();
    if (refusal !== null || capabilities === null)
      return sendFailure(this.#host, this.#call, read.number, refusal ?? UNAVAILABLE);
    const ask = new HostAsk(this.#host, this.#call, read.number, () => void this.#open.delete(read.number));
    this.#open.set(read.number, ask);
    ask.start(capabilities, this.#caller, read, body);
  }

  #refusal(): CapabilityRefusal | null {
    if (this.#closed) return CANCELLED;
    return this.#open.size >= MAX_OPEN_ASKS ? TOO_MANY : null;
  }
}

/** One ask: the sink of its answer, and the source of its body. */
class HostAsk implements CapabilitySink, BodyFrames {
  readonly #host: AskHost;
  readonly #connection: Connection;
  readonly #call: number;
  readonly #number: number;
  readonly #onOver: () => void;
  readonly #answer: BodySender;
  /** From the beginning of its body to the end of it. */
  #body: BodyReceiver | null = null;
  #exchange: CapabilityExchange | null = null;
  /** The service has said its last word. */
  #served = false;
  /** The guest has heard its last word. */
  #over = false;

  constructor(host: AskHost, call: number, number: number, onOver: () => void) {
    this.#host = host;
    this.#connection = host.connection;
    this.#call = call;
    this.#number = number;
    this.#onOver = onOver;
    this.#answer = new BodySender(this);
  }

  start(capabilities: Capabilities, caller: CapabilityCaller, { kind, bodyKind, meta }: ReadAsk, whole: Buffer): void {
    if (bodyKind === 2)
      this.#body = new BodyReceiver((bytes) =>
        this.#connection.sendNumbers(FrameType.ANSWER_CREDIT, this.#call, this.#number, bytes),
      );
    try {
      this.#exchange = capabilities.start(caller, { kind, meta, hasBody: bodyKind !== 0 }, this);
    } catch {
      // A service that fails so is broken; its callers are told, and those of other services notice nothing.
      return this.fail(FAILED);
    }
    if (bodyKind !== 1 || this.#served) return;
    this.#exchange.write(whole, ignore);
    this.#exchange.endBody();
  }

  receive(type: number, payload: Buffer): void {
    switch (type) {
      case FrameType.ASK_DATA:
        return this.#data(payload);
      case FrameType.ASK_END:
        requireBytes(payload, 0);
        this.#requireBody();
        this.#body = null;
        return this.#exchange?.endBody();
      case FrameType.ASK_CANCEL:
        requireBytes(payload, 0);
        this.#finish();
        return this.cancel();
      default:
        requireBytes(payload, 4);
        return this.#answer.credit(payload.readUInt32LE(0));
    }
  }

  /** The service hears no more of it, and is not heard any more. */
  cancel(): void {
    this.#over = true;
    this.#answer.stop();
    if (this.#served) return;
    this.#served = true;
    try {
      this.#exchange?.cancel();
    } catch {
      // One that fails must not keep the others from being cancelled.
    }
  }

  head(meta: unknown): void {
    if (this.#over) return;
    const text = JSON.stringify([this.#number, meta] satisfies AnswerHeadMeta);
    this.#host.allowance.count(text.length);
    this.#connection.sendMeta(FrameType.ANSWER_HEAD, this.#call, text, null);
  }

  data(chunk: Uint8Array): boolean {
    return this.#over || this.#answer.write(chunk, () => this.#drained());
  }

  end(): void {
    this.#served = true;
    if (!this.#over) this.#answer.end();
  }

  fail(refusal: CapabilityRefusal): void {
    this.#served = true;
    if (this.#over) return;
    this.#finish();
    this.#answer.stop();
    sendFailure(this.#host, this.#call, this.#number, refusal);
  }

  /** For its {@link BodySender} only. */
  sendData(piece: Uint8Array): void {
    this.#connection.sendPart(FrameType.ANSWER_DATA, this.#call, this.#number, piece);
  }

  /** For its {@link BodySender} only. */
  sendEnd(): void {
    this.#finish();
    this.#connection.sendNumber(FrameType.ANSWER_END, this.#call, this.#number);
  }

  #drained(): void {
    if (!this.#over && !this.#served) this.#exchange?.resume();
  }

  #data(payload: Buffer): void {
    const body = this.#requireBody();
    body.count(payload.length);
    if (!this.#served && this.#exchange?.write(payload, () => body.resume()) === false) body.hold();
    body.consumed();
  }

  #requireBody(): BodyReceiver {
    if (this.#body === null) throw new ProtocolError('a body where an ask has none, or no more');
    return this.#body;
  }

  #finish(): void {
    this.#over = true;
    this.#onOver();
  }
}

function sendFailure(
  { connection, allowance }: AskHost,
  call: number,
  number: number,
  refusal: CapabilityRefusal,
): void {
  const meta: AnswerFailMeta = [number, refusal.code, refusal.message, refusal.details ?? {}];
  const text = JSON.stringify(meta);
  allowance.count(text.length);
  connection.sendMeta(FrameType.ANSWER_FAIL, call, text, null);
}

function requireBytes(payload: Buffer, bytes: number): void {
  if (payload.length !== bytes) throw new ProtocolError(`${payload.length} bytes after the number of an ask`);
}

const ignore = (): void => undefined;
