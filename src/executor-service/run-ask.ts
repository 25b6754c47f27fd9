/** RunAsk: one thing that a function asks of the host that sent it here: an ask on the stream of its call. */

import type { CapabilityExchange, CapabilitySink } from '../core/capability.ts';
import { BodyReceiver, BodySender, type BodyFrames } from '../wire/body.ts';
import type { FrameSender } from '../wire/connection.ts';
import { FrameType } from '../wire/frames.ts';
import { askBody, parseMeta, ProtocolError } from '../wire/meta.ts';

export class RunAsk implements CapabilityExchange, BodyFrames {
  readonly #frames: FrameSender;
  readonly #call: number;
  readonly #number: number;
  /** Null once it has heard its last word. */
  #sink: CapabilitySink | null;
  readonly #onOver: () => void;
  readonly #body: BodySender;
  readonly #answer: BodyReceiver;

  /** `call` and `number` are its ids on the connection. */
  constructor(frames: FrameSender, call: number, number: number, sink: CapabilitySink, onOver: () => void) {
    this.#frames = frames;
    this.#call = call;
    this.#number = number;
    this.#sink = sink;
    this.#onOver = onOver;
    this.#body = new BodySender(this);
    this.#answer = new BodyReceiver((bytes) => frames.sendNumbers(FrameType.ASK_CREDIT, call, number, bytes));
  }

  write(chunk: Uint8Array, onDrain: () => void): boolean {
    return this.#sink === null || this.#body.write(chunk, onDrain);
  }

  endBody(): void {
    if (this.#sink !== null) this.#body.end();
  }

  resume(): void {
    this.#answer.resume();
  }

  cancel(): void {
    if (this.#sink === null) return;
    this.#finish();
    this.#frames.sendNumber(FrameType.ASK_CANCEL, this.#call, this.#number);
  }

  sendData(piece: Uint8Array): void {
    this.#frames.sendPart(FrameType.ASK_DATA, this.#call, this.#number, piece);
  }

  sendEnd(): void {
    this.#frames.sendNumber(FrameType.ASK_END, this.#call, this.#number);
  }

  /** Takes one frame of its answer, without the number. */
  receive(type: number, payload: Buffer): void {
    switch (type) {
      case FrameType.ANSWER_HEAD:
        return this.#sink?.head(listOf(parseMeta(payload))[1]);
      case FrameType.ANSWER_DATA:
        return this.#data(askBody(payload));
      case FrameType.ANSWER_END:
        return this.#finish()?.end();
      case FrameType.ANSWER_CREDIT:
        if (payload.length !== 8) throw new ProtocolError('a credit of an ask that is not eight bytes');
        return this.#body.credit(payload.readUInt32LE(4));
      default:
        return this.#fail(listOf(parseMeta(payload)));
    }
  }

  /** The stream is gone. */
  lost(): void {
    this.#finish()?.fail({ code: 'UNAVAILABLE', message: 'the host that is asked is not there any more' });
  }

  #data(chunk: Buffer): void {
    this.#answer.count(chunk.length);
    if (this.#sink?.data(chunk) === false) this.#answer.hold();
    this.#answer.consumed();
  }

  #fail([, code, message, details]: readonly unknown[]): void {
    this.#finish()?.fail({
      code: String(code),
      message: String(message),
      ...(typeof details === 'object' && details !== null
        ? { details: details as Readonly<Record<string, string | number | null>> }
        : {}),
    });
  }

  #finish(): CapabilitySink | null {
    const sink = this.#sink;
    this.#sink = null;
    this.#body.stop();
    if (sink !== null) this.#onOver();
    return sink;
  }
}

/** The number of an answer's ask, where a meta says it. */
export function numberIn(payload: Buffer): number {
  const number = listOf(parseMeta(payload))[0];
  if (typeof number !== 'number') throw new ProtocolError('an answer without a number');
  return number;
}

function listOf(meta: unknown): readonly unknown[] {
  if (!Array.isArray(meta)) throw new ProtocolError('an answer that is not a list');
  return meta as unknown[];
}
