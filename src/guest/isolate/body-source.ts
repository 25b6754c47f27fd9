/** BodySource: a body that the host streams in under credit, pulled by whoever reads it. */

import { dictionary, typedArrayByteLength } from '../web/primordials.ts';

interface Controller {
  readonly byobRequest: { respond(bytes: number): void } | null;
  enqueue(chunk: Uint8Array): void;
  close(): void;
  error(reason: unknown): void;
}

/** What a reader makes of the body, for whoever feeds it. */
export interface BodyFlow {
  /** So many bytes are consumed, and as many more may come. */
  consumed(bytes: number): void;
  /** Nobody wants the rest. */
  cancelled(): void;
}

/** It holds no more than the wire's window, which is as far as the host may be ahead. */
export class BodySource {
  readonly stream: ReadableStream;
  readonly #flow: BodyFlow;
  #controller: Controller | null = null;
  /** The chunks that nobody has read, by their place in the body. */
  readonly #held: Record<PropertyKey, Uint8Array> = dictionary<Uint8Array>();
  #next = 0;
  #count = 0;
  /** Somebody waits for a chunk. */
  #wanted = false;
  #ended = false;
  #closed = false;

  constructor(makeStream: (source: object, strategy: object) => ReadableStream, flow: BodyFlow) {
    this.#flow = flow;
    this.stream = makeStream(
      {
        __proto__: null,
        type: 'bytes',
        start: (controller: Controller) => void (this.#controller = controller),
        pull: () => this.#give(),
        cancel: () => this.#drop(),
      },
      { __proto__: null, highWaterMark: 0 },
    );
  }

  push(chunk: Uint8Array): void {
    if (typedArrayByteLength(chunk) === 0) return;
    if (this.#closed) return this.#flow.consumed(typedArrayByteLength(chunk));
    this.#held[this.#count++] = chunk;
    if (this.#wanted) this.#give();
  }

  end(): void {
    this.#ended = true;
    if (this.#next === this.#count) this.#close();
  }

  fail(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#controller?.error(reason);
  }

  #give(): void {
    const chunk = this.#held[this.#next];
    this.#wanted = chunk === undefined;
    if (chunk === undefined) return;
    delete this.#held[this.#next++];
    // The stream takes the buffer away, and the length with it.
    const bytes = typedArrayByteLength(chunk);
    this.#controller?.enqueue(chunk);
    if (!this.#closed) this.#flow.consumed(bytes);
    if (this.#ended && this.#next === this.#count) this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#controller?.close();
    // Who waits with a buffer of their own hears of the end by it.
    this.#controller?.byobRequest?.respond(0);
  }

  #drop(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (let i = this.#next; i < this.#count; i++) this.#flow.consumed(typedArrayByteLength(this.#held[i]));
    this.#forget();
    this.#flow.cancelled();
  }

  #forget(): void {
    for (; this.#next < this.#count; this.#next++) delete this.#held[this.#next];
  }
}
