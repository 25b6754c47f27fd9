/**
 * Connection: frames over one socket, for either end.
 *
 * Small frames are copied into one buffer and written once a turn of the event loop (measured: 14 to 48 % more requests
 * a second than one write a frame); large bodies are passed to the socket as they are. Whatever arrives is hostile: a
 * length out of bounds ends the connection before anything is allocated for it.
 */

import type { Duplex } from 'node:stream';
import { freeBytes } from '../lib/free-bytes.ts';
import { CHUNK_BYTES, FrameType, HEADER_BYTES } from './frames.ts';

export interface ConnectionOptions {
  readonly maxFrameBytes: number;
  /** DATA is delivered as it comes, in as many parts as that takes, and not collected: nothing is copied. */
  readonly splitsData?: boolean;
  /**
   * The memory of what came is given back as soon as it is delivered: a payload is valid during the call only, but for
   * OPEN and CALL. V8 would let 64 MB of such buffers wait before it collects them.
   */
  readonly freesPayloads?: boolean;
  /** A body that has a buffer to itself is this connection's from when it is sent: its memory is given back once it is written. */
  readonly freesBodies?: boolean;
  /** `payload` is a view of what came, which is never reused. */
  onFrame(type: number, stream: number, payload: Buffer): void;
  /** Called once, when no further frame can come. `reason` is null for an orderly end. */
  onClose(reason: string | null): void;
}

const BATCH_BYTES = 64 * 1024;
const COPY_BELOW_BYTES = 8 * 1024;
/** As Node has it: where a function shares this thread, the global one may be replaced. */
const atTurnEnd: (flush: () => void) => unknown = setImmediate;
/** A JavaScript string of n UTF-16 units takes at most 3n bytes of UTF-8. */
const MAX_BYTES_PER_UNIT = 3;

/** The sending half. */
export interface FrameSender {
  send(type: FrameType, stream: number): void;
  sendNumber(type: FrameType, stream: number, number: number): void;
  sendNumbers(type: FrameType, stream: number, first: number, second: number): void;
  sendBytes(type: FrameType, stream: number, body: Uint8Array): void;
  /** Bytes after a number. */
  sendPart(type: FrameType, stream: number, number: number, body: Uint8Array): void;
  sendMeta(type: FrameType, stream: number, meta: string, body: Uint8Array | string | null): void;
}

export class Connection implements FrameSender {
  readonly #socket: Duplex;
  readonly #options: ConnectionOptions;
  #batch: Buffer = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #batchLength = 0;
  #flushScheduled = false;
  readonly #spare: Buffer[] = [];
  /** The frame, or the header of one, that has not come whole; it is collected in place, however small the pieces. */
  #partial: Buffer | null = null;
  #partialLength = 0;
  /** Of a DATA frame that is delivered in parts: its stream, and what of it is still to come. */
  #splitStream = 0;
  #splitLeft = 0;
  #closed = false;
  #sentBytes = 0;
  /** Of what is being read, something may be kept. */
  #isKept = false;
  /** What is being written, and freed then. */
  readonly #leaving = new Set<ArrayBufferLike>();

