/**
 * Request body: what a function sends. It goes out in one piece where it has ended before the request leaves, else as a
 * stream that holds the function back; a small one is kept, because a redirect may ask for it again.
 */

import { Readable } from 'node:stream';

/** More than this is neither waited for nor kept. */
const KEPT_BYTES = 256 * 1024;
const STREAM_BYTES = 64 * 1024;

export class RequestBody {
  /** Null once too much has come to be kept. */
  #kept: Uint8Array[] | null = [];
  #bytes = 0;
  #ended = false;
  #stream: Readable | null = null;
  #onDrain: (() => void) | null = null;

  get bytes(): number {
    return this.#bytes;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether it is better sent now than waited for. */
  get isLarge(): boolean {
    return this.#bytes > KEPT_BYTES;
  }

  /** Whether {@link take} may be called again. */
  get isWhole(): boolean {
    return this.#ended && this.#kept !== null;
  }

  /** Returns false when the other side is behind: `onDrain` is called once it no longer is. */
  write(chunk: Uint8Array, onDrain: () => void): boolean {
    if (this.#ended) return true;
    this.#bytes += chunk.byteLength;
    // Before the request leaves, everything is kept: the exchange sends it as soon as it is large.
    if (this.#stream !== null && this.isLarge) this.#kept = null;
    else this.#kept?.push(chunk);
    if (this.#stream === null || this.#stream.destroyed || this.#stream.push(chunk)) return true;
    this.#onDrain = onDrain;
    return false;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#stream?.destroyed === false) this.#stream.push(null);
  }

  /** For one request: all of it, or a stream of what has come and will come. */
  take(): Buffer | Readable {
    const kept = this.#kept ?? [];
    if (this.isWhole) return Buffer.concat(kept);
    const stream = new Readable({
      highWaterMark: STREAM_BYTES,
      read: () => this.#drain(),
      destroy: (error, callback) => {
        this.#drain();
        callback(error);
      },
    });
    // The HTTP client reports what went wrong; the stream only repeats it.
    stream.on('error', () => undefined);
    for (const chunk of kept) stream.push(chunk);
    if (this.#ended) stream.push(null);
    if (this.isLarge) this.#kept = null;
    this.#stream = stream;
    return stream;
  }

  /** Nothing of it is wanted any more; who waits is let go. */
  discard(): void {
    this.#kept = null;
    this.#ended = true;
    this.#stream?.destroy();
    this.#drain();
  }

  #drain(): void {
    const onDrain = this.#onDrain;
    this.#onDrain = null;
    onDrain?.();
  }
}
