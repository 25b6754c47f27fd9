/** Writable: chunks that are written one after another, held while the one before is under way. */

import { callable } from '../lib/callable.ts';
import { codedError, invalidArgument } from '../lib/errors.ts';
import { web } from '../lib/web.ts';
import { Buffer } from '../modules/buffer.ts';
import { adoptMethods, destroyWhenOver, fail, setUpStream, Stream, type StreamMethods } from './base.ts';
import { nullChunk } from './null-chunk.ts';
import { newWritableState, type Callback, type StreamOptions, type WritableState } from './state.ts';

type Chunks = readonly { readonly chunk: unknown; readonly encoding: string }[];

/** A duplex has them too, which inherits from Readable. */
export class WritableMethods extends Stream {
  declare _writableState: WritableState;
  declare _writev?: (chunks: Chunks, callback: Callback) => void;
  declare _final?: (callback: Callback) => void;

  get writable(): boolean {
    const { writable, ending } = this._writableState;
    return writable && !this.destroyed && this.errored === null && !ending;
  }

  set writable(value: boolean) {
    if (this._writableState !== undefined) this._writableState.writable = value;
  }

  get writableEnded(): boolean {
    return this._writableState.ending;
  }

  get writableFinished(): boolean {
    return this._writableState.finished;
  }

  get writableLength(): number {
    return this._writableState.length;
  }

  get writableHighWaterMark(): number {
    return this._writableState.highWaterMark;
  }

  get writableObjectMode(): boolean {
    return this._writableState.objectMode;
  }

  get writableCorked(): number {
    return this._writableState.corked;
  }

  get writableNeedDrain(): boolean {
    const { needDrain, ending } = this._writableState;
    return needDrain && !ending && !this.destroyed;
  }

  get writableAborted(): boolean {
    return this._writableState.writable && (this.destroyed || this.errored !== null) && !this._writableState.finished;
  }

  _write(chunk: unknown, encoding: string, callback: Callback): void {
    if (this._writev === undefined)
      throw codedError('ERR_METHOD_NOT_IMPLEMENTED', 'The _write() method is not implemented');
    this._writev([{ chunk, encoding }], callback);
  }

  /** False asks to wait for `drain`. */
  write(chunk: unknown, encodingOrCallback?: string | Callback | null, callback?: Callback): boolean {
    const encoding = typeof encodingOrCallback === 'string' ? encodingOrCallback : this._writableState.defaultEncoding;
    const done = typeof encodingOrCallback === 'function' ? encodingOrCallback : callback;
    return write(this, chunk, encoding, done ?? ignore);
  }

  end(chunk?: unknown, encoding?: string | Callback | null, callback?: Callback): this {
    const done = [chunk, encoding, callback].find((given) => typeof given === 'function') as Callback | undefined;
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function')
      this.write(chunk, typeof encoding === 'string' ? encoding : undefined);
    end(this, done);
    return this;
  }

  cork(): void {
    this._writableState.corked++;
  }

  uncork(): void {
    const state = this._writableState;
    if (state.corked === 0) return;
    state.corked--;
    if (state.writing === null) writeNext(this);
  }

