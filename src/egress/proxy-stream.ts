/**
 * Proxy stream: one `egress` ask as a connection: what the guest sends is read from it, and what is written to it is the
 * answer. Both keep to the window of the ask, so nothing waits here that nobody has room for.
 */

import { Duplex } from 'node:stream';
import type { CapabilityExchange, CapabilitySink } from '../core/capability.ts';

/** Smaller chunks are copied: a few bytes must not keep alive the whole buffer that they came in. */
const COPY_BELOW_BYTES = 8 * 1024;
const BUFFER_BYTES = 64 * 1024;

export class ProxyStream extends Duplex {
  /** The guest's side of it. */
  readonly exchange: CapabilityExchange;
  readonly #sink: CapabilitySink;
  #hasHead = false;
  /** The guest has heard its last word, or wants none. */
  #isOver = false;
  /** The guest's body goes on. */
  #onDrain: (() => void) | null = null;
  /** The answer goes on. */
  #onRoom: (() => void) | null = null;

  constructor(sink: CapabilitySink, hasBody: boolean) {
    super({ readableHighWaterMark: BUFFER_BYTES, writableHighWaterMark: BUFFER_BYTES });
    this.#sink = sink;
    this.exchange = {
      write: (chunk, onDrain) => this.#receive(chunk, onDrain),
      endBody: () => this.#endReading(),
      resume: () => this.#resumeAnswer(),
      cancel: () => this.#cancel(),
    };
    if (!hasBody) this.#endReading();
  }

  override _read(): void {
    const onDrain = this.#onDrain;
    this.#onDrain = null;
    onDrain?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#begin();
    if (this.#isOver || this.#sink.data(chunk)) done();
    else this.#onRoom = done;
  }

  override _final(done: () => void): void {
    this.#begin();
    if (!this.#isOver) {
      this.#isOver = true;
      this.#sink.end();
    }
    // With its answer an ask is over, and no more of its body comes.
    this.#endReading();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#sink.fail({ code: 'ABORTED', message: 'the connection was closed' });
    }
    this.#resumeAnswer();
    this._read();
    done(error);
  }

  #receive(chunk: Uint8Array, onDrain: () => void): boolean {
    if (this.destroyed || this.readableEnded || this.#isOver) return true;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.push(bytes.length < COPY_BELOW_BYTES ? Buffer.from(bytes) : bytes)) return true;
    this.#onDrain = onDrain;
    return false;
  }

  #endReading(): void {
    if (!this.destroyed && !this.readableEnded) this.push(null);
  }

  #begin(): void {
    if (this.#hasHead || this.#isOver) return;
    this.#hasHead = true;
    this.#sink.head(null);
  }

  #resumeAnswer(): void {
    const onRoom = this.#onRoom;
    this.#onRoom = null;
    onRoom?.();
  }

  #cancel(): void {
    this.#isOver = true;
    this.destroy();
  }
}
