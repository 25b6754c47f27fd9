/** WebSocket frames, as RFC 6455 has them, on the side of a server: what comes is masked, what goes is not. */

import { joined } from './bytes.ts';
import {
  min,
  push,
  setBytes,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayOffset,
  Uint8Array,
} from './primordials.ts';

export const Opcode = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

/** Of a message that comes. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** What a header says is believed so far; beyond it, what has come. */
const FIRST_BYTES = 16 * 1024;
const MAX_CONTROL_BYTES = 125;
/** The longest: two bytes, a length of eight, a mask of four. */
const MAX_HEADER_BYTES = 14;
const FINAL = 0x80;
const MASKED = 0x80;

/** What closes the connection: a code of the standard, and a reason. */
export interface Violation {
  readonly code: number;
  readonly reason: string;
}

const violation = (reason: string): Violation => ({ code: 1002, reason });

export function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const length = typedArrayByteLength(payload);
  const lengthBytes = length < 126 ? 0 : length < 0x10000 ? 2 : 8;
  const bytes = new Uint8Array(2 + lengthBytes + length);
  bytes[0] = FINAL | opcode;
  bytes[1] = lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127;
  let rest = length;
  for (let i = 1 + lengthBytes; i > 1; i--) {
    bytes[i] = rest % 256;
    rest = (rest - (rest % 256)) / 256;
  }
  setBytes(bytes, payload, 2 + lengthBytes);
  return bytes;
}

/** Puts messages together of chunks, wherever these are cut. */
export class FrameReader {
  readonly #header: Uint8Array = new Uint8Array(MAX_HEADER_BYTES);
  #headerBytes = 0;
  /** Of the frame that comes; null while its header does. */
  #payload: Uint8Array | null = null;
  #payloadBytes = 0;
  #frameBytes = 0;
  /** Of the message that comes in pieces: its opcode, 0 where there is none. */
  #opcode = 0;
  #pieces: Uint8Array[] = [];
  #piecesBytes = 0;

  /** Calls `each` for every message and control frame, until it returns false. Returns what is wrong, or null. */
  push(chunk: Uint8Array, each: (opcode: number, payload: Uint8Array) => boolean): Violation | null {
    const length = typedArrayByteLength(chunk);
    let at = 0;
    while (at < length || this.#isComplete()) {
      if (this.#payload === null) {
        const wrong = this.#takeHeader(chunk[at++] as number);
        if (wrong !== null) return wrong;
        continue;
      }
      at += this.#fill(chunk, at);
      if (!this.#isComplete()) continue;
      const done = this.#frameEnded(this.#payload);
      if (done === null) continue;
      if ('code' in done) return done;
      if (!each(done.opcode, done.payload)) return null;
    }
    return null;
  }

  #isComplete(): boolean {
    return this.#payload !== null && this.#payloadBytes === this.#frameBytes;
  }

  #takeHeader(byte: number): Violation | null {
    const header = this.#header;
    header[this.#headerBytes++] = byte;
    if (this.#headerBytes < 2) return null;
    if (this.#headerBytes === 2) return this.#checkHeader();
    if (this.#headerBytes < this.#headerLength()) return null;
    const size = this.#size();
    const isControl = ((header[0] as number) & 8) !== 0;
    if (!isControl && size + this.#piecesBytes > MAX_MESSAGE_BYTES)
      return { code: 1009, reason: `A message is larger than ${MAX_MESSAGE_BYTES} bytes` };
    this.#payload = new Uint8Array(min(size, FIRST_BYTES));
    this.#payloadBytes = 0;
    this.#frameBytes = size;
    return null;
  }

  #checkHeader(): Violation | null {
    const [first, second] = [this.#header[0] as number, this.#header[1] as number];
    const opcode = first & 0x0f;
    const isControl = (opcode & 8) !== 0;
    if ((first & 0x70) !== 0) return violation('No extension was agreed on');
    if ((second & MASKED) === 0) return violation('A frame of a client has to be masked');
    if (opcode > (isControl ? Opcode.PONG : Opcode.BINARY)) return violation('There is no such kind of frame');
    if (isControl && ((first & FINAL) === 0 || (second & 0x7f) > MAX_CONTROL_BYTES))
      return violation('A control frame is short, and not cut');
    if (!isControl && (opcode === Opcode.CONTINUATION) !== (this.#opcode !== 0))
      return violation('A message was cut in the wrong place');
    return null;
  }

  #headerLength(): number {
    const length = (this.#header[1] as number) & 0x7f;
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + 4;
  }

  #size(): number {
    const short = (this.#header[1] as number) & 0x7f;
    if (short < 126) return short;
    let size = 0;
    for (let i = 2; i < this.#headerLength() - 4; i++) size = size * 256 + (this.#header[i] as number);
    return size;
  }

  #fill(chunk: Uint8Array, at: number): number {
    const payload = this.#roomy(this.#payload as Uint8Array);
    const size = min(payload.length - this.#payloadBytes, typedArrayByteLength(chunk) - at);
    setBytes(payload, new Uint8Array(typedArrayBuffer(chunk), typedArrayOffset(chunk) + at, size), this.#payloadBytes);
    this.#payloadBytes += size;
    return size;
  }

  /** With room for more, unless all has come. */
  #roomy(payload: Uint8Array): Uint8Array {
    if (this.#payloadBytes < payload.length || this.#payloadBytes === this.#frameBytes) return payload;
    const larger = new Uint8Array(min(this.#frameBytes, payload.length * 2));
    setBytes(larger, payload, 0);
    return (this.#payload = larger);
  }

  /** The message that ends with it, or the control frame that it is; null where more of a message is to come. */
  #frameEnded(payload: Uint8Array): { readonly opcode: number; readonly payload: Uint8Array } | Violation | null {
    const first = this.#header[0] as number;
    const maskAt = this.#headerLength() - 4;
    for (let i = 0; i < payload.length; i++)
      payload[i] = (payload[i] as number) ^ (this.#header[maskAt + (i & 3)] as number);
    this.#payload = null;
    this.#headerBytes = 0;
    const opcode = first & 0x0f;
    if ((opcode & 8) !== 0) return { opcode, payload };
    if (opcode !== Opcode.CONTINUATION) this.#opcode = opcode;
    push(this.#pieces, payload);
    this.#piecesBytes += payload.length;
    if ((first & FINAL) === 0) return null;
    const message = { opcode: this.#opcode, payload: joined(this.#pieces) };
    this.#opcode = this.#piecesBytes = 0;
    this.#pieces = [];
    return message;
  }
}