  setDefaultEncoding(encoding: string): this {
    if (!Buffer.isEncoding(encoding)) throw codedError('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`);
    this._writableState.defaultEncoding = encoding;
    return this;
  }

  override pipe(): never {
    fail(this, codedError('ERR_STREAM_CANNOT_PIPE', 'Cannot pipe, not readable'));
    return undefined as never;
  }

  override destroy(error?: Error | null, callback?: Callback): this {
    dropWaiting(this, error ?? null);
    return super.destroy(error, callback);
  }
}

const ignore = (): void => undefined;

/** Those that are written to nobody any more. */
export function dropWaiting(
  stream: StreamMethods & { readonly _writableState: WritableState },
  error: Error | null,
): void {
  const state = stream._writableState;
  if (stream.destroyed || (state.buffered.length === 0 && state.onFinished.length === 0)) return;
  const reason =
    error ?? stream.errored ?? codedError('ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed');
  web.queueMicrotask(() => {
    for (const { callback } of state.buffered.splice(0)) callback(reason);
    for (const callback of state.onFinished.splice(0))
      callback(error ?? codedError('ERR_STREAM_DESTROYED', 'Cannot call end after a stream was destroyed'));
  });
}

export function setUpWritable(self: WritableMethods, options: StreamOptions): void {
  self._writableState = newWritableState(options);
  adoptMethods(self, options, ['write', 'writev', 'final']);
}

export interface Writable extends WritableMethods {}

interface WritableConstructor {
  new (options?: StreamOptions): Writable;
  readonly prototype: Writable;
}

export const Writable: WritableConstructor = callable(
  'Writable',
  WritableMethods,
  Stream,
  (self: WritableMethods, options: StreamOptions = {}) => {
    setUpStream(self, options);
    setUpWritable(self, options);
  },
);

function write(stream: WritableMethods, given: unknown, encoding: string, callback: Callback): boolean {
  const state = stream._writableState;
  const { chunk, as } = chunkOf(state, given, encoding);
  const refusal = state.ending
    ? codedError('ERR_STREAM_WRITE_AFTER_END', 'write after end')
    : stream.destroyed
      ? codedError('ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed')
      : null;
  if (refusal !== null) {
    web.queueMicrotask(() => callback(refusal));
    fail(stream, refusal);
    return false;
  }
  state.pendingCallbacks++;
  state.length += state.objectMode ? 1 : (chunk as Uint8Array | string).length;
  const hasRoom = state.length < state.highWaterMark;
  if (!hasRoom) state.needDrain = true;
  state.buffered.push({ chunk, encoding: as, callback });
  if (state.writing === null && state.corked === 0 && stream.errored === null) writeNext(stream);
  return hasRoom && stream.errored === null && !stream.destroyed;
}

/** Bytes as a Buffer, which is what `_write` expects of text too. */
function chunkOf(
  state: WritableState,
  chunk: unknown,
  encoding: string,
): { readonly chunk: unknown; readonly as: string } {
  if (chunk === null) throw nullChunk();
  if (state.objectMode) return { chunk, as: encoding };
  if (typeof chunk === 'string') {
    if (!Buffer.isEncoding(encoding)) throw codedError('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`);
    return state.decodeStrings ? { chunk: Buffer.from(chunk, encoding), as: 'buffer' } : { chunk, as: encoding };
  }
  if (Buffer.isBuffer(chunk)) return { chunk, as: 'buffer' };
  if (ArrayBuffer.isView(chunk))
    return { chunk: Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), as: 'buffer' };
  throw invalidArgument('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', chunk);
}

/** All that waits in one go where the stream takes that, else one after another for as long as they are written at once. */
function writeNext(stream: WritableMethods): void {
  const state = stream._writableState;
  while (state.buffered.length > 0 && state.writing === null && state.corked === 0 && !stream.destroyed) {
    const isMany = stream._writev !== undefined && state.buffered.length > 1;
    const chunks = state.buffered.splice(0, isMany ? state.buffered.length : 1);
    state.writing = chunks;
    state.writingLength = state.objectMode
      ? chunks.length
      : chunks.reduce((sum, { chunk }) => sum + (chunk as Uint8Array).length, 0);
    state.sync = true;
    const done = (error?: Error | null): void => written(stream, chunks, error ?? null);
    try {
      if (isMany) stream._writev!(chunks, done);
      else stream._write(chunks[0]!.chunk, chunks[0]!.encoding, done);
    } catch (error) {
      state.writing = null;
      throw error;
    }
    state.sync = false;
  }
}

function written(stream: WritableMethods, chunks: WritableState['writing'] & object, error: Error | null): void {
  const state = stream._writableState;
  if (state.writing !== chunks)
    return fail(stream, codedError('ERR_MULTIPLE_CALLBACK', 'Callback called multiple times'));
  const wasSync = state.sync;
  state.writing = null;
  state.length -= state.writingLength;
  const tell = (): void => (error === null ? afterWrite(stream, chunks) : failWrite(stream, chunks, error));
  if (error !== null) stream._life.errored ??= error;
  if (wasSync) web.queueMicrotask(tell);
  else {
    if (error === null) writeNext(stream);
    tell();
  }
}

function afterWrite(stream: WritableMethods, chunks: WritableState['writing'] & object): void {
  const state = stream._writableState;
  if (state.needDrain && !state.ending && !stream.destroyed && state.length === 0) {
    state.needDrain = false;
    stream.emit('drain');
  }
  for (const { callback } of chunks) {
    state.pendingCallbacks--;
    callback(null);
  }
  finishWhenWritten(stream);
}

function failWrite(stream: WritableMethods, chunks: WritableState['writing'] & object, error: Error): void {
  const state = stream._writableState;
  for (const { callback } of chunks) {
    state.pendingCallbacks--;
    callback(error);
  }
  dropWaiting(stream, error);
  fail(stream, error);
}

function end(stream: WritableMethods, callback: Callback | undefined): void {
  const state = stream._writableState;
  if (state.corked > 0) {
    state.corked = 1;
    stream.uncork();
  }
  let refusal: Error | null = null;
  if (!state.ending && stream.errored === null && !stream.destroyed) {
    state.ending = true;
    state.ended = true;
    web.queueMicrotask(() => finishWhenWritten(stream));
  } else if (state.finished) {
    refusal = codedError('ERR_STREAM_ALREADY_FINISHED', 'Cannot call end after a stream was finished');
  } else if (stream.destroyed) {
    refusal = codedError('ERR_STREAM_DESTROYED', 'Cannot call end after a stream was destroyed');
  }
  if (callback === undefined) return;
  if (refusal !== null || state.finished) web.queueMicrotask(() => callback(refusal));
  else state.onFinished.push(callback);
}

function canFinish(stream: WritableMethods): boolean {
  const state = stream._writableState;
  const isIdle =
    state.length === 0 && state.buffered.length === 0 && state.writing === null && state.pendingCallbacks === 0;
  return state.ending && isIdle && !stream.destroyed && stream.errored === null && !state.finished;
}

function finishWhenWritten(stream: WritableMethods): void {
  const state = stream._writableState;
  if (!canFinish(stream) || state.finalCalled) return;
  state.finalCalled = true;
  if (stream._final === undefined) return prefinish(stream);
  let isDone = false;
  const done = (error?: Error | null): void => {
    if (isDone) return fail(stream, error ?? codedError('ERR_MULTIPLE_CALLBACK', 'Callback called multiple times'));
    isDone = true;
    if (!error) return prefinish(stream);
    for (const callback of state.onFinished.splice(0)) callback(error);
    fail(stream, error);
  };
  try {
    stream._final(done);
  } catch (error) {
    done(error as Error);
  }
}

function prefinish(stream: WritableMethods): void {
  const state = stream._writableState;
  if (!canFinish(stream) || state.prefinished) return;
  state.prefinished = true;
  stream.emit('prefinish');
  web.queueMicrotask(() => {
    if (!canFinish(stream)) return;
    state.finished = true;
    for (const callback of state.onFinished.splice(0)) callback(null);
    stream.emit('finish');
    destroyWhenOver(stream);
  });
}
