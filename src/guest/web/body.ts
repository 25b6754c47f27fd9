/**
 * The body of a Request or Response: text, bytes or a stream, as it was given.
 *
 * A stream is made only when somebody reads `.body`: most bodies go from one side to the other without one, which is
 * three times as fast.
 */

import { chain, rejected, resolved } from './engine.ts';
import * as modules from './modules.ts';
import {
  bytesOf,
  copyBytes,
  isObject,
  parse,
  push,
  setBytes,
  toText,
  toWellFormed,
  typedArrayBuffer,
  TypeError,
  Uint8Array,
} from './primordials.ts';
import { encodeUtf8 } from './utf8.ts';

export type BodyContent = string | Uint8Array | ReadableStream | null;
type Whole = string | Uint8Array;

/** The content as it is, to be sent on without reading it. Throws a TypeError if it was read or is being read. */
export let contentOf: (body: Body) => BodyContent;
/** The same, and nobody else can read it any more. */
export let takeContent: (body: Body) => BodyContent;
/** A second body with the same content. Throws a TypeError if it was read or is being read. */
export let cloneContent: (body: Body) => BodyContent;
export let setContent: (body: Body, content: BodyContent) => void;
/** Once the signal aborts, the body can't be read any more. */
export let setSignal: (body: Body, signal: BodySignal) => void;

export interface BodySignal {
  readonly aborted: boolean;
  readonly reason: unknown;
}

export class Body {
  #content: BodyContent = null;
  /** Made of the content, or the content itself. */
  #stream: ReadableStream | null = null;
  #used = false;
  #signal: BodySignal | null = null;

  static {
    setSignal = (body, signal) => void (body.#signal = signal);
    setContent = (body, content) => {
      body.#content = content;
      if (isStream(content)) body.#stream = content;
    };
    contentOf = (body) => {
      if (body.#unusable()) throw unusable();
      return body.#stream ?? body.#content;
    };
    takeContent = (body) => {
      const content = contentOf(body);
      body.#used = content !== null;
      return content;
    };
    cloneContent = (body) => {
      if (body.#unusable()) throw unusable();
      if (body.#stream !== null) {
        const [mine, other] = body.#stream.tee();
        body.#content = body.#stream = mine;
        return other;
      }
      return isBytes(body.#content) ? copyBytes(body.#content) : body.#content;
    };
  }

  get body(): unknown {
    if (this.#content === null) return null;
    return (this.#stream ??= this.#used ? readStream() : streamOf(this.#content as Whole));
  }

  get bodyUsed(): boolean {
    return this.#used || isDisturbed(this.#stream);
  }

  text(): Promise<string> {
    return this.#consume(textOf);
  }

  json(): Promise<unknown> {
    return this.#consume((whole) => parse(textOf(whole)) as unknown);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#consume((whole) => typedArrayBuffer(wholeBytes(whole)));
  }

  bytes(): Promise<Uint8Array> {
    return this.#consume(wholeBytes);
  }

  #consume<T>(convert: (whole: Whole) => T): Promise<T> {
    try {
      if (this.#unusable()) return rejected(unusable());
      this.#used = this.#content !== null;
      if (this.#signal?.aborted === true && this.#used) return rejected(this.#signal.reason);
      if (this.#stream !== null) return chain(readAll(this.#stream), convert);
      return resolved(convert((this.#content as Whole | null) ?? ''));
    } catch (error) {
      return rejected(error);
    }
  }

  #unusable(): boolean {
    return this.#used || (this.#stream !== null && (this.#stream.locked || isDisturbed(this.#stream)));
  }
}

/** What a `body` argument holds: a copy of bytes, a string for whatever is neither bytes nor a stream. */
export function extractContent(init: unknown): BodyContent {
  if (typeof init === 'string') return init;
  if (init === null || init === undefined) return null;
  const bytes = bytesOf(init);
  if (bytes !== null) return copyBytes(bytes);
  if (isStream(init)) {
    if (init.locked || isDisturbed(init)) throw new TypeError('The stream given as a body is locked or has been read');
    return init;
  }
  return toText(init);
}

/** The Content-Type that a `body` argument brings along. */
export function contentTypeOf(init: unknown): string | null {
  if (typeof init === 'string') return 'text/plain;charset=UTF-8';
  if (init === null || init === undefined || isStream(init) || bytesOf(init) !== null) return null;
  const isForm = modules.urlIfLoaded()?.isURLSearchParams(init) === true;
  return isForm ? 'application/x-www-form-urlencoded;charset=UTF-8' : 'text/plain;charset=UTF-8';
}

/** Ours, or one that a package brought along. */
export function isStream(value: unknown): value is ReadableStream {
  return isObject(value) && !isBytes(value) && typeof (value as ReadableStream).getReader === 'function';
}

/** Reads a stream of bytes to its end; any other chunk rejects with a TypeError. `maxBytes` rejects with `tooLong()`. */
export function readAll(
  stream: ReadableStream,
  maxBytes: number = Infinity,
  tooLong?: () => unknown,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const next = (): Promise<Uint8Array> =>
    chain(reader.read(), ({ done, value }) => {
      if (done) return joined(chunks, length);
      const chunk = bytesOf(value);
      if (chunk === null) throw new TypeError('A body stream may hold Uint8Array chunks only');
      length += chunk.length;
      if (length > maxBytes) {
        void chain(reader.cancel(), ignore, ignore);
        throw tooLong?.();
      }
      push(chunks, chunk);
      return next();
    });
  return next();
}

const ignore = (): void => undefined;

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return copyBytes(chunks[0] as Uint8Array);
  const whole = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < chunks.length; i++) {
    setBytes(whole, chunks[i] as Uint8Array, at);
    at += (chunks[i] as Uint8Array).length;
  }
  return whole;
}

const textOf = (whole: Whole): string =>
  typeof whole === 'string' ? toWellFormed(whole) : modules.encoding().decodeUtf8(whole);
const wholeBytes = (whole: Whole): Uint8Array => (typeof whole === 'string' ? encodeUtf8(whole) : whole);
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
/** The streams library keeps the standard's [[disturbed]] slot in a property. */
const isDisturbed = (stream: ReadableStream | null): boolean =>
  (stream as { _disturbed?: boolean } | null)?._disturbed === true;
const unusable = (): TypeError => new TypeError('The body has already been read, or is being read');

function streamOf(whole: Whole): ReadableStream {
  return modules.streams().makeStream(
    {
      type: 'bytes',
      pull(controller: { enqueue(chunk: Uint8Array): void; close(): void }) {
        if (whole.length > 0) controller.enqueue(wholeBytes(whole));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** What `.body` shows when another method has read it: a stream that is closed and locked. */
function readStream(): ReadableStream {
  const stream = streamOf('');
  stream.getReader();
  return stream;
}
