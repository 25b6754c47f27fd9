/**
 * GuestAsks: what one invocation asks of the host, on the isolate's side: each ask has a number that counts up, perhaps a
 * body that is sent under credit, and an answer that comes under credit.
 *
 * An answer that came whole by the end of a turn is given as bytes: most are small, and no stream is made for them.
 */

import type { Ask, AskBody, AskListener, AskRefusal } from '../web/host.ts';
import {
  dictionary,
  setBytes,
  stringify,
  typedArrayByteLength,
  typedArrayName,
  TypeError,
  Uint8Array,
} from '../web/primordials.ts';
import { BodyPump } from './body-pump.ts';
import { BodySource } from './body-source.ts';
import type { GuestCall } from './call.ts';
import { runAs } from './context.ts';
import { In, INLINE_UNITS, MAX_HEAD_UNITS, Out, type AnswerMessage, type Outbox } from './mailbox.ts';

/** What the asks of an isolate have in common. */
export interface AskEngine {
  readonly outbox: Outbox;
  makeStream(source: object, strategy: object): ReadableStream;
  encode(text: string): Uint8Array;
  /** `ask.flush()` is due when the messages of this turn are delivered. */
  flushLater(ask: GuestAsk): void;
}

/** Bytes up to this length go with the ask itself. */
const INLINE_BYTES = 64 * 1024;

const OVER: AskRefusal = { __proto__: null, code: 'CANCELLED', message: 'its invocation is over' } as AskRefusal;

export class GuestAsks {
  readonly #call: GuestCall;
  readonly #engine: AskEngine;
  readonly #open = dictionary<GuestAsk>();
  #last = 0;

  constructor(call: GuestCall, engine: AskEngine) {
    this.#call = call;
    this.#engine = engine;
  }

  /** `meta` is JSON. Throws a TypeError where it is too long. */
  begin(kind: string, meta: string, body: AskBody, listener: AskListener): Ask {
    if (meta.length > MAX_HEAD_UNITS)
      throw new TypeError(`What is sent besides a body may have ${MAX_HEAD_UNITS} characters, not ${meta.length}`);
    const number = ++this.#last;
    const ask = new GuestAsk(this.#call, number, this.#engine, listener, () => void delete this.#open[number]);
    this.#open[number] = ask;
    ask.send(kind, meta, body);
    return ask;
  }

  /** `bytes` finds what a message refers to. */
  deliver(message: AnswerMessage, bytes: (index: number) => Uint8Array): void {
    const ask = this.#open[typeof message[2] === 'number' ? message[2] : message[2][0]];
    if (ask === undefined) return;
    switch (message[0]) {
      case In.ANSWER_HEAD:
        return ask.onHead(message[2][1]);
      case In.ANSWER_DATA:
        return ask.onData(bytes(message[3]));
      case In.ANSWER_END:
        return ask.onEnd();
      case In.ANSWER_FAIL: {
        const failure = message[2];
        return ask.onFail({ code: failure[1], message: failure[2], details: failure[3] });
      }
      case In.ANSWER_CREDIT:
        return ask.onCredit(message[3]);
    }
  }

  /** The invocation is over, and so is for the host what it asked for. */
  end(): void {
    for (const number in this.#open) this.#open[number]?.onFail(OVER);
  }
}

export class GuestAsk implements Ask {
  readonly #call: GuestCall;
  readonly #number: number;
  readonly #engine: AskEngine;
  readonly #listener: AskListener;
  readonly #onOver: () => void;
  #pump: BodyPump | null = null;
  /** Of an answer that did not come whole. */
  #source: BodySource | null = null;
  #head: { readonly meta: unknown } | null = null;
  /** What came of the body before the head was given. */
  #early: Record<PropertyKey, Uint8Array> | null = null;
  #earlyCount = 0;
  #earlyBytes = 0;
  /** Nothing more is sent, and nothing comes. */
  #over = false;

  constructor(call: GuestCall, number: number, engine: AskEngine, listener: AskListener, onOver: () => void) {
    this.#call = call;
    this.#number = number;
    this.#engine = engine;
    this.#listener = listener;
    this.#onOver = onOver;
  }

  send(kind: string, meta: string, body: AskBody): void {
    const isShort =
      typeof body === 'string'
        ? body.length <= INLINE_UNITS
        : typedArrayName(body) !== undefined && typedArrayByteLength(body) <= INLINE_BYTES;
    const bodyKind = body === null ? 0 : isShort ? 1 : 2;
    const text = `[${this.#number},${stringify(kind)},${bodyKind},${meta}]`;
    this.#put(Out.ASK, text, isShort ? (body as string | Uint8Array) : null);
    if (bodyKind !== 2) return;
    const content = typeof body === 'string' ? this.#engine.encode(body) : (body as Uint8Array | ReadableStream);
    this.#pump = new BodyPump(this.#call, content, this.#engine.encode, {
      data: (chunk) => this.#put(Out.ASK_DATA, `${this.#number}`, chunk),
      end: () => this.#put(Out.ASK_END, `${this.#number}`, null),
      fail: (error) => this.cancel(error),
    });
    this.#pump.start();
  }

