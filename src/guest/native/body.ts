/** Bodies as Node's streams: one that the host sends under credit, and one that is sent to it. */

import type { BodySender } from '../../wire/body.ts';
import { WINDOW_BYTES } from '../../wire/frames.ts';

/** What a reader makes of the body, for whoever feeds it. */
export interface BodyFlow {
  /** So many bytes are consumed, and as many more may come. */
  consumed(bytes: number): void;
  /** Nobody wants the rest. */
  cancelled(): void;
}

const CREDIT_LOT_BYTES = WINDOW_BYTES / 4;

/** It holds no more than a window, which is as far as the host may be ahead. */
export class BodySource {
  readonly stream: ReadableStream;
  readonly #flow: BodyFlow;
  #controller: ReadableByteStreamController | null = null;
  #held: Uint8Array<ArrayBuffer>[] = [];
  #unacknowledged = 0;
  #wanted = false;
  #ended = false;
  #closed = false;

  constructor(flow: BodyFlow) {
    this.#flow = flow;
    this.stream = new ReadableStream(
      {
        type: 'bytes',
        start: (controller) => void (this.#controller = controller),
        pull: () => this.#give(),
        cancel: () => this.#drop(),
      },
      { highWaterMark: 0 },
    );
  }

  /** The bytes are copied: the stream gives their buffer away. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#closed) return this.#consumed(chunk.length);
    this.#held.push(new Uint8Array(chunk));
    if (this.#wanted) this.#give();
  }

  end(): void {
    this.#ended = true;
    if (this.#held.length === 0) this.#close();
  }

  fail(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held = [];
    this.#controller?.error(reason);
  }

  #give(): void {
    const chunk = this.#held.shift();
    this.#wanted = chunk === undefined;
    if (chunk === undefined) return;
    const bytes = chunk.length;
    this.#controller?.enqueue(chunk);
    this.#consumed(bytes);
    if (this.#ended && this.#held.length === 0) this.#close();
  }

  #consumed(bytes: number): void {
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < CREDIT_LOT_BYTES) return;
    this.#flow.consumed(this.#unacknowledged);
    this.#unacknowledged = 0;
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
    for (const { length } of this.#held.splice(0)) this.#consumed(length);
    this.#flow.cancelled();
  }
}

/** Reads a stream and sends it, no faster than the host takes it. */
export class BodyPump {
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  readonly #sender: BodySender;
  readonly #fail: (error: unknown) => void;
  #over = false;

  /** `fail` hears of an error of the stream's own. */
  constructor(stream: ReadableStream, sender: BodySender, fail: (error: unknown) => void) {
    this.#reader = stream.getReader() as ReadableStreamDefaultReader<unknown>;
    this.#sender = sender;
    this.#fail = fail;
    this.#run().catch((error: unknown) => this.#failed(error));
  }

  /** Nobody wants the rest. */
  cancel(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#sender.stop();
    this.#reader.cancel(reason).catch(() => undefined);
  }

  async #run(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (this.#over) return;
      if (done) break;
      const { promise: drained, resolve } = Promise.withResolvers<void>();
      if (!this.#sender.write(bytesOfChunk(value), resolve)) await drained;
      if (this.#over) return;
    }
    this.#over = true;
    this.#sender.end();
  }

  #failed(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#sender.stop();
    this.#fail(error);
    this.#reader.cancel(error).catch(() => undefined);
  }
}

function bytesOfChunk(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, 'utf8');
  throw new TypeError('A body stream may hold Uint8Array chunks (or strings) only');
}
