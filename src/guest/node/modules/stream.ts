/** node:stream. */

import { addAbortSignal, Stream } from '../stream/base.ts';
import { Duplex, PassThrough, Transform } from '../stream/duplex.ts';
import { finished } from '../stream/finished.ts';
import { from } from '../stream/from.ts';
import { pipeline } from '../stream/pipeline.ts';
import { promises } from '../stream/promises.ts';
import { Readable } from '../stream/readable.ts';
import { DEFAULT_BYTES, DEFAULT_OBJECTS } from '../stream/state.ts';
import { readableFromWeb, readableToWeb, writableFromWeb, writableToWeb } from '../stream/web-streams.ts';
import { Writable } from '../stream/writable.ts';

Object.assign(Readable, { from, fromWeb: readableFromWeb, toWeb: readableToWeb });
Object.assign(Writable, { fromWeb: writableFromWeb, toWeb: writableToWeb });

/** By which `util.promisify` finds the version that returns a promise. */
const promisified: unique symbol = Symbol.for('nodejs.util.promisify.custom') as never;
Object.defineProperty(finished, promisified, { value: promises.finished, configurable: true });
Object.defineProperty(pipeline, promisified, { value: promises.pipeline, configurable: true });

type State = Partial<Record<string, unknown>>;

export const isReadable = (stream: unknown): boolean | null => flag(stream, 'readable');
export const isWritable = (stream: unknown): boolean | null => flag(stream, 'writable');
export const isErrored = (stream: unknown): boolean => (stream as State | null)?.['errored'] instanceof Error;
export const isDisturbed = (stream: unknown): boolean =>
  (stream as State | null)?.['readableDidRead'] === true || (stream as State | null)?.['readableAborted'] === true;

function flag(stream: unknown, name: string): boolean | null {
  const value = (stream as State | null)?.[name];
  return typeof value === 'boolean' ? value : null;
}

export const getDefaultHighWaterMark = (objectMode: boolean): number => (objectMode ? DEFAULT_OBJECTS : DEFAULT_BYTES);

Object.assign(Stream, {
  Duplex,
  PassThrough,
  Readable,
  Stream,
  Transform,
  Writable,
  addAbortSignal,
  finished,
  getDefaultHighWaterMark,
  isDisturbed,
  isErrored,
  isReadable,
  isWritable,
  pipeline,
  promises,
});

export { addAbortSignal, Duplex, finished, PassThrough, pipeline, promises, Readable, Stream, Transform, Writable };
export default Stream;
