/**
 * One body on its way through a connection, under credit: whoever sends may be a window ahead of whoever takes, never
 * more. The same two halves serve the bodies of calls and of what calls ask for.
 */

import { chunksOf } from './connection.ts';
import { WINDOW_BYTES } from './frames.ts';
import { ProtocolError } from './meta.ts';

/** Where the frames of a body go. */
export interface BodyFrames {
  sendData(piece: Uint8Array): void;
  sendEnd(): void;
}

export class BodySender {
  readonly #frames: BodyFrames;
  /** What may still be sent. */
  #window: number = WINDOW_BYTES;
  #waiting: Uint8Array[] = [];
  #ended = false;
  #stopped = false;
  #onDrain: (() => void) | null = null;

  constructor(frames: BodyFrames) {
    this.#frames = frames;
  }

  /** Sends one chunk, of any size. Returns false when the other side is behind: wait for `onDrain`. */
  write(chunk: Uint8Array, onDrain: () => void): boolean {
    if (this.#stopped) return true;
    for (const piece of chunksOf(chunk)) this.#waiting.push(piece);
    this.#pump();
    if (this.#waiting.length === 0) return true;
    this.#onDrain = onDrain;
    return false;
  }

  /** The end is sent after what waits. */
  end(): void {
    if (this.#stopped) return;
    this.#ended = true;
    this.#pump();
  }

  /** However much the other side says that it has room for, it is never more than a window. */
  credit(bytes: number): void {
    this.#window = Math.min(this.#window + bytes, WINDOW_BYTES);
    this.#pump();
  }

  /** Nobody takes the rest: who was held back may go on, and throw it away. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
    this.#drained();
  }

  #pump(): void {
    let piece = this.#waiting[0];
    while (piece !== undefined && piece.length <= this.#window) {
      this.#window -= piece.length;
      this.#frames.sendData(piece);
      this.#waiting.shift();
      piece = this.#waiting[0];
    }
    if (piece !== undefined || this.#stopped) return;
    if (this.#ended) {
      this.#stopped = true;
      this.#frames.sendEnd();
    }
    this.#drained();
  }

  #drained(): void {
    const onDrain = this.#onDrain;
    this.#onDrain = null;
    onDrain?.();
  }
}

/** Consumed bytes are acknowledged in lots, not chunk by chunk. */
const CREDIT_LOT_BYTES = WINDOW_BYTES / 4;

export class BodyReceiver {
  readonly #sendCredit: (bytes: number) => void;
  /** What the other side may still send before it is given more. */
  #window: number = WINDOW_BYTES;
  #unacknowledged = 0;
  #held = false;

  /** `sendCredit` tells the other side that so many bytes are consumed. */
  constructor(sendCredit: (bytes: number) => void) {
    this.#sendCredit = sendCredit;
  }

  /** Counts a chunk that came. Throws a ProtocolError when it is more than the other side may send. */
  count(bytes: number): void {
    this.#window -= bytes;
    if (this.#window < 0) throw new ProtocolError('more DATA than the window allows');
    this.#unacknowledged += bytes;
  }

  /** What was counted is consumed, unless `hold()` says that it is not: then it is when `resume()` does. */
  consumed(): void {
    if (this.#held || this.#unacknowledged < CREDIT_LOT_BYTES) return;
    const bytes = this.#unacknowledged;
    this.#window += bytes;
    this.#unacknowledged = 0;
    this.#sendCredit(bytes);
  }

  hold(): void {
    this.#held = true;
  }

  resume(): void {
    this.#held = false;
    this.consumed();
  }
}
