/** WebSocket connection: one `websocket` ask of the host. Both its bodies are streams of records. */

import { chain, host, resolved } from './engine.ts';
import type { Ask, AskListener, AskRefusal } from './host.ts';
import { listJson } from './list-json.ts';
import * as modules from './modules.ts';
import {
  hide,
  keysOf,
  put,
  setBytes,
  stringify,
  typedArrayByteLength,
  typedArrayName,
  TypeError,
  Uint8Array,
} from './primordials.ts';
import { utf8Length, encodeUtf8 } from './utf8.ts';
import { BINARY, CLOSE, record, RecordReader, TEXT } from './websocket-records.ts';

/** Hears `opened` and messages, or neither; then `ended`, once. Always as part of the invocation that asked. */
export interface ConnectionListener {
  opened(protocol: string): void;
  text(message: string): void;
  /** The bytes are nobody else's. */
  bytes(message: Uint8Array): void;
  /** So many bytes of messages have left. */
  sent(bytes: number): void;
  /** `error` is undefined where nothing went wrong. */
  ended(close: Ending, error: unknown): void;
}

/** What a WebSocket needs of what it sends by. */
export interface SocketConnection {
  sendText(message: string): void;
  sendBytes(message: Uint8Array): void;
  /** After what is queued. Without a code, none is sent. */
  close(code: number | null, reason: string): void;
  /** Before it is open: it will not be. */
  abandon(): void;
}

export interface Ending {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

interface Queued {
  readonly bytes: Uint8Array;
  /** Of the message, as `bufferedAmount` counts. */
  readonly size: number;
  next: Queued | null;
}

interface Controller {
  enqueue(chunk: Uint8Array): void;
  close(): void;
}

const NO_BYTES: Uint8Array = new Uint8Array(0);
const ABNORMAL = 1006;
const TOO_BIG = 1009;

export class Connection implements AskListener, SocketConnection {
  readonly #listener: ConnectionListener;
  readonly #run: (step: () => void) => void;
  readonly #reader: RecordReader = new RecordReader();
  #ask: Ask | null = null;
  #controller: Controller | null = null;
  #first: Queued | null = null;
  #last: Queued | null = null;
  /** The host has room for a record. */
  #isWanted = false;
  #isOver = false;
  #failureCode: number = ABNORMAL;

  constructor(listener: ConnectionListener) {
    this.#listener = listener;
    this.#run = host.bindContext((step: () => void) => step());
  }

