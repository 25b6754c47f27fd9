/**
 * NativeAsks: what one invocation asks of the host. Each ask has a number that counts up, perhaps a body that is sent
 * under credit, and an answer that comes under credit.
 *
 * An answer that came whole with one read of the channel is given as bytes: most are small, and no stream is made for them.
 */

import { BodySender, type BodyFrames } from '../../wire/body.ts';
import type { FrameSender } from '../../wire/connection.ts';
import { CHUNK_BYTES, FrameType, type AnswerFailMeta, type AnswerHeadMeta } from '../../wire/frames.ts';
import { askBody, askNumber, parseMeta, readCredit } from '../../wire/meta.ts';
import type { Ask, AskBody, AskListener, AskRefusal } from '../web/host.ts';
import { AskStream, type OpenAsk } from './ask-stream.ts';
import { BodyPump, BodySource } from './body.ts';

/** The longest head of a response, or of what is asked for, that user code may make. */
export const MAX_HEAD_UNITS: number = 96 * 1024;
/** A longer text is sent under credit. */
const INLINE_UNITS = 16 * 1024;

const OVER: AskRefusal = { code: 'CANCELLED', message: 'its invocation is over' };

export class NativeAsks {
  readonly #sender: FrameSender;
  readonly #call: number;
  readonly #open = new Map<number, OpenAsk>();
  #last = 0;

  /** `call` is its id on the connection. */
  constructor(sender: FrameSender, call: number) {
    this.#sender = sender;
    this.#call = call;
  }

