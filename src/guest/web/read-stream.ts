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
  const teed = stream.tee();
  return [teed[0], isByteStream(stream) ? teed[1] : withCopies(teed[1])];
}

/** One that copies its chunks when it is teed. The streams library keeps its slots in properties. */
function isByteStream(stream: object): boolean {
  const controller = (stream as { _readableStreamController?: unknown })._readableStreamController;
  return isObject(controller) && hasOwn(controller, '_controlledReadableByteStream');
}

interface Controller {
  enqueue(chunk: unknown): void;
  close(): void;
}

function withCopies(stream: ReadableStream): ReadableStream {
  const reader = stream.getReader();
  return modules.streams().makeStream(
    {
      __proto__: null,
      pull: (controller: Controller) =>
        chain(reader.read(), ({ done, value }) => {
          if (done) controller.close();
          else controller.enqueue(modules.cloning().structuredClone(value));
        }),
      cancel: (reason: unknown) => reader.cancel(reason),
    },
    { __proto__: null, highWaterMark: 0 },
  );
}
