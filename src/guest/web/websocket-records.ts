/**
 * WebSocket records: messages on the byte streams between a WebSocket and the host, each way. One is a kind (u8), a
 * length (u32, big-endian) and so many bytes; where the streams' chunks begin and end says nothing.
 */

import { min, setBytes, typedArrayBuffer, typedArrayByteLength, typedArrayOffset, Uint8Array } from './primordials.ts';

export const TEXT = 1;
export const BINARY = 2;
/** To the host, nothing, or a code (u16) and a reason; from it, a code, whether it was clean (u8), and a reason. */
export const CLOSE = 3;

const HEADER_BYTES = 5;

export function record(kind: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const bytes = new Uint8Array(HEADER_BYTES + length);
  bytes[0] = kind;
  bytes[1] = length >>> 24;
  bytes[2] = length >>> 16;
  bytes[3] = length >>> 8;
  bytes[4] = length;
  setBytes(bytes, payload, HEADER_BYTES);
  return bytes;
}

/** Puts records together again. */
export class RecordReader {
  readonly #header: Uint8Array = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #payload: Uint8Array | null = null;
  #payloadBytes = 0;

  /** A payload is nobody else's. */
  push(chunk: Uint8Array, each: (kind: number, payload: Uint8Array) => void): void {
    const length = typedArrayByteLength(chunk);
    let at = 0;
    while (at < length) {
      at += this.#payload === null ? this.#fillHeader(chunk, at) : this.#fillPayload(this.#payload, chunk, at);
      const payload = this.#payload;
      if (payload === null || this.#payloadBytes < payload.length) continue;
      this.#payload = null;
      this.#headerBytes = 0;
      each(this.#header[0] as number, payload);
    }
  }

  #fillHeader(chunk: Uint8Array, at: number): number {
    const header = this.#header;
    header[this.#headerBytes++] = chunk[at] as number;
    if (this.#headerBytes < HEADER_BYTES) return 1;
    let length = 0;
    for (let i = 1; i < HEADER_BYTES; i++) length = length * 256 + (header[i] as number);
    this.#payload = new Uint8Array(length);
    this.#payloadBytes = 0;
    return 1;
  }

  #fillPayload(payload: Uint8Array, chunk: Uint8Array, at: number): number {
    const size = min(payload.length - this.#payloadBytes, typedArrayByteLength(chunk) - at);
    setBytes(payload, new Uint8Array(typedArrayBuffer(chunk), typedArrayOffset(chunk) + at, size), this.#payloadBytes);
    this.#payloadBytes += size;
    return size;
  }
}
