/** BodyPump: sends a body to the host, chunk by chunk, no faster than the host takes it. */

import {
  arrayBufferLength,
  copyBytes,
  min,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayName,
  typedArrayOffset,
  TypeError,
  Uint8Array,
} from '../web/primordials.ts';
import { isByteStream } from '../web/read-stream.ts';
import type { GuestCall } from './call.ts';
import { runAs } from './context.ts';
import { then } from './context-promise.ts';

export interface BodyTarget {
  /** Takes one chunk, which is its own from then on. */
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

export class BodyPump {
  readonly #call: GuestCall;
  readonly #encode: (text: string) => Uint8Array;
  readonly #target: BodyTarget;
  readonly #reader: Reader | null;
  /** The chunks that are read belong to nobody else. */
  readonly #ownsChunks: boolean;
  #window = WINDOW_BYTES;
  /** What has been read and not been sent. */
  #rest: Uint8Array | null;
  #reading = false;
  #over = false;

  /** What the stream's own code does in the meantime belongs to `call`. Call `start()` next. */
  constructor(
    call: GuestCall,
    content: Uint8Array | ReadableStream,
    encode: (text: string) => Uint8Array,
    target: BodyTarget,
  ) {
    const whole = typedArrayName(content) !== undefined;
    this.#call = call;
    this.#encode = encode;
    this.#target = target;
    this.#rest = whole ? nonEmpty(content as Uint8Array) : null;
    this.#ownsChunks = !whole && isByteStream(content);
    this.#reader = whole ? null : ((content as { getReader(): unknown }).getReader() as Reader);
  }

  start(): void {
    this.#step();
  }

  /** The host has room for so many bytes more. */
  credit(bytes: number): void {
    this.#window += bytes;
    this.#step();
  }

  /** Nobody wants the rest. The target hears nothing of it. */
  cancel(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#rest = null;
    if (this.#reader !== null) this.#attempt((reader) => then(reader.cancel(reason), ignore, ignore));
  }

  #step(): void {
    while (this.#rest !== null && this.#window > 0 && !this.#over) this.#sendSome(this.#rest);
    if (this.#rest !== null || this.#reading || this.#over) return;
    if (this.#reader === null) return this.#finish(() => this.#target.end());
    this.#reading = true;
    this.#attempt((reader) =>
      then(
        reader.read(),
        (result) => {
          this.#reading = false;
          if (!this.#over) this.#attempt(() => this.#take(result));
        },
        (error) => this.#fail(error),
      ),
    );
  }

  #sendSome(rest: Uint8Array): void {
    const length = typedArrayByteLength(rest);
    const size = min(length, CHUNK_BYTES, this.#window);
    const buffer = typedArrayBuffer(rest);
    const offset = typedArrayOffset(rest);
    this.#window -= size;
    this.#rest = size < length ? new Uint8Array(buffer, offset + size, length - size) : null;
    const isWhole = this.#ownsChunks && arrayBufferLength(buffer) === size;
    this.#target.data(isWhole ? rest : copyBytes(new Uint8Array(buffer, offset, size)));
  }

  #take(result: unknown): void {
    const { done, value } = result as { done: boolean; value: unknown };
    if (done) return this.#finish(() => this.#target.end());
    if (typeof value === 'string') this.#rest = nonEmpty(this.#encode(value));
    else if (typedArrayName(value) === 'Uint8Array') this.#rest = nonEmpty(value as Uint8Array);
    else return this.#fail(new TypeError('A body stream may hold Uint8Array chunks (or strings) only'));
    this.#step();
  }

  #fail(error: unknown): void {
    this.#finish(() => this.#target.fail(error));
  }

  #finish(tell: () => void): void {
    if (this.#over) return;
    this.#over = true;
    tell();
  }

  /** The stream, and what its reader gives, may be of the user's own making. */
  #attempt(use: (reader: Reader) => void): void {
    try {
      runAs(this.#call, () => use(this.#reader as Reader));
    } catch (error) {
      this.#fail(error);
    }
  }
}

const nonEmpty = (bytes: Uint8Array): Uint8Array | null => (typedArrayByteLength(bytes) === 0 ? null : bytes);

const ignore = (): void => undefined;
