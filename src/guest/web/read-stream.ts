/** Streams of bytes, read to their end or in two. */

import { chain } from './engine.ts';
import * as modules from './modules.ts';
import { bytesOf, copyBytes, hasOwn, isObject, push, setBytes, TypeError, Uint8Array } from './primordials.ts';

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
      const chunk = value instanceof Uint8Array ? bytesOf(value) : null;
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

/** Two streams of what one holds. The second has chunks of its own: nobody who writes to one is seen in the other. */
export function teeBody(stream: ReadableStream): readonly [ReadableStream, ReadableStream] {
  if (!isByteStream(stream)) return new Tee(stream).streams;
  const teed = stream.tee();
  return [teed[0], teed[1]];
}

/** One that copies its chunks when it is teed. The streams library keeps its slots in properties. */
function isByteStream(stream: object): boolean {
  const controller = (stream as { _readableStreamController?: unknown })._readableStreamController;
  return isObject(controller) && hasOwn(controller, '_controlledReadableByteStream');
}

interface Controller {
  enqueue(chunk: unknown): void;
  close(): void;
  error(reason: unknown): void;
}

/** Reads one stream for two, as far as the faster of them wants. */
class Tee {
  readonly streams: readonly [ReadableStream, ReadableStream];
  readonly #reader: ReadableStreamReader<unknown>;
  #first: Controller | null = null;
  #second: Controller | null = null;
  #isReading = false;

  constructor(stream: ReadableStream) {
    this.#reader = stream.getReader();
    this.streams = [
      this.#branch(
        (controller) => void (this.#first = controller),
        () => this.#second === null,
      ),
      this.#branch(
        (controller) => void (this.#second = controller),
        () => this.#first === null,
      ),
    ];
  }

  /** `set` takes its controller, and null when it is cancelled. */
  #branch(set: (controller: Controller | null) => void, isLast: () => boolean): ReadableStream {
    return modules.streams().makeStream(
      {
        __proto__: null,
        start: set,
        pull: () => this.#read(),
        cancel: (reason: unknown) => {
          set(null);
          return isLast() ? this.#reader.cancel(reason) : undefined;
        },
      },
      { __proto__: null, highWaterMark: 0 },
    );
  }

  #read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    void chain(
      this.#reader.read(),
      ({ done, value }) => {
        this.#isReading = false;
        if (done) return this.#each((controller) => controller.close());
        try {
          const copy = modules.cloning().structuredClone(value);
          this.#first?.enqueue(value);
          this.#second?.enqueue(copy);
        } catch (error) {
          this.#fail(error);
          void chain(this.#reader.cancel(error), ignore, ignore);
        }
      },
      (error) => this.#fail(error),
    );
  }

  #fail(reason: unknown): void {
    this.#each((controller) => controller.error(reason));
  }

  #each(tell: (controller: Controller) => void): void {
    if (this.#first !== null) tell(this.#first);
    if (this.#second !== null) tell(this.#second);
  }
}
