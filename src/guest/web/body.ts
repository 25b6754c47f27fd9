/**
 * The body of a Request or Response: text, bytes or a stream, as it was given.
 *
 * A stream is made only when somebody reads `.body`: most bodies go from one side to the other without one, which is
 * three times as fast.
 */

import { host, rejected, resolved } from './engine.ts';
import { extractBody, isDisturbed, isStream, TEXT_TYPE } from './body-init.ts';
import * as modules from './modules.ts';
import {
  charCodeAt,
  copyBytes,
  parse,
  Promise,
  stringSlice,
  toWellFormed,
  typedArrayBuffer,
  TypeError,
  uncurry,
  Uint8Array,
} from './primordials.ts';
import { collect, teeBody } from './read-stream.ts';
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
export let hasContent: (body: Body) => boolean;
/** Puts in what a `body` argument holds; returns the Content-Type that it brings along. */
export let fillBody: (body: Body, init: unknown) => string | null;
/** Once the signal aborts, the body can't be read any more. */
export let setSignal: (body: Body, signal: BodySignal) => void;
/** What `.body` shows. */
export let streamOfBody: (body: Body) => ReadableStream | null;
export let isBodyUsed: (body: Body) => boolean;
/** Reads it to its end. Rejects with a TypeError if it was read or is being read, and with whatever `convert` throws. */
let consume: <T>(body: Body, convert: (whole: Whole) => T) => Promise<T>;

export { isStream } from './body-init.ts';
export { readAll } from './read-stream.ts';

/** The streams that were read off some message's `.body`. */
const shown: WeakSet<object> = new WeakSet();
const addTo = uncurry(WeakSet.prototype.add as (this: WeakSet<object>, value: object) => unknown);
const isIn = uncurry(WeakSet.prototype.has);
export const isMessageStream = (stream: object): boolean => isIn(shown, stream);

export interface BodySignal {
  readonly aborted: boolean;
  readonly reason: unknown;
}

/** Only its state: the members are each class's own, as the standard has it. */
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
    hasContent = (body) => body.#content !== null;
    fillBody = (body, init) => {
      if (typeof init === 'string') {
        body.#content = init;
        return TEXT_TYPE;
      }
      const { content, type } = extractBody(init);
      setContent(body, content);
      return type;
    };
    contentOf = (body) => {
      if (body.#unusable()) throw unusable();
      return body.#content;
    };
    takeContent = (body) => {
      const content = contentOf(body);
      body.#used = content !== null;
      // What is shown of a body that has gone elsewhere is a stream that nobody can read.
      if (body.#stream !== null && body.#stream !== content) body.#stream.getReader();
      return content;
    };
    cloneContent = (body) => {
      if (body.#unusable()) throw unusable();
      if (isStream(body.#content)) {
        const teed = teeBody(body.#content);
        body.#content = body.#stream = teed[0];
        return teed[1];
      }
      return isBytes(body.#content) ? copyBytes(body.#content) : body.#content;
    };
    streamOfBody = (body) => {
      if (body.#content === null) return null;
      const stream = (body.#stream ??= body.#used ? readStream() : streamOf(body.#content as Whole));
      addTo(shown, stream);
      return stream;
    };
    isBodyUsed = (body) => body.#used || isDisturbed(body.#stream);
    consume = (body, convert) => {
      try {
        if (body.#signal?.aborted === true && body.#content !== null) return rejected(body.#signal.reason);
        if (body.#unusable()) return rejected(unusable());
        body.#used = body.#content !== null;
        if (body.#stream !== null) return convertAll(body.#stream, convert);
        return resolved(convert((body.#content as Whole | null) ?? ''));
      } catch (error) {
        return rejected(error);
      }
    };
  }

  #unusable(): boolean {
    return this.#used || (this.#stream !== null && (this.#stream.locked || isDisturbed(this.#stream)));
  }
}

export const readText = (body: Body): Promise<string> => consume(body, textOf);
export const readJson = (body: Body): Promise<unknown> => consume(body, (whole) => parse(textOf(whole)) as unknown);
export const readBytes = (body: Body): Promise<Uint8Array> => consume(body, wholeBytes);
export const readBuffer = (body: Body): Promise<ArrayBuffer> =>
  consume(body, (whole) => typedArrayBuffer(wholeBytes(whole)));

/** A stream's bytes, converted as soon as they are there: a promise for the bytes would ask them for `then`. */
function convertAll<T>(stream: ReadableStream, convert: (whole: Whole) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (bytes: Uint8Array): void => {
      try {
        resolve(convert(bytes));
      } catch (error) {
        reject(error);
      }
    };
    collect(stream, host.bindContext(done), reject);
  });
}

/** `typeOf` gives the Content-Type that its headers name, once the body has been read. */
export const readBlob = <T extends Body>(body: T, typeOf: (body: T) => string | null): Promise<object> =>
  consume(body, (whole) => modules.forms().blobOfBody(wholeBytes(whole), typeOf(body)));
export const readForm = <T extends Body>(body: T, typeOf: (body: T) => string | null): Promise<object> =>
  consume(body, (whole) => modules.forms().formOfBody(whole, typeOf(body)));

/** Without a byte order mark, and with U+FFFD for what is not UTF-8. */
function textOf(whole: Whole): string {
  if (typeof whole !== 'string') return modules.encoding().decodeUtf8(whole);
  const text = toWellFormed(whole);
  return charCodeAt(text, 0) === BYTE_ORDER_MARK ? stringSlice(text, 1) : text;
}

const BYTE_ORDER_MARK = 0xfeff;
const wholeBytes = (whole: Whole): Uint8Array => (typeof whole === 'string' ? encodeUtf8(whole) : whole);
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
const unusable = (): TypeError => new TypeError('The body has already been read, or is being read');

interface ByteController {
  readonly byobRequest: { respond(bytes: number): void } | null;
  enqueue(chunk: Uint8Array): void;
  close(): void;
}

function streamOf(whole: Whole): ReadableStream {
  return modules.streams().makeStream(
    {
      __proto__: null,
      type: 'bytes',
      pull(controller: ByteController) {
        if (whole.length > 0) controller.enqueue(wholeBytes(whole));
        controller.close();
        // Who waits with a buffer of their own hears of the end by it.
        controller.byobRequest?.respond(0);
      },
    },
    { __proto__: null, highWaterMark: 0 },
  );
}

/** What `.body` shows when another method has read it: a stream that is closed and locked. */
function readStream(): ReadableStream {
  const stream = streamOf('');
  stream.getReader();
  return stream;
}
