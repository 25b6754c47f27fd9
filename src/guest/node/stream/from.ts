/** Readable.from: what can be iterated, as a stream. */

import { invalidArgument } from '../lib/errors.ts';
import { nullChunk } from './null-chunk.ts';
import { Readable } from './readable.ts';
import type { Callback, StreamOptions } from './state.ts';

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

export function from(source: unknown, options: StreamOptions = {}): Readable {
  if (typeof source === 'string' || source instanceof Uint8Array) return ofOne(source, options);
  const iterator = iteratorOf(source);
  let reading = false;
  const stream = new Readable({
    objectMode: true,
    highWaterMark: 1,
    ...options,
    read(this: Readable) {
      if (reading) return;
      reading = true;
      void advance(this);
    },
    destroy(error: Error | null, callback: Callback) {
      close(error).then(
        () => callback(error),
        (failure: Error) => callback(error ?? failure),
      );
    },
  });

  async function advance(target: Readable): Promise<void> {
    try {
      for (;;) {
        const { value, done } = await iterator.next();
        if (done === true) return void target.push(null);
        const chunk: unknown = await value;
        if (chunk === null) throw nullChunk();
        if (!target.push(chunk)) break;
      }
      reading = false;
    } catch (error) {
      target.destroy(error as Error);
    }
  }

  async function close(error: Error | null): Promise<void> {
    if (error !== null && typeof iterator.throw === 'function') {
      const { done } = await iterator.throw(error);
      if (done === true) return;
    }
    await iterator.return?.();
  }

  return stream;
}

function ofOne(chunk: string | Uint8Array, options: StreamOptions): Readable {
  return new Readable({
    objectMode: true,
    ...options,
    read(this: Readable) {
      this.push(chunk);
      this.push(null);
    },
  });
}

function iteratorOf(source: unknown): AnyIterator {
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = (source ?? {}) as Partial<
    Record<symbol, (this: unknown) => AnyIterator>
  >;
  const start = later ?? now;
  if (typeof start !== 'function') throw invalidArgument('iterable', 'an instance of Iterable', source);
  return start.call(source);
}