  /** `meta` is JSON. Throws a TypeError where it is too long. */
  begin(kind: string, meta: string, body: AskBody, listener: AskListener): Ask {
    if (meta.length > MAX_HEAD_UNITS)
      throw new TypeError(`What is sent besides a body may have ${MAX_HEAD_UNITS} characters, not ${meta.length}`);
    const number = ++this.#last;
    const ask = new NativeAsk(this.#sender, this.#call, number, listener, () => void this.#open.delete(number));
    this.#open.set(number, ask);
    ask.send(kind, meta, body);
    return ask;
  }

  /** One whose request is its kind, as a stream both ways. */
  stream(kind: string): AskStream {
    const number = ++this.#last;
    const ask = new AskStream(this.#sender, this.#call, number, kind, () => void this.#open.delete(number));
    this.#open.set(number, ask);
    return ask;
  }

  /** Takes one ANSWER_… frame. */
  receive(type: number, payload: Buffer): void {
    const isMeta = type === FrameType.ANSWER_HEAD || type === FrameType.ANSWER_FAIL;
    const meta = isMeta ? (parseMeta(payload) as AnswerHeadMeta | AnswerFailMeta) : null;
    const ask = this.#open.get(meta === null ? askNumber(payload) : meta[0]);
    if (ask === undefined) return;
    switch (type) {
      case FrameType.ANSWER_HEAD:
        return ask.onHead((meta as AnswerHeadMeta)[1]);
      case FrameType.ANSWER_FAIL: {
        const [, code, message, details] = meta as AnswerFailMeta;
        return ask.onFail({ code, message, details });
      }
      case FrameType.ANSWER_DATA:
        return ask.onData(askBody(payload));
      case FrameType.ANSWER_END:
        return ask.onEnd();
      default:
        return ask.onCredit(readCredit(askBody(payload)));
    }
  }

  /** The invocation is over, and so is for the host what it asked for. */
  end(): void {
    for (const ask of [...this.#open.values()]) ask.onOver();
  }
}

class NativeAsk implements Ask, OpenAsk, BodyFrames {
  readonly #sender: FrameSender;
  readonly #call: number;
  readonly #number: number;
  readonly #listener: AskListener;
  readonly #onOver: () => void;
  readonly #body: BodySender;
  #pump: BodyPump | null = null;
  #source: BodySource | null = null;
  #head: { readonly meta: unknown } | null = null;
  /** What came of the body before the head was given. */
  #early: Uint8Array[] = [];
  /** Nothing more is sent, and nothing comes. */
  #over = false;

  constructor(sender: FrameSender, call: number, number: number, listener: AskListener, onOver: () => void) {
    this.#sender = sender;
    this.#call = call;
    this.#number = number;
    this.#listener = listener;
    this.#onOver = onOver;
    this.#body = new BodySender(this);
  }

  send(kind: string, meta: string, body: AskBody): void {
    const bodyKind = body === null ? 0 : isShort(body) ? 1 : 2;
    const text = `[${this.#number},${JSON.stringify(kind)},${bodyKind},${meta}]`;
    this.#sender.sendMeta(FrameType.ASK, this.#call, text, bodyKind === 1 ? (body as string | Uint8Array) : null);
    if (bodyKind !== 2) return;
    if (typeof body === 'string' || body instanceof Uint8Array) {
      this.#body.write(typeof body === 'string' ? Buffer.from(body, 'utf8') : body, () => undefined);
      this.#body.end();
    } else this.#pump = new BodyPump(body as ReadableStream, this.#body, (error) => this.cancel(error));
  }

  onHead(meta: unknown): void {
    this.#head = { meta };
    // What else has come with it is delivered before that.
    queueMicrotask(() => this.#giveStream());
  }

  onData(chunk: Uint8Array): void {
    if (this.#source === null) this.#early.push(new Uint8Array(chunk));
    else this.#source.push(chunk);
  }

  onEnd(): void {
    this.#finish();
    this.#stopBody(undefined);
    if (this.#source !== null) return this.#source.end();
    const [first] = this.#early;
    const whole = this.#early.length === 1 ? (first as Uint8Array) : new Uint8Array(Buffer.concat(this.#early));
    if (this.#head !== null) this.#giveHead(this.#head.meta, whole);
    this.#early = [];
  }

  onFail(refusal: AskRefusal): void {
    this.#finish();
    this.#fail(this.#listener.errorOf(refusal));
  }

  onOver(): void {
    this.onFail(OVER);
  }

  onCredit(bytes: number): void {
    this.#body.credit(bytes);
  }

  cancel(reason: unknown): void {
    this.#stop();
    this.#fail(reason);
  }

  /** For its {@link BodySender} only. */
  sendData(piece: Uint8Array): void {
    if (!this.#over) this.#sender.sendPart(FrameType.ASK_DATA, this.#call, this.#number, piece);
  }

  /** For its {@link BodySender} only. */
  sendEnd(): void {
    if (!this.#over) this.#sender.sendNumber(FrameType.ASK_END, this.#call, this.#number);
  }

  #giveStream(): void {
    if (this.#over || this.#head === null || this.#source !== null) return;
    const source = new BodySource({
      consumed: (bytes) => {
        if (!this.#over) this.#sender.sendNumbers(FrameType.ASK_CREDIT, this.#call, this.#number, bytes);
      },
      cancelled: () => this.#stop(),
    });
    this.#source = source;
    this.#giveHead(this.#head.meta, source.stream);
    for (const chunk of this.#early.splice(0)) source.push(chunk);
  }

  #giveHead(meta: unknown, body: Uint8Array | ReadableStream): void {
    try {
      this.#listener.head(meta, body);
    } catch (error) {
      this.cancel(error);
    }
  }

  #stop(): void {
    if (this.#over) return;
    this.#finish();
    this.#sender.sendNumber(FrameType.ASK_CANCEL, this.#call, this.#number);
    this.#stopBody(undefined);
  }

  /** Whoever waits hears why; who has all they waited for does not. */
  #fail(error: unknown): void {
    this.#stopBody(error);
    this.#source?.fail(error);
    this.#listener.fail(error);
  }

  #stopBody(reason: unknown): void {
    this.#body.stop();
    this.#pump?.cancel(reason);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver();
    this.#listener.over();
  }
}

const isShort = (body: AskBody): boolean =>
  typeof body === 'string' ? body.length <= INLINE_UNITS : body instanceof Uint8Array && body.length <= CHUNK_BYTES;
