/** Duplex: a readable and a writable in one object. Transform: what is written comes out changed. */

import { callable } from '../lib/callable.ts';
import { codedError } from '../lib/errors.ts';
import { adoptMethods, setUpStream } from './base.ts';
import { Readable, setUpReadable } from './readable.ts';
import type { Callback, DataCallback, StreamOptions, WritableState } from './state.ts';
import { dropWaiting, setUpWritable, WritableMethods } from './writable.ts';

class DuplexMethods extends Readable {
  declare allowHalfOpen: boolean;
  declare _writableState: WritableState;

  _write(chunk: unknown, encoding: string, callback: Callback): void {
    Reflect.apply(WritableMethods.prototype._write, this, [chunk, encoding, callback]);
  }

  override destroy(error?: Error | null, callback?: Callback): this {
    dropWaiting(this, error ?? null);
    return super.destroy(error, callback);
  }
}

/** One object has one prototype, so the rest of what Writable adds to a stream is copied. */
const OWN = new Set<PropertyKey>(['constructor', 'pipe', 'destroy', '_write']);
for (const key of Reflect.ownKeys(WritableMethods.prototype)) {
  if (OWN.has(key)) continue;
  Object.defineProperty(DuplexMethods.prototype, key, Object.getOwnPropertyDescriptor(WritableMethods.prototype, key)!);
}

export interface Duplex extends DuplexMethods {}

interface Constructor<T> {
  new (options?: StreamOptions): T;
  readonly prototype: T;
}

function setUpDuplex(self: DuplexMethods, options: StreamOptions): void {
  setUpStream(self, options);
  setUpReadable(self, options);
  setUpWritable(self as unknown as WritableMethods, options);
  self.allowHalfOpen = options.allowHalfOpen !== false;
  const { _readableState: read, _writableState: write } = self;
  if (options.readable === false) Object.assign(read, { readable: false, ended: true, endEmitted: true });
  if (options.writable === false) Object.assign(write, { writable: false, ending: true, ended: true, finished: true });
}

export const Duplex: Constructor<Duplex> = callable(
  'Duplex',
  DuplexMethods,
  Readable,
  (self: DuplexMethods, options: StreamOptions = {}) => setUpDuplex(self, options),
);

class TransformMethods extends Duplex {
  /** Of a write whose output has not been read yet. */
  declare _held: Callback | null;
  declare _flush?: (callback: DataCallback) => void;

  // oxlint-disable-next-line no-unused-vars -- who implements it is given them
  _transform(_chunk: unknown, _encoding: string, _callback: DataCallback): void {
    throw codedError('ERR_METHOD_NOT_IMPLEMENTED', 'The _transform() method is not implemented');
  }

  override _write(chunk: unknown, encoding: string, callback: Callback): void {
    const read = this._readableState;
    const before = read.length;
    this._transform(chunk, encoding, (error, data) => {
      if (error) return callback(error);
      if (data !== undefined && data !== null) this.push(data);
      if (this._writableState.ending || before === read.length || read.length < read.highWaterMark) callback();
      else this._held = callback;
      return undefined;
    });
  }

  override _read(): void {
    const callback = this._held;
    this._held = null;
    callback?.();
  }
}

function flush(this: TransformMethods, callback: Callback): void {
  const end = (): void => {
    this.push(null);
    callback();
  };
  if (this._flush === undefined || this.destroyed) return end();
  this._flush((error, data) => {
    if (error) return callback(error);
    if (data !== undefined && data !== null) this.push(data);
    return end();
  });
}
Object.defineProperty(TransformMethods.prototype, '_final', { value: flush, writable: true, configurable: true });

export interface Transform extends TransformMethods {}

export const Transform: Constructor<Transform> = callable(
  'Transform',
  TransformMethods,
  Duplex,
  (self: TransformMethods, options: StreamOptions = {}) => {
    // What it reads is made of what is written: there is nothing to read ahead.
    setUpDuplex(self, options);
    self._readableState.sync = false;
    self._held = null;
    adoptMethods(self, options, ['transform', 'flush']);
  },
);

class PassThroughMethods extends Transform {
  override _transform(chunk: unknown, _encoding: string, callback: DataCallback): void {
    callback(null, chunk);
  }
}

export const PassThrough: Constructor<Transform> = callable(
  'PassThrough',
  PassThroughMethods,
  Transform,
  (self: PassThroughMethods, options: StreamOptions = {}) =>
    void Reflect.apply(Transform as unknown as () => void, self, [options]),
);
