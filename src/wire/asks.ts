/**
 * HostAsks: what one call asks of the host. Each ask is a capability call and its answer, both of which may stream.
 *
 * The guest numbers its asks upwards, so one number tells which were ever made, and nothing grows with what it says. On
 * whose behalf they are is the call's own business: no frame has a word in that.
 */

import type {
  Capabilities,
  CapabilityCall,
  CapabilityCaller,
  CapabilityExchange,
  CapabilityRefusal,
  CapabilitySink,
} from '../core/capability.ts';
import { limitText } from '../core/limits.ts';
import type { AnswerAllowance } from './answer-allowance.ts';
import { BodyReceiver, BodySender, type BodyFrames } from './body.ts';
import type { Connection } from './connection.ts';
import { FrameType, type AnswerFailMeta, type AnswerHeadMeta } from './frames.ts';
import { LentAsk, type AskOwner } from './lent-ask.ts';
import { askBody, askNumber, metaBody, parseMeta, ProtocolError } from './meta.ts';
import { readAsk, type ReadAsk } from './verdicts.ts';

const CANCELLED: CapabilityRefusal = { code: 'CANCELLED', message: 'the invocation is over' };
const UNAVAILABLE: CapabilityRefusal = { code: 'UNAVAILABLE', message: 'this host offers no capabilities' };
const FAILED: CapabilityRefusal = { code: 'INTERNAL', message: 'the host failed to begin it' };

/** What all asks of one connection share. */
export interface AskHost {
  readonly connection: Connection;
  /** Null where there are none: every ask is refused. */
  readonly capabilities: Capabilities | null;
  readonly allowance: AnswerAllowance;
  /** Told once of each limit that a call has reached. */
  onLimit(call: number, name: AskLimit): void;
}

type AskLimit = 'subrequests' | 'openStreams' | 'egressBytes';

const EXCESS: Readonly<Record<AskLimit, { readonly code: string; readonly what: string }>> = {
  subrequests: { code: 'TOO_MANY_REQUESTS', what: 'requests in one invocation' },
  openStreams: { code: 'TOO_MANY_REQUESTS', what: 'requests of one invocation are open at once' },
  egressBytes: { code: 'TOO_LARGE', what: 'bytes were sent and received by the requests of one invocation' },
};

export class HostAsks {
  readonly #host: AskHost;
  readonly #call: number;
  readonly #caller: CapabilityCaller;
  readonly #open = new Map<number, HostAsk>();
  #last = 0;
  /** Those that came by another way than the connection. */
  readonly #lent = new Set<LentAsk>();
  #begun = 0;
  #movedBytes = 0;
  readonly #reached = new Set<AskLimit>();
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
    for (const ask of this.#lent) ask.cancel();
    this.#lent.clear();
  }

  /** Begins one that did not come by the connection; a refusal reaches the sink later. */
  lend(asked: CapabilityCall, sink: CapabilitySink): CapabilityExchange {
    const { capabilities } = this.#host;
    const ask = new LentAsk(sink, { over: () => void this.#lent.delete(ask), moved: (bytes) => this.#moved(bytes) });
    const refusal = this.#refusal() ?? (capabilities === null ? UNAVAILABLE : null);
    if (refusal !== null || capabilities === null) ask.refuseLater(refusal ?? UNAVAILABLE);
    else {
      this.#begun++;
      this.#lent.add(ask);
      ask.start(capabilities, this.#caller, asked);
    }
    return ask;
  }

  #begin(read: ReadAsk, body: Buffer): void {
    if (read.number <= this.#last) throw new ProtocolError(`ask ${read.number} a second time`);
    this.#last = read.number;
    this.#host.allowance.require();
    const { capabilities } = this.#host;
    const refusal = this.#refusal();
    if (refusal !== null || capabilities === null)
      return sendFailure(this.#host, this.#call, read.number, refusal ?? UNAVAILABLE);
    this.#begun++;
    const ask = new HostAsk(this.#host, this.#call, read.number, {
      over: () => void this.#open.delete(read.number),
      moved: (bytes) => this.#moved(bytes),
    });
    this.#open.set(read.number, ask);
    ask.start(capabilities, this.#caller, read, body);
  }

  #refusal(): CapabilityRefusal | null {
    if (this.#closed) return CANCELLED;
    const { subrequests, openStreams, egressBytes } = this.#caller.version.limits;
    if (this.#begun >= subrequests) return this.#excess('subrequests');
    if (this.#open.size + this.#lent.size >= openStreams) return this.#excess('openStreams');
    return this.#movedBytes > egressBytes ? this.#excess('egressBytes') : null;
  }

  /** Counts bytes of any body; what they are refused with, where they are too many. */
  #moved(bytes: number): CapabilityRefusal | null {
    this.#movedBytes += bytes;
    return this.#movedBytes > this.#caller.version.limits.egressBytes ? this.#excess('egressBytes') : null;
  }

  #excess(name: AskLimit): CapabilityRefusal {
    const { limits } = this.#caller.version;
    if (!this.#reached.has(name)) this.#host.onLimit(this.#call, name);
    this.#reached.add(name);
    const { code, what } = EXCESS[name];
    return { code, message: `more than ${limits[name]} ${what}`, details: { limit: limitText(name, limits) } };
  }
}

/** One ask: the sink of its answer, and the source of its body. */
class HostAsk implements CapabilitySink, BodyFrames {
  readonly #host: AskHost;
  readonly #connection: Connection;
  readonly #call: number;
  readonly #number: number;
  readonly #owner: AskOwner;
  readonly #answer: BodySender;
  /** From the beginning of its body to the end of it. */
  #body: BodyReceiver | null = null;
  #exchange: CapabilityExchange | null = null;
  /** The service has said its last word. */
  #served = false;
  /** The guest has heard its last word. */
  #over = false;

  constructor(host: AskHost, call: number, number: number, owner: AskOwner) {
    this.#host = host;
    this.#connection = host.connection;
    this.#call = call;
    this.#number = number;
    this.#owner = owner;
    this.#answer = new BodySender(this);
  }

  start(capabilities: Capabilities, caller: CapabilityCaller, { kind, bodyKind, meta }: ReadAsk, whole: Buffer): void {
    const refusal = bodyKind === 1 ? this.#owner.moved(whole.length) : null;
    if (refusal !== null) return this.fail(refusal);
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
    if (this.#over) return true;
    const refusal = this.#owner.moved(chunk.length);
    if (refusal === null) return this.#answer.write(chunk, () => this.#drained());
    this.#refuse(refusal);
    return true;
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
    const refusal = this.#over ? null : this.#owner.moved(payload.length);
    if (refusal !== null) return this.#refuse(refusal);
    if (!this.#served && this.#exchange?.write(payload, () => body.resume()) === false) body.hold();
    body.consumed();
  }

  /** In the middle of it: the service hears no more of it, and the guest hears why. */
  #refuse(refusal: CapabilityRefusal): void {
    this.#finish();
    this.cancel();
    sendFailure(this.#host, this.#call, this.#number, refusal);
  }

  #requireBody(): BodyReceiver {
    if (this.#body === null) throw new ProtocolError('a body where an ask has none, or no more');
    return this.#body;
  }

  #finish(): void {
    this.#over = true;
    this.#owner.over();
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
