/** A request to the executor, put together: JSON that refers to copies of bytes, and the promise of its outcome. */

import { DOMException } from './dom-exception.ts';
import { host } from './engine.ts';
import type { ServiceListener } from './host.ts';
import {
  dictionary,
  Promise,
  setBytes,
  stringify,
  toText,
  typedArrayByteLength,
  TypeError,
  Uint8Array,
} from './primordials.ts';

type Buffers = Readonly<Record<number, Uint8Array>>;

/** The executor reads no more. */
const MAX_UNITS = 96 * 1024;

export class ServiceCall {
  readonly #kind: string;
  #args = '';
  #sizes = '';
  readonly #parts = dictionary<Uint8Array>();
  #count = 0;
  #bytes = 0;

  constructor(kind: string) {
    this.#kind = kind;
  }

  /** The next argument, as JSON. */
  add(json: string): void {
    this.#args += this.#args === '' ? json : `,${json}`;
  }

  /** What stands for these bytes in an argument; they must be nobody else's. */
  refer(bytes: Uint8Array): string {
    this.#parts[this.#count] = bytes;
    this.#sizes += this.#count === 0 ? toText(typedArrayByteLength(bytes)) : `,${typedArrayByteLength(bytes)}`;
    this.#bytes += typedArrayByteLength(bytes);
    return `{"b":${this.#count++}}`;
  }

  /** Like {@link refer}, for a key of the executor's. */
  referToKey(id: number, sealed: Uint8Array): string {
    this.refer(sealed);
    return `{"k":[${id},${this.#count - 1}]}`;
  }

  /** Fulfilled with what `read` makes of the outcome. */
  send<T>(read: (value: unknown, buffers: Buffers) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.sendTo({
        done: (value, buffers) => {
          try {
            resolve(read(value, buffers));
          } catch (error) {
            reject(error);
          }
        },
        fail: (name, message) => reject(errorOf(name, message)),
      });
    });
  }

  sendTo(listener: ServiceListener): void {
    const text = `${stringify(this.#kind)},[${this.#sizes}],[${this.#args}]`;
    if (text.length > MAX_UNITS) return listener.fail('DataError', `More than ${MAX_UNITS} characters besides bytes`);
    host.serve(text, this.#count === 0 ? null : this.#body(), listener);
  }

  #body(): Uint8Array {
    if (this.#count === 1) return this.#parts[0] as Uint8Array;
    const body = new Uint8Array(this.#bytes);
    let at = 0;
    for (let i = 0; i < this.#count; i++) {
      const part = this.#parts[i] as Uint8Array;
      setBytes(body, part, at);
      at += typedArrayByteLength(part);
    }
    return body;
  }
}

export const errorOf = (name: string, message: string): Error =>
  name === 'TypeError' ? new TypeError(message) : new DOMException(message, name);
