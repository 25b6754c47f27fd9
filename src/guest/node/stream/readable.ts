/** Readable: chunks that are pushed, held up to a mark, and read as they are wanted. */

import { callable } from '../lib/callable.ts';
import { codedError } from '../lib/errors.ts';
import { web } from '../lib/web.ts';
import type { Listener } from '../modules/events.ts';
import { StringDecoder } from '../modules/string_decoder.ts';
import { adoptMethods, fail, setUpStream, Stream } from './base.ts';
import { pipe, unpipe, type Destination } from './pipe.ts';
import { iterate, type IterateOptions } from './iterate.ts';
import { addChunk, emitReadable, noticeListeners, read, startFlow } from './reading.ts';
import { newReadableState, type ReadableState, type StreamOptions } from './state.ts';

export class ReadableMethods extends Stream {
  declare _readableState: ReadableState;

  get readable(): boolean {
    const { readable, endEmitted } = this._readableState;
    return readable && !this.destroyed && !endEmitted && this.errored === null;
  }

  set readable(value: boolean) {
    if (this._readableState !== undefined) this._readableState.readable = value;
  }

  get readableLength(): number {
    return this._readableState.length;
  }

  get readableHighWaterMark(): number {
    return this._readableState.highWaterMark;
  }

  get readableObjectMode(): boolean {
    return this._readableState.objectMode;
  }

  get readableEncoding(): string | null {
    return this._readableState.encoding;
  }

  get readableEnded(): boolean {
    return this._readableState.endEmitted;
  }

  get readableAborted(): boolean {
    return this._readableState.readable && (this.destroyed || this.errored !== null) && !this._readableState.endEmitted;
  }

  get readableDidRead(): boolean {
    return this._readableState.dataEmitted;
  }

  get readableFlowing(): boolean | null {
    return this._readableState.flowing;
  }

  set readableFlowing(value: boolean | null) {
    this._readableState.flowing = value;
  }

  // oxlint-disable-next-line no-unused-vars -- who implements it is given it
  _read(_size: number): void {
    throw codedError('ERR_METHOD_NOT_IMPLEMENTED', 'The _read() method is not implemented');
  }

  push(chunk: unknown, encoding?: string): boolean {
    return addChunk(this, chunk, encoding, false);
  }

  unshift(chunk: unknown, encoding?: string): boolean {
    return addChunk(this, chunk, encoding, true);
  }

  read(size?: number): unknown {
    return read(this, size);
  }

  isPaused(): boolean {
    return this._readableState.paused || this._readableState.flowing === false;
  }

  setEncoding(encoding: string): this {
    const state = this._readableState;
    const decoder = new StringDecoder(encoding);
    state.decoder = decoder;
    state.encoding = decoder.encoding;
    const text = state.buffer.map((chunk) => decoder.write(chunk)).join('');
    state.buffer = text === '' ? [] : [text];
    state.length = text.length;
    return this;
  }

  override on(name: string | symbol, listener: Listener): this {
    super.on(name, listener);
    const state = this._readableState;
    if (name === 'data') {
      state.readableListening = this.listenerCount('readable') > 0;
      if (state.flowing !== false) this.resume();
    } else if (name === 'readable' && !state.endEmitted && !state.readableListening) {
      state.readableListening = true;
      state.needReadable = true;
      state.flowing = false;
      state.emittedReadable = false;
      if (state.length > 0 || state.ended) emitReadable(this);
      else if (!state.reading) web.queueMicrotask(() => void this.read(0));
    }
    return this;
  }

  override addListener(name: string | symbol, listener: Listener): this {
    return this.on(name, listener);
  }

  override removeListener(name: string | symbol, listener: Listener): this {
    super.removeListener(name, listener);
    if (name === 'readable') web.queueMicrotask(() => noticeListeners(this));
    return this;
  }

  override off(name: string | symbol, listener: Listener): this {
    return this.removeListener(name, listener);
  }

  override removeAllListeners(name?: string | symbol): this {
    super.removeAllListeners(name);
    if (name === 'readable' || name === undefined) web.queueMicrotask(() => noticeListeners(this));
    return this;
  }

  resume(): this {
    const state = this._readableState;
    if (state.flowing !== true) {
      state.flowing = !state.readableListening;
      if (!state.resumeScheduled) {
        state.resumeScheduled = true;
        web.queueMicrotask(() => startFlow(this));
      }
    }
    state.paused = false;
    return this;
  }

  pause(): this {
    const state = this._readableState;
    if (state.flowing !== false) {
      state.flowing = false;
      this.emit('pause');
    }
    state.paused = true;
    return this;
  }

  override pipe<T extends Destination>(destination: T, options: { end?: boolean } = {}): T {
    return pipe(this, destination, options);
  }

  unpipe(destination?: Destination): this {
    unpipe(this, destination);
    return this;
  }

  /** An old stream as a new one. */
  wrap(stream: InstanceType<typeof Stream> & { pause?(): void; resume?(): void }): this {
    stream.on('data', (chunk: unknown) => {
      if (!this.push(chunk)) stream.pause?.();
    });
    stream.on('end', () => this.push(null));
    stream.on('error', (error: Error) => fail(this, error));
    stream.on('close', () => this.destroy());
    this._read = () => stream.resume?.();
    return this;
  }

  iterator(options?: IterateOptions): AsyncIterableIterator<unknown> {
    return iterate(this, options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    return iterate(this);
  }
}

export function setUpReadable(self: ReadableMethods, options: StreamOptions): void {
  self._readableState = newReadableState(options);
  adoptMethods(self, options, ['read']);
  if (options.encoding !== undefined) self.setEncoding(options.encoding);
}

export interface Readable extends ReadableMethods {}

interface ReadableConstructor {
  new (options?: StreamOptions): Readable;
  readonly prototype: Readable;
}

export const Readable: ReadableConstructor = callable(
  'Readable',
  ReadableMethods,
  Stream,
  (self: ReadableMethods, options: StreamOptions = {}) => {
    setUpStream(self, options);
    setUpReadable(self, options);
  },
);