  constructor(socket: Duplex, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#close(error.message));
    socket.on('close', () => this.#close(null));
    socket.on('end', () => this.#close(null));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that were ever given to it to send. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Bytes that the other end has not taken yet. */
  get backlogBytes(): number {
    return this.#socket.writableLength + this.#batchLength;
  }

  send(type: FrameType, stream: number): void {
    this.#header(type, stream, 0);
  }

  sendNumber(type: FrameType, stream: number, number: number): void {
    this.#header(type, stream, 4);
    this.#batchLength = this.#batch.writeUInt32LE(number, this.#batchLength);
  }

  sendNumbers(type: FrameType, stream: number, first: number, second: number): void {
    this.#header(type, stream, 8);
    this.#batchLength = this.#batch.writeUInt32LE(first, this.#batchLength);
    this.#batchLength = this.#batch.writeUInt32LE(second, this.#batchLength);
  }

  sendBytes(type: FrameType, stream: number, body: Uint8Array): void {
    this.#header(type, stream, body.length);
    this.#append(body);
  }

  sendPart(type: FrameType, stream: number, number: number, body: Uint8Array): void {
    this.#header(type, stream, 4 + body.length);
    this.#batchLength = this.#batch.writeUInt32LE(number, this.#batchLength);
    this.#append(body);
  }

  /** A text body goes straight into the batch, in UTF-8. */
  sendMeta(type: FrameType, stream: number, meta: string, body: Uint8Array | string | null): void {
    if (this.#closed) return;
    const textLength = typeof body === 'string' ? body.length : 0;
    const bound = HEADER_BYTES + 4 + (meta.length + textLength) * MAX_BYTES_PER_UNIT;
    if (bound > BATCH_BYTES) {
      return this.#sendLargeMeta(type, stream, meta, typeof body === 'string' ? Buffer.from(body, 'utf8') : body);
    }
    this.#reserve(bound);
    const start = this.#batchLength;
    const metaLength = this.#batch.write(meta, start + HEADER_BYTES + 4);
    const bodyStart = start + HEADER_BYTES + 4 + metaLength;
    const bodyLength = body === null ? 0 : typeof body === 'string' ? this.#batch.write(body, bodyStart) : body.length;
    this.#batch.writeUInt32LE(HEADER_BYTES + metaLength + bodyLength, start);
    this.#batch[start + 4] = type;
    this.#batch.writeUInt32LE(stream, start + 5);
    this.#batch.writeUInt32LE(metaLength, start + HEADER_BYTES);
    this.#batchLength = bodyStart;
    this.#sentBytes += HEADER_BYTES + 4 + metaLength + bodyLength;
    if (typeof body === 'string') this.#batchLength += bodyLength;
    else if (body !== null) this.#append(body);
  }

  /** Sends a payload of another connection's, which frees it. */
  relay(type: FrameType, stream: number, payload: Uint8Array): void {
    this.sendBytes(type, stream, payload.length > COPY_BELOW_BYTES ? new Uint8Array(payload) : payload);
  }

  /** Writes what is waiting, now. */
  flush(): void {
    this.#flushScheduled = false;
    if (this.#batchLength === 0 || this.#closed) return;
    const batch = this.#batch;
    const length = this.#batchLength;
    this.#batch = this.#spare.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
    this.#batchLength = 0;
    this.#socket.write(batch.subarray(0, length), () => {
      if (this.#spare.length < 4) this.#spare.push(batch);
    });
  }

  destroy(): void {
    this.#socket.destroy();
    this.#close(null);
  }

  /** With room behind it for the two numbers that a payload may begin with. */
  #header(type: FrameType, stream: number, payloadBytes: number): void {
    this.#reserve(HEADER_BYTES + 8);
    const at = this.#batchLength;
    this.#batch.writeUInt32LE(HEADER_BYTES - 4 + payloadBytes, at);
    this.#batch[at + 4] = type;
    this.#batch.writeUInt32LE(stream, at + 5);
    this.#batchLength = at + HEADER_BYTES;
    this.#sentBytes += HEADER_BYTES + payloadBytes;
  }

  #sendLargeMeta(type: FrameType, stream: number, meta: string, body: Uint8Array | null): void {
    const bytes = Buffer.from(meta, 'utf8');
    this.#header(type, stream, 4 + bytes.length + (body === null ? 0 : body.length));
    this.#batchLength = this.#batch.writeUInt32LE(bytes.length, this.#batchLength);
    this.#append(bytes);
    if (body !== null) this.#append(body);
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length <= COPY_BELOW_BYTES) {
      this.#reserve(bytes.length);
      this.#batch.set(bytes, this.#batchLength);
      this.#batchLength += bytes.length;
      return;
    }
    this.flush();
    if (this.#closed) return;
    if (this.#options.freesBodies === true) this.#writeAndFree(bytes);
    else this.#socket.write(bytes);
  }

  #writeAndFree(bytes: Uint8Array): void {
    const { buffer } = bytes;
    // A guest may have given the same bytes twice: freed after the first time, they would be gone under the second.
    if (this.#leaving.has(buffer)) return void this.#socket.write(new Uint8Array(bytes));
    if (bytes.byteLength < buffer.byteLength) return void this.#socket.write(bytes);
    this.#leaving.add(buffer);
    this.#socket.write(bytes, (error) => {
      this.#leaving.delete(buffer);
      // After an error they may still be on their way.
      if (!error) freeBytes(bytes);
    });
  }

  #reserve(bytes: number): void {
    if (this.#batchLength + bytes > BATCH_BYTES) this.flush();
    if (this.#closed) this.#batchLength = 0;
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    atTurnEnd(() => this.flush());
  }

  #receive(chunk: Buffer): void {
    let at = 0;
    this.#isKept = this.#options.freesPayloads !== true;
    while (at < chunk.length && !this.#closed)
      at =
        this.#splitLeft > 0
          ? this.#deliverPart(chunk, at)
          : this.#partial === null
            ? this.#parse(chunk, at)
            : this.#complete(chunk, at);
    if (!this.#isKept) freeBytes(chunk);
  }

  #deliverPart(chunk: Buffer, from: number): number {
    const end = Math.min(chunk.length, from + this.#splitLeft);
    this.#splitLeft -= end - from;
    this.#options.onFrame(FrameType.DATA, this.#splitStream, chunk.subarray(from, end));
    return end;
  }

  /** Delivers every whole frame from `at` on, keeps what remains, and returns the end of the buffer. */
  #parse(buffer: Buffer, from: number): number {
    let at = from;
    while (buffer.length - at >= HEADER_BYTES) {
      const length = buffer.readUInt32LE(at);
      if (length < HEADER_BYTES - 4 || length > this.#options.maxFrameBytes) {
        this.#socket.destroy();
        this.#close(`a frame of ${length} bytes, outside ${HEADER_BYTES - 4} to ${this.#options.maxFrameBytes}`);
        return buffer.length;
      }
      const end = at + 4 + length;
      if (end > buffer.length) {
        if (this.#options.splitsData !== true || buffer[at + 4] !== FrameType.DATA) break;
        this.#splitStream = buffer.readUInt32LE(at + 5);
        this.#splitLeft = end - at - HEADER_BYTES;
        return buffer.length - at === HEADER_BYTES ? buffer.length : this.#deliverPart(buffer, at + HEADER_BYTES);
      }
      const type = buffer[at + 4] as number;
      this.#isKept ||= type === FrameType.OPEN || type === FrameType.CALL;
      this.#options.onFrame(type, buffer.readUInt32LE(at + 5), buffer.subarray(at + HEADER_BYTES, end));
      if (this.#closed) return buffer.length;
      at = end;
    }
    if (at < buffer.length) this.#keep(buffer.subarray(at));
    return buffer.length;
  }

  /** Its length, where it is known, is within bounds: it was read on the way here. */
  #keep(rest: Buffer): void {
    this.#partial = Buffer.allocUnsafeSlow(rest.length < HEADER_BYTES ? HEADER_BYTES : 4 + rest.readUInt32LE(0));
    this.#partialLength = rest.copy(this.#partial);
  }

  /** Adds to the partial frame what it lacks; returns where in the chunk the next one begins. */
  #complete(chunk: Buffer, from: number): number {
    const partial = this.#partial as Buffer;
    const copied = chunk.copy(partial, this.#partialLength, from);
    this.#partialLength += copied;
    if (this.#partialLength === partial.length) {
      this.#partial = null;
      const wasKept = this.#isKept;
      this.#isKept = this.#options.freesPayloads !== true;
      this.#parse(partial, 0);
      if (!this.#isKept) freeBytes(partial);
      this.#isKept = wasKept;
    }
    return from + copied;
  }

  #close(reason: string | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#partial = null;
    this.#batchLength = 0;
    this.#options.onClose(reason);
  }
}

/** Cuts a body into DATA-sized views. */
export function* chunksOf(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += CHUNK_BYTES) yield body.subarray(at, at + CHUNK_BYTES);
}