  onHead(meta: unknown): void {
    this.#head = { meta };
    this.#engine.flushLater(this);
  }

  onData(chunk: Uint8Array): void {
    if (this.#source !== null) return this.#source.push(chunk);
    this.#early ??= dictionary<Uint8Array>();
    this.#early[this.#earlyCount++] = chunk;
    this.#earlyBytes += typedArrayByteLength(chunk);
  }

  onEnd(): void {
    this.#finish();
    this.#pump?.cancel(undefined);
    if (this.#source !== null) return this.#source.end();
    if (this.#head !== null) this.#giveHead(this.#head.meta, this.#whole());
    this.#early = null;
  }

  onFail(refusal: AskRefusal): void {
    this.#finish();
    this.#fail(this.#listener.errorOf(refusal));
  }

  onCredit(bytes: number): void {
    this.#pump?.credit(bytes);
  }

  /** The turn is over: what has begun to come and is not all there is given as a stream. */
  flush(): void {
    runAs(this.#call, () => this.#giveStream());
  }

  cancel(reason: unknown): void {
    this.#stop();
    this.#fail(reason);
  }

  #stop(): void {
    if (this.#over) return;
    this.#finish();
    this.#put(Out.ASK_CANCEL, `${this.#number}`, null);
    this.#pump?.cancel(undefined);
  }

  /** Whoever waits hears why; who has all they waited for does not. */
  #fail(error: unknown): void {
    this.#pump?.cancel(error);
    this.#source?.fail(error);
    this.#listener.fail(error);
  }

  #giveStream(): void {
    if (this.#over || this.#head === null || this.#source !== null) return;
    this.#source = new BodySource(this.#engine.makeStream, {
      consumed: (bytes) => {
        if (!this.#over) this.#put(Out.ASK_CREDIT, `${this.#number},${bytes}`, null);
      },
      cancelled: () => this.#stop(),
    });
    this.#giveHead(this.#head.meta, this.#source.stream);
    for (let i = 0; i < this.#earlyCount; i++) this.#source.push(this.#early?.[i] as Uint8Array);
    this.#early = null;
  }

  /** What the listener throws must not end the turn: others have messages in it. */
  #giveHead(meta: unknown, body: Uint8Array | ReadableStream): void {
    try {
      this.#listener.head(meta, body);
    } catch (error) {
      this.cancel(error);
    }
  }

  #finish(): void {
    this.#over = true;
    this.#onOver();
    this.#listener.over();
  }

  #whole(): Uint8Array {
    if (this.#earlyCount === 1) return this.#early?.[0] as Uint8Array;
    const whole = new Uint8Array(this.#earlyBytes);
    let at = 0;
    for (let i = 0; i < this.#earlyCount; i++) {
      const chunk = this.#early?.[i] as Uint8Array;
      setBytes(whole, chunk, at);
      at += typedArrayByteLength(chunk);
    }
    return whole;
  }

  #put(kind: number, meta: string, body: string | Uint8Array | null): void {
    this.#engine.outbox.put(kind, this.#call.id, meta, body);
  }
}
