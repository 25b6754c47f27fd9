/** Compressor: one of Node's compressing or decompressing streams, which gives its output only as it is asked for. */

import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
} from 'node:zlib';

export interface Step {
  readonly output: Uint8Array | null;
  /** There is more to come without more input. */
  readonly more: boolean;
  /** The last of its output has been given. */
  readonly ended: boolean;
}

/** No more of what a few bytes may decompress to is held than this. */
const OUTPUT_BYTES = 64 * 1024;
const SIZES = { chunkSize: OUTPUT_BYTES, readableHighWaterMark: OUTPUT_BYTES } as const;
/** What comes after the end of the data is an error. */
const STRICT = { ...SIZES, rejectGarbageAfterEnd: true } as const;
/** The default takes a second for a few megabytes. */
const BROTLI = {
  ...SIZES,
  params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: 18 },
} as const;

const MAKERS: Readonly<Record<string, () => Transform>> = {
  'compress gzip': () => createGzip(SIZES),
  'compress deflate': () => createDeflate(SIZES),
  'compress deflate-raw': () => createDeflateRaw(SIZES),
  'compress brotli': () => createBrotliCompress(BROTLI),
  'decompress gzip': () => createGunzip(STRICT),
  'decompress deflate': () => createInflate(STRICT),
  'decompress deflate-raw': () => createInflateRaw(STRICT),
  'decompress brotli': () => createBrotliDecompress(STRICT),
};

export class Compressor {
  /** The call that it ends with. */
  readonly call: number;
  readonly #stream: Transform;
  #consumed = true;
  #ending = false;
  #ended = false;
  #error: Error | null = null;
  #wake: () => void = () => undefined;

  /** Throws a TypeError for a format that there is not. */
  constructor(mode: string, format: string, call: number) {
    const key = `${mode} ${format}`;
    if (!Object.hasOwn(MAKERS, key)) throw new TypeError(`There is no format ${format.slice(0, 40)}`);
    this.call = call;
    this.#stream = (MAKERS[key] as () => Transform)();
    this.#stream.on('readable', () => this.#wake());
    this.#stream.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    this.#stream.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
    this.#stream.on('close', () => this.#wake());
  }

  /** One step at a time. Rejects with a TypeError where the data is not what it should be. */
  async step(input: Uint8Array | null, end: boolean): Promise<Step> {
    if (input !== null && !this.#ending) {
      this.#consumed = false;
      this.#stream.write(input, (error) => {
        this.#consumed = true;
        this.#error ??= error ?? null;
        this.#wake();
      });
    }
    if (end && !this.#ending) {
      this.#ending = true;
      this.#stream.end();
    }
    for (;;) {
      // What came before an error is given before it.
      const output = this.#stream.read() as Buffer | null;
      if (output === null && this.#error !== null)
        throw new TypeError(`The data could not be processed: ${this.#error.message}`);
      if (output !== null) return { output, more: this.#hasMore(), ended: false };
      if (this.#ended || this.#stream.destroyed) return { output, more: false, ended: true };
      if (this.#consumed && !this.#ending) return { output, more: false, ended: false };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#stream.destroy();
  }

  #hasMore(): boolean {
    return !this.#consumed || this.#ending || this.#error !== null || this.#stream.readableLength > 0;
  }
}
