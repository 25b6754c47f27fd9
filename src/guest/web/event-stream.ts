/** EventStream: one `fetch` ask of the host whose answer is a stream of events, decoded. */

import { host } from './engine.ts';
import type { Ask, AskListener, AskRefusal, FetchReply } from './host.ts';
import { listJson } from './list-json.ts';
import { mimeTypeOfHeader } from './mime-type.ts';
import * as modules from './modules.ts';
import { push, stringify, toLowerCase, typedArrayName } from './primordials.ts';
import { eachChunk } from './read-stream.ts';
import { startTimer } from './timers.ts';
import { encodeUtf8 } from './utf8.ts';

/** Hears `opened` and text, or neither; then one of the others, once. Always as part of the invocation that asked. */
export interface StreamListener {
  opened(origin: string): void;
  text(text: string): void;
  /** It could not be had, or has ended. Trying again may help. */
  broken(): void;
  /** Trying again would not help. */
  refused(reason: string): void;
}

/** Refusals that stand: by policy, or because whoever asked is gone. */
const FINAL = { __proto__: null, EGRESS_BLOCKED: true, CANCELLED: true, FORBIDDEN: true } as unknown as Readonly<
  Record<string, true | undefined>
>;

export class EventStream implements AskListener {
  readonly #listener: StreamListener;
  readonly #take: (chunk: unknown) => boolean;
  readonly #ended: () => void;
  #ask: Ask | null = null;
  #isOver = false;

  constructor(listener: StreamListener) {
    const decoder = new (modules.encoding().TextDecoder)();
    const { decodeChunk } = modules.encoding();
    this.#listener = listener;
    this.#take = host.bindContext((chunk) => {
      if (!this.#isOver) listener.text(decodeChunk(decoder, chunk as Uint8Array, true));
      return !this.#isOver;
    });
    this.#ended = host.bindContext(() => {
      if (this.#isOver) return;
      this.#isOver = true;
      listener.broken();
    });
  }

  start(url: string, lastEventId: string): void {
    const headers = ['accept', 'text/event-stream', 'cache-control', 'no-cache'];
    if (lastEventId !== '') {
      push(headers, 'last-event-id');
      push(headers, headerValueOf(lastEventId));
    }
    const meta = `{"method":"GET","url":${stringify(url)},"headers":${listJson(headers)},"redirect":"follow"}`;
    this.#ask = host.ask('fetch', meta, null, this);
    if (this.#ask === null) this.#refuse('EventSource works inside of an invocation only');
  }

  cancel(): void {
    this.#isOver = true;
    this.#ask?.cancel(undefined);
  }

  head(meta: unknown, body: Uint8Array | ReadableStream): void {
    const { status, url, headers } = meta as FetchReply;
    const type = mimeTypeOfHeader(headerOf(headers, 'content-type'))?.essence;
    if (status !== 200 || type !== 'text/event-stream') {
      this.#refuse(`The answer has the status ${status} and the type ${type ?? 'unknown'}`);
      this.#ask?.cancel(undefined);
      return;
    }
    const { basicURLParse, serializeURLOrigin } = modules.urlParser();
    const record = basicURLParse(url);
    this.#listener.opened(record === null ? '' : serializeURLOrigin(record));
    if (typedArrayName(body) === undefined) return this.#read(body as ReadableStream);
    this.#take(body);
    this.#ended();
  }

  fail(error: unknown): void {
    const refusal = error as AskRefusal | undefined;
    if (refusal !== undefined && FINAL[refusal.code] === true) this.#refuse(refusal.message);
    else this.#ended();
  }

  over(): void {
    this.#ask = null;
  }

  errorOf(refusal: AskRefusal): unknown {
    return refusal;
  }

  #read(stream: ReadableStream): void {
    eachChunk(stream, stream.getReader(), this.#take, this.#ended, this.#ended);
  }

  /** Told later: whoever makes an EventSource has had no time to listen yet. */
  #refuse(reason: string): void {
    this.#isOver = true;
    startTimer(() => this.#listener.refused(reason), 0);
  }
}

const { fromCharCode } = String;

/** As UTF-8, a byte a character. */
function headerValueOf(text: string): string {
  const bytes = encodeUtf8(text);
  let value = '';
  for (let i = 0; i < bytes.length; i++) value += fromCharCode(bytes[i] as number);
  return value;
}

function headerOf(headers: readonly string[], name: string): string | null {
  for (let i = 0; i < headers.length; i += 2)
    if (toLowerCase(headers[i] as string) === name) return headers[i + 1] as string;
  return null;
}
