/**
 * AskStream: one ask of the host as a stream of bytes each way, without a stream of the web's between: what is written is
 * its body, what is read is its answer, and both keep to the window.
 *
 * The end of the answer is the end of the ask: what is written after it goes nowhere.
 */

import { Duplex } from 'node:stream';
import { BodySender, type BodyFrames } from '../../wire/body.ts';
import type { FrameSender } from '../../wire/connection.ts';
import { FrameType, WINDOW_BYTES } from '../../wire/frames.ts';
import type { AskRefusal } from '../web/host.ts';

/** What takes the frames of one answer. */
export interface OpenAsk {
  onHead(meta: unknown): void;
  onData(chunk: Uint8Array): void;
  onEnd(): void;
  onFail(refusal: AskRefusal): void;
  onCredit(bytes: number): void;
  /** The invocation is over. */
  onOver(): void;
}

const BUFFER_BYTES = 64 * 1024;
const CREDIT_LOT_BYTES = WINDOW_BYTES / 4;

export class AskStream extends Duplex implements OpenAsk, BodyFrames {
  readonly #sender: FrameSender;
  readonly #call: number;
  readonly #number: number;
  readonly #forget: () => void;
  readonly #body: BodySender;
  #unacknowledged = 0;
  #isOver = false;

  /** `call` is its id on the connection; `kind` needs no more of a request than its name. */
  constructor(sender: FrameSender, call: number, number: number, kind: string, forget: () => void) {
    super({ readableHighWaterMark: BUFFER_BYTES, writableHighWaterMark: BUFFER_BYTES });
    this.#sender = sender;
    this.#call = call;
    this.#number = number;
    this.#forget = forget;
    this.#body = new BodySender(this);
    sender.sendMeta(FrameType.ASK, call, `[${number},${JSON.stringify(kind)},2,null]`, null);
  }

  onHead(): void {
    // It says nothing.
  }

  onData(chunk: Uint8Array): void {
    this.#unacknowledged += chunk.length;
    if (this.destroyed || this.push(Buffer.from(chunk))) this.#acknowledge();
  }

  onEnd(): void {
    this.#finish();
    this.push(null);
  }

  onFail(refusal: AskRefusal): void {
    this.#finish();
    this.destroy(refusedAsk(refusal));
  }

  onCredit(bytes: number): void {
    this.#body.credit(bytes);
  }

  /** As if the other side had gone. */
  onOver(): void {
    this.#finish();
    this.destroy();
  }

  /** For its {@link BodySender} only. */
  sendData(piece: Uint8Array): void {
    this.#sender.sendPart(FrameType.ASK_DATA, this.#call, this.#number, piece);
  }

  /** For its {@link BodySender} only. */
  sendEnd(): void {
    this.#sender.sendNumber(FrameType.ASK_END, this.#call, this.#number);
  }

  override _read(): void {
    this.#acknowledge();
  }

  /** The bytes are copied: whoever wrote them may use them again, and they may wait for credit. */
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#isOver || this.#body.write(Buffer.from(chunk), done)) done();
  }

  override _final(done: () => void): void {
    if (!this.#isOver) this.#body.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#isOver) {
      this.#finish();
      this.#sender.sendNumber(FrameType.ASK_CANCEL, this.#call, this.#number);
    }
    done(error);
  }

  #acknowledge(): void {
    if (this.#isOver || this.#unacknowledged < CREDIT_LOT_BYTES) return;
    this.#sender.sendNumbers(FrameType.ASK_CREDIT, this.#call, this.#number, this.#unacknowledged);
    this.#unacknowledged = 0;
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#body.stop();
    this.#forget();
  }
}

/** The host does not begin it, or breaks it off: a limit of the invocation, or no such service. */
function refusedAsk({ code, message }: AskRefusal): Error {
  const isRefused = code === 'NOT_GRANTED' || code === 'UNAVAILABLE';
  const text = isRefused ? `There is no network in this sandbox besides fetch(): ${message}` : message;
  return Object.assign(new Error(text), { code: isRefused ? 'ENETUNREACH' : 'ECONNRESET', cause: { code } });
}
