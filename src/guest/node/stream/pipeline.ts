/** pipeline: streams, iterables and async generator functions, one behind the other; one that fails ends all. */

import { abortError, codedTypeError, invalidArgument, requireFunction } from '../lib/errors.ts';
import { web, type WebSignal } from '../lib/web.ts';
import type { StreamMethods } from './base.ts';
import { finished, isStream } from './finished.ts';
import { from } from './from.ts';
import type { Destination } from './pipe.ts';
import type { Readable } from './readable.ts';

export interface PipelineOptions {
  readonly signal?: WebSignal;
  readonly end?: boolean;
}

type Stage = (source: unknown, options: { readonly signal: WebSignal | undefined }) => unknown;

/** Resolves to what the last stage returned, where that is a function, when all are done. */
export function runPipeline(given: readonly unknown[], { signal, end = true }: PipelineOptions = {}): Promise<unknown> {
  const stages = given.length === 1 && Array.isArray(given[0]) ? (given[0] as unknown[]) : given;
  if (stages.length < 2) throw codedTypeError('ERR_MISSING_ARGS', 'The "streams" argument must be specified');
  const streams: StreamMethods[] = [];
  const waits: Promise<unknown>[] = [];
  let value: Promise<unknown> | undefined;
  let current: unknown;
  for (const [i, stage] of stages.entries()) {
    const isLast = i === stages.length - 1;
    if (isStream(stage)) {
      if (i > 0) connect(asStream(current, streams, waits), stage as never, end || !isLast);
      current = stage;
      streams.push(stage);
      waits.push(done(stage, { readable: !isLast, writable: i > 0 && (end || !isLast) }));
    } else if (typeof stage === 'function') {
      const result = (stage as Stage)(i === 0 ? { signal } : current, { signal });
      if (isLast && !isIterable(result)) value = Promise.resolve(result);
      else if (isLast) value = drain(result);
      current = result;
    } else if (i === 0 && isIterable(stage)) {
      current = stage;
    } else {
      throw invalidArgument(`streams[${i}]`, 'a Stream, an iterable or a function', stage);
    }
  }
  return settle(streams, value === undefined ? waits : [...waits, value], signal).then(() => value);
}

function isIterable(value: unknown): boolean {
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = (value ?? {}) as Partial<Record<symbol, unknown>>;
  return typeof later === 'function' || typeof now === 'function';
}

async function drain(source: unknown): Promise<undefined> {
  for await (const chunk of source as AsyncIterable<unknown>) void chunk;
  return undefined;
}

function asStream(source: unknown, streams: StreamMethods[], waits: Promise<unknown>[]): Readable {
  if (isStream(source)) return source as Readable;
  const stream = from(source);
  streams.push(stream);
  waits.push(done(stream, { writable: false }));
  return stream;
}

function connect(source: Readable, destination: Destination, end: boolean): void {
  source.pipe(destination, { end });
}

function done(stream: StreamMethods, sides: { readable?: boolean; writable?: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    finished(stream, sides, (error) => (error ? reject(error) : resolve()));
  });
}

async function settle(
  streams: readonly StreamMethods[],
  waits: readonly Promise<unknown>[],
  signal: WebSignal | undefined,
): Promise<void> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortError(signal?.reason));
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
  try {
    await Promise.race([Promise.all(waits), aborted]);
  } catch (error) {
    for (const stream of streams) {
      stream.on('error', () => undefined);
      stream.destroy(error as Error);
    }
    for (const wait of waits) wait.catch(() => undefined);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** `pipeline(...stages, callback)`; returns the last stage. */
export function pipeline(...args: unknown[]): unknown {
  const callback = args.pop();
  requireFunction('streams[stream.length - 1]', callback);
  const options = isOptions(args.at(-1)) ? (args.pop() as PipelineOptions) : {};
  const tell = (error: unknown, value?: unknown): void => web.queueMicrotask(() => void callback(error, value));
  runPipeline(args, options).then(
    (value) => tell(undefined, value),
    (error: unknown) => tell(error),
  );
  const stages = args.length === 1 && Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  return stages.at(-1);
}

export function isOptions(value: unknown): value is PipelineOptions {
  return (
    typeof value === 'object' &&
    value !== null &&
    !isStream(value) &&
    !isIterable(value) &&
    ('signal' in value || 'end' in value)
  );
}
