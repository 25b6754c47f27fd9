/**
 * WebSocket records: messages on the byte streams of a `websocket` call, each way. One is a kind (u8), a length (u32,
 * big-endian) and so many bytes; where the streams' chunks begin and end says nothing.
 */

import { EgressFailure } from './failure.ts';

/** CLOSE holds nothing, or a code (u16) and a reason; that from the other side, a code, whether it was clean (u8), a reason. */
export const RecordKind = { TEXT: 1, BINARY: 2, CLOSE: 3 } as const;

const HEADER_BYTES = 5;

export function record(kind: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes.writeUInt8(kind, 0);
  bytes.writeUInt32BE(payload.length, 1);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

export function closedRecord(code: number, wasClean: boolean, reason: string): Buffer {
  const text = Buffer.from(reason, 'utf8');
  const payload = Buffer.alloc(3 + text.length);
  payload.writeUInt16BE(code, 0);
  payload.writeUInt8(wasClean ? 1 : 0, 2);
  payload.set(text, 3);
  return record(RecordKind.CLOSE, payload);
}

/** Puts records together again. It keeps one at most, and allocates for it once, however small the chunks are. */
export class RecordReader {
  readonly #maxBytes: number;
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #payload: Buffer | null = null;
  #payloadBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws BAD_REQUEST for a kind that is none, TOO_LARGE for a length over the bound. */
  push(chunk: Uint8Array, each: (kind: number, payload: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      at += this.#payload === null ? this.#fillHeader(chunk, at) : this.#fillPayload(this.#payload, chunk, at);
      const payload = this.#payload;
      if (payload === null || this.#payloadBytes < payload.length) continue;
      this.#payload = null;
      this.#headerBytes = 0;
      each(this.#header.readUInt8(0), payload);
    }
  }

  #fillHeader(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + HEADER_BYTES - this.#headerBytes);
    this.#header.set(part, this.#headerBytes);
    this.#headerBytes += part.length;
    if (this.#headerBytes === HEADER_BYTES) this.#begin(this.#header.readUInt8(0), this.#header.readUInt32BE(1));
    return part.length;
  }

  #begin(kind: number, length: number): void {
    if (kind !== RecordKind.TEXT && kind !== RecordKind.BINARY && kind !== RecordKind.CLOSE)
      throw new EgressFailure('BAD_REQUEST', 'a WebSocket sends text, bytes or its end, and nothing else');
    if (length > this.#maxBytes)
      throw new EgressFailure('TOO_LARGE', `the message is larger than ${this.#maxBytes} bytes`);
    this.#payload = Buffer.allocUnsafe(length);
    this.#payloadBytes = 0;
  }

  #fillPayload(payload: Buffer, chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + payload.length - this.#payloadBytes);
    payload.set(part, this.#payloadBytes);
    this.#payloadBytes += part.length;
    return part.length;
  }
}
