/** Answer: the body of a response on its way to the function, decoded, counted and held back as the function asks. */

import type { Transform } from 'node:stream';
import type { CapabilitySink } from '../core/capability.ts';
import { EgressFailure } from './failure.ts';

export interface AnswerOptions {
  readonly sink: CapabilitySink;
  /** The first to feed first; empty: the bytes go on as they come. */
  readonly decoders: readonly Transform[];
  /** Decoded. */
  readonly maxBytes: number;
  /** Whether nobody listens any more. */
  isOver(): boolean;
  /** The bytes that come may flow again. */
  onDrain(): void;
  onEnd(): void;
  onFailure(failure: EgressFailure): void;
}

export class Answer {
  readonly #options: AnswerOptions;
  readonly #first: Transform | null;
  readonly #last: Transform | null;
  #bytes = 0;

  constructor(options: AnswerOptions) {
    this.#options = options;
    this.#first = options.decoders[0] ?? null;
    this.#last = options.decoders.at(-1) ?? null;
    this.#connect(options.decoders);
  }

  /** Returns false when the bytes must be held back until `onDrain`. */
  write(chunk: Buffer): boolean {
    return this.#first === null ? this.#deliver(chunk) : this.#first.write(chunk);
  }

  end(): void {
    if (this.#first === null) this.#options.onEnd();
    else this.#first.end();
  }

  /** The function has room again. */
  resume(): void {
    if (this.#last === null) this.#options.onDrain();
    else this.#last.resume();
  }

  destroy(): void {
    for (const decoder of this.#options.decoders) decoder.destroy();
  }

  #connect(decoders: readonly Transform[]): void {
    for (const [index, decoder] of decoders.entries()) {
      decoder.on('error', () =>
        this.#fail(new EgressFailure('BAD_RESPONSE', 'the body of the response does not decode')),
      );
      const next = decoders[index + 1];
      if (next !== undefined) decoder.pipe(next);
    }
    this.#first?.on('drain', () => this.#options.onDrain());
    this.#last
      ?.on('data', (chunk: Buffer) => {
        if (!this.#deliver(chunk)) this.#last?.pause();
      })
      .on('end', () => {
        if (!this.#options.isOver()) this.#options.onEnd();
      });
  }

  #deliver(chunk: Buffer): boolean {
    if (this.#options.isOver()) return true;
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#options.maxBytes) return this.#options.sink.data(chunk);
    this.#fail(tooLarge(this.#options.maxBytes));
    return true;
  }

  #fail(failure: EgressFailure): void {
    if (!this.#options.isOver()) this.#options.onFailure(failure);
  }
}

export const tooLarge = (maxBytes: number): EgressFailure =>
  new EgressFailure('TOO_LARGE', `the response is larger than ${maxBytes} bytes`);
