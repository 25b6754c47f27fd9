/** How a readable is filled and emptied: what is pushed is held, and more is asked for while there is room. */

import { codedError, invalidArgument } from '../lib/errors.ts';
import { web } from '../lib/web.ts';
import { Buffer } from '../modules/buffer.ts';
import { destroyWhenOver, fail } from './base.ts';
import type { ReadableMethods } from './readable.ts';
import type { ReadableState } from './state.ts';

/** Bytes as a Buffer, text in the stream's own encoding; throws for what a stream can't hold. */
function chunkOf(state: ReadableState, chunk: unknown, encoding: string | undefined): unknown {
  if (state.objectMode) return chunk;
  if (typeof chunk === 'string') {
    const given = encoding ?? 'utf8';
    return state.encoding !== null && state.encoding === given ? chunk : Buffer.from(chunk, given);
  }
  if (Buffer.isBuffer(chunk)) return chunk;
  if (ArrayBuffer.isView(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw invalidArgument('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', chunk);
}

export function addChunk(
  stream: ReadableMethods,
  given: unknown,
  encoding: string | undefined,
  first: boolean,
): boolean {
  const state = stream._readableState;
  if (given === null || (given === undefined && !state.objectMode)) {
    state.reading = false;
    if (given === null) endOfChunks(stream);
    else
      fail(stream, invalidArgument('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', given));
    return false;
  }
  let chunk: unknown;
  try {
    chunk = chunkOf(state, given, encoding);
  } catch (error) {
    fail(stream, error as Error);
    return false;
  }
  const isEmpty = !state.objectMode && (chunk as Uint8Array | string).length === 0;
  if (first) putFirst(stream, chunk, isEmpty);
  else if (!putLast(stream, chunk, isEmpty)) return false;
  return !state.ended && (state.length < state.highWaterMark || state.length === 0);
}

function putFirst(stream: ReadableMethods, chunk: unknown, isEmpty: boolean): void {
  const state = stream._readableState;
  if (isEmpty) return;
  if (state.endEmitted)
    return fail(stream, codedError('ERR_STREAM_UNSHIFT_AFTER_END_EVENT', 'stream.unshift() after end event'));
  if (!stream.destroyed) put(stream, chunk, true);
}

function putLast(stream: ReadableMethods, given: unknown, isEmpty: boolean): boolean {
  const state = stream._readableState;
  if (!isEmpty && state.ended) {
    fail(stream, codedError('ERR_STREAM_PUSH_AFTER_EOF', 'stream.push() after EOF'));
    return false;
  }
  if (stream.destroyed || stream.errored !== null) return false;
  state.reading = false;
  const chunk = isEmpty || state.decoder === null || typeof given === 'string' ? given : state.decoder.write(given);
  if (isEmpty || (state.decoder !== null && chunk === '')) readMore(stream);
  else put(stream, chunk, false);
  return true;
}

const sizeOf = (state: ReadableState, chunk: unknown): number =>
  state.objectMode ? 1 : (chunk as Uint8Array | string).length;

function put(stream: ReadableMethods, chunk: unknown, first: boolean): void {
  const state = stream._readableState;
  if (state.flowing === true && state.length === 0 && !state.sync && !first && stream.listenerCount('data') > 0) {
    state.dataEmitted = true;
    stream.emit('data', chunk);
  } else {
    state.length += sizeOf(state, chunk);
    if (first) state.buffer.unshift(chunk);
    else state.buffer.push(chunk);
    if (state.needReadable) emitReadable(stream);
  }
  readMore(stream);
}

function endOfChunks(stream: ReadableMethods): void {
  const state = stream._readableState;
  if (state.ended) return;
  const rest = state.decoder?.end() ?? '';
  if (rest !== '') {
    state.buffer.push(rest);
    state.length += sizeOf(state, rest);
  }
  state.ended = true;
  if (state.sync) return emitReadable(stream);
  state.needReadable = false;
  state.emittedReadable = true;
  tellReadable(stream);
}

/** How much of what is there a call of `read(size)` gets. */
function amount(state: ReadableState, size: number | undefined): number {
  if (size !== undefined && size <= 0) return 0;
  if (state.length === 0 && state.ended) return 0;
  if (state.objectMode) return 1;
  if (size === undefined || Number.isNaN(size)) {
    // Chunk by chunk; text that waits is one.
    const isByChunk = state.length > 0 && (state.decoder === null || state.flowing === true);
    return isByChunk ? (state.buffer[0] as Uint8Array | string).length : state.length;
  }
  if (size <= state.length) return size;
  return state.ended ? state.length : 0;
}

export function read(stream: ReadableMethods, size?: number): unknown {
  const state = stream._readableState;
  if (size !== undefined && size > state.highWaterMark && !state.objectMode) state.highWaterMark = size;
  if (size !== 0) state.emittedReadable = false;
  const isFull = state.highWaterMark === 0 ? state.length > 0 : state.length >= state.highWaterMark;
  if (size === 0 && state.needReadable && (isFull || state.ended)) {
    if (state.length === 0 && state.ended) endReading(stream);
    else emitReadable(stream);
    return null;
  }
  let wanted = amount(state, size);
  if (wanted === 0 && state.ended) {
    if (state.length === 0) endReading(stream);
    return null;
  }
  if (asksForMore(stream, wanted)) {
    askForMore(stream);
    // What came at once can be had at once.
    if (!state.reading) wanted = amount(state, size);
  }
  const chunk = wanted > 0 ? take(state, wanted) : null;
  if (chunk === null) state.needReadable = state.length <= state.highWaterMark;
  if (state.length === 0) {
    if (!state.ended) state.needReadable = true;
    if (size !== wanted && state.ended) endReading(stream);
  }
  if (chunk !== null && stream.errored === null && !stream._life.closeEmitted) {
    state.dataEmitted = true;
    stream.emit('data', chunk);
  }
  return chunk;
}

function asksForMore(stream: ReadableMethods, wanted: number): boolean {
  const state = stream._readableState;
  if (state.ended || state.reading || stream.destroyed || stream.errored !== null) return false;
  return state.needReadable || state.length === 0 || state.length - wanted < state.highWaterMark;
}

function askForMore(stream: ReadableMethods): void {
  const state = stream._readableState;
  state.reading = true;
  state.sync = true;
  if (state.length === 0) state.needReadable = true;
  try {
    stream._read(state.highWaterMark);
  } catch (error) {
    fail(stream, error as Error);
  }
  state.sync = false;
}

function take(state: ReadableState, wanted: number): unknown {
  const { buffer } = state;
  if (state.length === 0) return null;
  if (state.objectMode) {
    state.length--;
    return buffer.shift();
  }
  const parts: (Uint8Array | string)[] = [];
  let left = wanted;
  while (left > 0 && buffer.length > 0) {
    const first = buffer[0] as Uint8Array | string;
    if (first.length <= left) buffer.shift();
    else buffer[0] = typeof first === 'string' ? first.slice(left) : first.subarray(left);
    parts.push(
      first.length <= left ? first : typeof first === 'string' ? first.slice(0, left) : first.subarray(0, left),
    );
    left -= parts.at(-1)!.length;
  }
  state.length -= wanted - left;
  if (parts.length === 1) return parts[0];
  return state.decoder === null ? Buffer.concat(parts as Uint8Array[]) : parts.join('');
}

export function emitReadable(stream: ReadableMethods): void {
  const state = stream._readableState;
  state.needReadable = false;
  if (state.emittedReadable) return;
  state.emittedReadable = true;
  web.queueMicrotask(() => tellReadable(stream));
}

function tellReadable(stream: ReadableMethods): void {
  const state = stream._readableState;
  if (!stream.destroyed && stream.errored === null && (state.length > 0 || state.ended)) {
    stream.emit('readable');
    state.emittedReadable = false;
  }
  state.needReadable = state.flowing !== true && !state.ended && state.length <= state.highWaterMark;
  flow(stream);
}

/** Fills up to the mark, in a turn of its own, so that somebody who pushes as fast as he is asked does not recurse. */
function readMore(stream: ReadableMethods): void {
  const state = stream._readableState;
  if (state.readingMore) return;
  state.readingMore = true;
  web.queueMicrotask(() => {
    const wants = (): boolean =>
      !state.reading &&
      !state.ended &&
      (state.length < state.highWaterMark || (state.flowing === true && state.length === 0));
    while (wants()) {
      const before = state.length;
      stream.read(0);
      if (before === state.length) break;
    }
    state.readingMore = false;
  });
}

export function noticeListeners(stream: ReadableMethods): void {
  const state = stream._readableState;
  state.readableListening = stream.listenerCount('readable') > 0;
  if (state.resumeScheduled && !state.paused) state.flowing = true;
  else if (stream.listenerCount('data') > 0) stream.resume();
  else if (!state.readableListening) state.flowing = null;
}

export function startFlow(stream: ReadableMethods): void {
  const state = stream._readableState;
  if (!state.reading) stream.read(0);
  state.resumeScheduled = false;
  stream.emit('resume');
  flow(stream);
  if (state.flowing === true && !state.reading) stream.read(0);
}

function flow(stream: ReadableMethods): void {
  const state = stream._readableState;
  while (state.flowing === true && stream.read() !== null);
}

function endReading(stream: ReadableMethods): void {
  const state = stream._readableState;
  if (state.endEmitted) return;
  state.ended = true;
  web.queueMicrotask(() => {
    if (stream.errored !== null || stream._life.closeEmitted || state.endEmitted || state.length > 0) return;
    state.endEmitted = true;
    stream.emit('end');
    const { allowHalfOpen } = stream as { allowHalfOpen?: boolean };
    if (stream._writableState?.writable === true && allowHalfOpen === false)
      web.queueMicrotask(() => (stream as unknown as { end(): void }).end());
    else destroyWhenOver(stream);
  });
}
