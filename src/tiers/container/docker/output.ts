/**
 * Output: what a container writes, as the engine passes it on: pieces of stdout and stderr in one stream, each behind a
 * header of eight bytes. A reader that is slow holds the container back.
 */

import type { Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';

export interface Output {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The container is over, or the engine is. */
  readonly ended: Promise<void>;
  close(): void;
}

const HEADER_BYTES = 8;
const STDERR = 2;
/** No engine sends larger pieces: what says so is no such stream. */
const MAX_PIECE_BYTES = 16 * 1024 * 1024;

export function readOutput(socket: Socket): Output {
  const streams = [new PassThrough(), new PassThrough()] as const;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const pieces = new Pieces((stream, bytes) => {
    const target = streams[stream];
    if (target.write(bytes)) return;
    socket.pause();
    target.once('drain', () => socket.resume());
  });
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    if (!pieces.take(chunk)) socket.destroy();
  });
  socket.on('end', () => socket.destroy());
  socket.on('close', () => {
    for (const stream of streams) stream.end();
    resolve();
  });
  return { stdout: streams[0], stderr: streams[1], ended, close: () => void socket.destroy() };
}

/** Takes the stream apart, however it is cut. */
class Pieces {
  readonly #onPiece: (stream: 0 | 1, bytes: Buffer) => void;
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #stream: 0 | 1 = 0;
  #left = 0;

  constructor(onPiece: (stream: 0 | 1, bytes: Buffer) => void) {
    this.#onPiece = onPiece;
  }

  /** False when this is no such stream. */
  take(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length;) {
      if (this.#left === 0) {
        const taken = chunk.copy(this.#header, this.#headerBytes, at, at + HEADER_BYTES - this.#headerBytes);
        at += taken;
        this.#headerBytes += taken;
        if (this.#headerBytes < HEADER_BYTES) return true;
        this.#headerBytes = 0;
        if (!this.#readHeader()) return false;
      } else {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        this.#onPiece(this.#stream, piece);
      }
    }
    return true;
  }

  #readHeader(): boolean {
    const [stream = 0] = this.#header;
    this.#left = this.#header.readUInt32BE(4);
    this.#stream = stream === STDERR ? 1 : 0;
    return stream <= STDERR && this.#left <= MAX_PIECE_BYTES;
  }
}
