/** Sends a streamed response body, chunk by chunk, no faster than the host takes it. */

import type { GuestCall } from './call.ts';
import { bindContext, then } from './context.ts';

export interface StreamTarget {
  data(chunk: Uint8Array): void;
  end(): void;
  fail(error: unknown): void;
}

interface Reader {
  read(): PromiseLike<{ done: boolean; value: unknown }>;
  cancel(reason?: unknown): PromiseLike<unknown>;
}

/** The same numbers as the wire's: bytes in flight, and the largest chunk. */
const WINDOW_BYTES = 256 * 1024;
const CHUNK_BYTES = 64 * 1024;

export function pumpStream(
  call: GuestCall,
  stream: ReadableStream,
  encode: (text: string) => Uint8Array,
  target: StreamTarget,
): void {
  const reader = (stream as unknown as { getReader(): Reader }).getReader();
  let window = WINDOW_BYTES;
  let rest: Uint8Array | null = null;
  let reading = false;
  let over = false;

  call.cancelBody = () => {
    over = true;
    then(reader.cancel(new TypeError('The client went away')), ignore, ignore);
  };
  call.onCredit = bindContext((bytes: number) => {
    window += bytes;
    step();
  });
  step();

  function step(): void {
    while (rest !== null && window > 0 && !over) {
      const size = Math.min(rest.byteLength, CHUNK_BYTES, window);
      target.data(rest.slice(0, size));
      window -= size;
      rest = size < rest.byteLength ? rest.subarray(size) : null;
    }
    if (rest !== null || reading || over) return;
    reading = true;
    then(reader.read(), take, fail);
  }

  function take(result: unknown): void {
    const { done, value } = result as { done: boolean; value: unknown };
    reading = false;
    if (over) return;
    if (done) return finish(target.end);
    if (typeof value === 'string') rest = encode(value);
    else if (value instanceof Uint8Array) rest = value;
    else return fail(new TypeError('A response stream may hold Uint8Array chunks (or strings) only'));
    if (rest.byteLength === 0) rest = null;
    step();
  }

  function fail(error: unknown): void {
    finish(() => target.fail(error));
  }

  function finish(tell: () => void): void {
    if (over) return;
    over = true;
    call.cancelBody = null;
    tell();
  }
}

const ignore = (): void => undefined;
