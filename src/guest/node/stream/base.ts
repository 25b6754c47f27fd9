/** Stream: what all streams are, and how one ends: `destroy`, then `error` where there is one, then `close`. */

import { callable } from '../lib/callable.ts';
import { abortError, invalidArgument } from '../lib/errors.ts';
import { web, type WebSignal } from '../lib/web.ts';
import { EventEmitter } from '../modules/events.ts';
import {
  newLife,
  type Callback,
  type Life,
  type ReadableState,
  type StreamOptions,
  type WritableState,
} from './state.ts';

export class StreamMethods extends EventEmitter {
  declare _life: Life;
  declare _readableState?: ReadableState;
  declare _writableState?: WritableState;

  get destroyed(): boolean {
    return this._life?.destroyed ?? false;
  }

  /** Some packages say so themselves. */
  set destroyed(value: boolean) {
    if (this._life !== undefined) this._life.destroyed = value;
  }

  get closed(): boolean {
    return this._life?.closed ?? false;
  }

  get errored(): Error | null {
    return this._life?.errored ?? null;
  }

  destroy(error?: Error | null, callback?: Callback): this {
    const life = this._life;
    if (life.destroyed) {
      callback?.();
      return this;
    }
    life.destroyed = true;
    if (error) life.errored ??= error;
    try {
      this._destroy(error ?? null, (failure) => close(this, failure ?? null, callback));
    } catch (failure) {
      close(this, failure as Error, callback);
    }
    return this;
  }

  _destroy(error: Error | null, callback: Callback): void {
    callback(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => {
      if (this.closed) return resolve();
      this.once('close', () => resolve());
      this.on('error', () => undefined);
      this.destroy(this.errored === null && !isOver(this) ? abortError(undefined) : null);
    });
  }
}

const isOver = ({ _readableState: readable, _writableState: writable }: StreamMethods): boolean =>
  (readable === undefined || readable.endEmitted) && (writable === undefined || writable.finished);

function close(stream: StreamMethods, error: Error | null, callback: Callback | undefined): void {
  const life = stream._life;
  if (life.closed) return;
  if (error) life.errored ??= error;
  life.closed = true;
  callback?.(error);
  web.queueMicrotask(() => {
    try {
      if (error) emitError(stream, error);
    } finally {
      life.closeEmitted = true;
      if (life.emitClose) stream.emit('close');
    }
  });
}

function emitError(stream: StreamMethods, error: Error): void {
  if (stream._life.errorEmitted) return;
  stream._life.errorEmitted = true;
  stream.emit('error', error);
}

/** What goes wrong on the way ends the stream, unless it was told not to end by itself. */
export function fail(stream: StreamMethods, error: Error): void {
  const life = stream._life;
  if (life.destroyed) return;
  if (life.autoDestroy) return void stream.destroy(error);
  life.errored ??= error;
  web.queueMicrotask(() => emitError(stream, error));
}

/** Ends by itself when both sides are done. */
export function destroyWhenOver(stream: StreamMethods): void {
  const { _life: life, _readableState: readable, _writableState: writable } = stream;
  const isRead = readable === undefined || readable.endEmitted || !readable.readable;
  const isWritten = writable === undefined || writable.finished || !writable.writable;
  if (life.autoDestroy && isRead && isWritten) stream.destroy();
}

/** Puts the functions of the options in the place of the methods. */
export function adoptMethods(
  stream: StreamMethods,
  options: StreamOptions,
  names: readonly (keyof StreamOptions)[],
): void {
  for (const name of names) {
    const given = options[name];
    if (typeof given === 'function')
      Object.defineProperty(stream, `_${name}`, { value: given, writable: true, enumerable: true, configurable: true });
  }
}

export function setUpStream(stream: StreamMethods, options: StreamOptions): void {
  Reflect.apply(EventEmitter as unknown as () => void, stream, [options]);
  stream._life = newLife(options);
  adoptMethods(stream, options, ['destroy']);
  if (options.signal !== undefined) addAbortSignal(options.signal as WebSignal, stream);
}

export function addAbortSignal<T extends { destroy(error?: Error): unknown }>(signal: WebSignal, stream: T): T {
  if (typeof signal?.addEventListener !== 'function')
    throw invalidArgument('signal', 'an instance of AbortSignal', signal);
  const abort = (): void => void stream.destroy(abortError(signal.reason));
  if (signal.aborted) {
    abort();
    return stream;
  }
  signal.addEventListener('abort', abort, { once: true });
  (stream as unknown as StreamMethods).once?.('close', () => signal.removeEventListener('abort', abort));
  return stream;
}

interface Destination extends EventEmitter {
  write(chunk: unknown): unknown;
  end(): unknown;
}

class LegacyStreamMethods extends StreamMethods {
  /** As it was before Readable: without a buffer. */
  pipe<T extends Destination>(destination: T, { end = true }: { end?: boolean } = {}): T {
    const write = (chunk: unknown): void => {
      if (destination.write(chunk) === false) (this as unknown as { pause?(): void }).pause?.();
    };
    const resume = (): void => (this as unknown as { resume?(): void }).resume?.();
    const finish = (): void => void (end && destination.end());
    this.on('data', write).on('end', finish);
    destination.on('drain', resume);
    const stop = (): void => {
      this.removeListener('data', write).removeListener('end', finish);
      destination.removeListener('drain', resume);
    };
    this.once('close', stop).once('end', stop);
    destination.once('close', stop);
    destination.emit('pipe', this);
    return destination;
  }
}

interface StreamConstructor {
  new (options?: StreamOptions): LegacyStreamMethods;
  readonly prototype: LegacyStreamMethods;
}

export const Stream: StreamConstructor = callable(
  'Stream',
  LegacyStreamMethods,
  EventEmitter,
  (self: LegacyStreamMethods, options: StreamOptions = {}) => setUpStream(self, options),
);
