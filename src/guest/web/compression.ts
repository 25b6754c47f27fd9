/**
 * CompressionStream and DecompressionStream. The executor does the work, a piece at a time, and gives output only as it is
 * read: however much a few bytes decompress to, no more of it is here than somebody has asked for.
 */

import { copyOf } from './algorithms.ts';
import { resolved } from './engine.ts';
import { defineInterface, requireArguments } from './interface.ts';
import { Promise, stringify, typedArrayBuffer, typedArrayByteLength, TypeError, Uint8Array } from './primordials.ts';
import { errorOf, ServiceCall } from './service-call.ts';
import { standard } from './streams.ts';

type Mode = 'compress' | 'decompress';
type Settle = (error: unknown) => void;

interface Controller {
  enqueue(chunk: Uint8Array): void;
  close(): void;
  error(reason: unknown): void;
}

const PIECE_BYTES = 64 * 1024;
const FORMATS: Readonly<Record<string, true>> = {
  __proto__: null as never,
  gzip: true,
  deflate: true,
  'deflate-raw': true,
  brotli: true,
};
let lastId = 0;

/** What is written waits until it is read on the other side. */
class Pipe {
  readonly readable: unknown;
  readonly writable: unknown;
  readonly #mode: Mode;
  readonly #format: string;
  #id = 0;
  #output: Controller | null = null;
  #input: Pick<Controller, 'error'> | null = null;
  /** What is being written, and how much of it the executor has. */
  #chunk: Uint8Array | null = null;
  #sent = 0;
  #ending = false;
  #written: Settle | null = null;
  #pulled: Settle | null = null;
  #isAtWork = false;
  /** The executor has output that it needs no input for. */
  #more = false;
  #over = false;

  constructor(mode: Mode, format: unknown) {
    const name = `${format as string}`;
    if (FORMATS[name] !== true) throw new TypeError(`There is no format of compression called ${stringify(name)}`);
    this.#mode = mode;
    this.#format = name;
    const source = {
      __proto__: null,
      start: (controller: Controller) => void (this.#output = controller),
      pull: () => this.#wait((settle) => void (this.#pulled = settle)),
      cancel: (reason: unknown) => this.#end(reason),
    };
    const sink = {
      __proto__: null,
      start: (controller: Controller) => void (this.#input = controller),
      write: (chunk: unknown) => this.#write(chunk),
      close: () => {
        this.#ending = true;
        return this.#wait((settle) => void (this.#written = settle));
      },
      abort: (reason: unknown) => this.#fail(reason),
    };
    this.readable = new standard.ReadableStream(source as never, { __proto__: null, highWaterMark: 0 } as never);
    this.writable = new standard.WritableStream(sink as never, { __proto__: null, highWaterMark: 1 } as never);
  }

  #write(chunk: unknown): unknown {
    try {
      this.#chunk = copyOf(chunk);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#sent = 0;
    return this.#wait((settle) => void (this.#written = settle));
  }

  /** A promise that is settled with what `keep` is given. */
  #wait(keep: (settle: Settle) => void): unknown {
    if (this.#over) return resolved(undefined);
    const promise = new Promise<void>((resolve, reject) =>
      keep((error) => {
        if (error === null) resolve();
        else reject(error);
      }),
    );
    this.#advance();
    return promise;
  }

  #advance(): void {
    if (this.#isAtWork || this.#over) return;
    // As in any transform, what the end brings along does not wait for a reader.
    if (this.#pulled === null && !this.#ending) return;
    if (this.#more) this.#step(null, false);
    else if (this.#chunk !== null) this.#step(this.#nextPiece(this.#chunk), false);
    else if (this.#ending) this.#step(null, true);
  }

  #nextPiece(chunk: Uint8Array): Uint8Array {
    const rest = typedArrayByteLength(chunk) - this.#sent;
    const size = rest < PIECE_BYTES ? rest : PIECE_BYTES;
    const piece = new Uint8Array(new Uint8Array(typedArrayBuffer(chunk), this.#sent, size));
    this.#sent += size;
    if (size === rest) this.#chunk = null;
    return piece;
  }

  #step(input: Uint8Array | null, end: boolean): void {
    this.#isAtWork = true;
    if (this.#id === 0) this.#open();
    const call = new ServiceCall('compression.step');
    call.add(`${this.#id}`);
    call.add(input === null ? 'null' : call.refer(input));
    call.add(end ? 'true' : 'false');
    call.sendTo({
      done: (value, buffers) => this.#onStep(value as readonly [boolean, boolean], buffers[0]),
      fail: (name, message) => this.#fail(errorOf(name, message)),
    });
  }

  #open(): void {
    this.#id = ++lastId;
    const call = new ServiceCall('compression.open');
    call.add(`${this.#id}`);
    call.add(stringify(this.#mode));
    call.add(stringify(this.#format));
    call.sendTo({ done: () => undefined, fail: (name, message) => this.#fail(errorOf(name, message)) });
  }

  #onStep(state: readonly [more: boolean, ended: boolean], output: Uint8Array | undefined): void {
    this.#isAtWork = false;
    if (this.#over) return;
    this.#more = state[0];
    if (output !== undefined) {
      this.#output?.enqueue(output);
      this.#settlePull();
    }
    if (state[1]) {
      this.#over = true;
      this.#output?.close();
      this.#settlePull();
      this.#settleWrite(null);
    } else {
      if (!this.#more && this.#chunk === null && !this.#ending) this.#settleWrite(null);
      this.#advance();
    }
  }

  #settlePull(): void {
    const settle = this.#pulled;
    this.#pulled = null;
    settle?.(null);
  }

  #settleWrite(error: unknown): void {
    const settle = this.#written;
    this.#written = null;
    settle?.(error);
  }

  /** The reader wants no more. */
  #end(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#close();
    this.#input?.error(reason);
    this.#settleWrite(reason);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#close();
    this.#output?.error(error);
    this.#input?.error(error);
    this.#settlePull();
    this.#settleWrite(error);
  }

  #close(): void {
    if (this.#id === 0) return;
    const call = new ServiceCall('compression.close');
    call.add(`${this.#id}`);
    call.sendTo({ done: () => undefined, fail: () => undefined });
  }
}

export class CompressionStream {
  readonly #pipe: Pipe;

  constructor(format: unknown) {
    requireArguments(arguments.length, 1, 'CompressionStream()');
    this.#pipe = new Pipe('compress', format);
  }

  get readable(): unknown {
    return this.#pipe.readable;
  }

  get writable(): unknown {
    return this.#pipe.writable;
  }
}

export class DecompressionStream {
  readonly #pipe: Pipe;

  constructor(format: unknown) {
    requireArguments(arguments.length, 1, 'DecompressionStream()');
    this.#pipe = new Pipe('decompress', format);
  }

  get readable(): unknown {
    return this.#pipe.readable;
  }

  get writable(): unknown {
    return this.#pipe.writable;
  }
}

defineInterface(CompressionStream, 'CompressionStream');
defineInterface(DecompressionStream, 'DecompressionStream');