  /** Throws a TypeError outside of any invocation. */
  start(url: string, protocols: readonly string[]): void {
    const meta = `{"url":${stringify(url)},"protocols":${listJson(protocols)}}`;
    this.#ask = host.ask('websocket', meta, this.#records(), this);
    if (this.#ask === null) throw new TypeError('new WebSocket() works inside of an invocation only');
  }

  sendText(message: string): void {
    this.#send(TEXT, encodeUtf8(message), utf8Length(message));
  }

  sendBytes(message: Uint8Array): void {
    this.#send(BINARY, message, typedArrayByteLength(message));
  }

  /** After what is queued. Without a code, none is sent. */
  close(code: number | null, reason: string): void {
    const text = encodeUtf8(reason);
    const payload = code === null && text.length === 0 ? NO_BYTES : new Uint8Array(2 + text.length);
    if (payload.length > 0) {
      payload[0] = (code ?? 1000) >> 8;
      payload[1] = code ?? 1000;
      setBytes(payload, text, 2);
    }
    this.#send(CLOSE, payload, 0);
  }

  /** Before it is open: it will not be. Heard of in a later turn. */
  abandon(): void {
    const error = new TypeError('The WebSocket was closed before it was open');
    void chain(resolved(undefined), () => this.#end({ code: ABNORMAL, reason: '', wasClean: false }, error));
    const ask = this.#ask;
    this.#ask = null;
    ask?.cancel(error);
  }

  head(meta: unknown, body: Uint8Array | ReadableStream): void {
    if (this.#ask === null) return;
    const { protocol } = meta as { readonly protocol: string };
    this.#run(() => this.#listener.opened(protocol));
    if (typedArrayName(body) === undefined)
      return this.#read((body as ReadableStream).getReader() as ReadableStreamDefaultReader<Uint8Array>);
    this.#take(body as Uint8Array);
    this.#broken(undefined);
  }

  fail(error: unknown): void {
    if (this.#ask !== null) this.#broken(error);
  }

  over(): void {
    this.#controller = null;
  }

  errorOf(refusal: AskRefusal): unknown {
    if (refusal.code === 'TOO_LARGE') this.#failureCode = TOO_BIG;
    return connectionError(refusal);
  }

  /** What is sent, record by record, as the host has room. */
  #records(): ReadableStream {
    return modules.streams().makeStream(
      {
        __proto__: null,
        start: (controller: Controller) => void (this.#controller = controller),
        pull: () => {
          this.#isWanted = true;
          this.#give();
        },
      },
      { __proto__: null, highWaterMark: 0 },
    );
  }

  #send(kind: number, payload: Uint8Array, size: number): void {
    const queued: Queued = { bytes: record(kind, payload), size, next: null };
    if (this.#last === null) this.#first = queued;
    else this.#last.next = queued;
    this.#last = queued;
    // Until the code that sends has returned, what it sent counts as buffered.
    void chain(resolved(undefined), () => this.#give());
  }

  #give(): void {
    const queued = this.#first;
    if (!this.#isWanted || queued === null || this.#controller === null) return;
    this.#isWanted = false;
    this.#first = queued.next;
    if (this.#first === null) this.#last = null;
    this.#controller.enqueue(queued.bytes);
    this.#listener.sent(queued.size);
  }

  #read(reader: ReadableStreamDefaultReader<Uint8Array>): void {
    void chain(
      reader.read(),
      ({ done, value }) => {
        if (done) return this.#broken(undefined);
        this.#take(value);
        this.#read(reader);
      },
      (error) => this.#broken(error),
    );
  }

  #take(chunk: Uint8Array): void {
    this.#reader.push(chunk, (kind, payload) => {
      if (kind === CLOSE) return this.#end(endingOf(payload), undefined);
      this.#run(() => {
        if (kind === TEXT) this.#listener.text(textOf(payload));
        else this.#listener.bytes(payload);
      });
    });
  }

  /** It ended without a word of the other side. */
  #broken(error: unknown): void {
    const ending = { code: this.#failureCode, reason: '', wasClean: false };
    this.#end(ending, error ?? new TypeError('The connection of the WebSocket broke'));
  }

  #end(ending: Ending, error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#first = this.#last = null;
    const failed = ending.code === ABNORMAL && error === undefined;
    const cause = failed ? new TypeError('The connection of the WebSocket broke') : error;
    this.#run(() => this.#listener.ended(ending, cause));
  }
}

function endingOf(payload: Uint8Array): Ending {
  const code = ((payload[0] as number) << 8) | (payload[1] as number);
  const reason = new Uint8Array(typedArrayByteLength(payload) - 3);
  for (let i = 0; i < reason.length; i++) reason[i] = payload[i + 3] as number;
  return { code, wasClean: payload[2] === 1, reason: textOf(reason) };
}

/** The host sends UTF-8. A byte order mark is a character like others. */
const textOf = (bytes: Uint8Array): string => modules.encoding().decodeStrictUtf8(bytes) ?? '';

/** A TypeError that says why, with the code as its own and as its cause's, beside the details. */
function connectionError({ code, message, details }: AskRefusal): TypeError {
  const error = new TypeError(`WebSocket failed: ${message}`);
  const cause = {};
  put(cause, 'code', code);
  const names = details === undefined ? [] : keysOf(details);
  for (let i = 0; i < names.length; i++) put(cause, names[i] as string, details?.[names[i] as string]);
  hide(error, 'cause', cause);
  hide(error, 'code', code);
  return error;
}
