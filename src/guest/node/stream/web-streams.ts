/** Between Node's streams and the web's. */

import { invalidArgument } from '../lib/errors.ts';
import { web, type WebController, type WebReader, type WebWriter } from '../lib/web.ts';
import { finished } from './finished.ts';
import { Readable } from './readable.ts';
import type { Callback, StreamOptions } from './state.ts';
import { Writable } from './writable.ts';

export function readableToWeb(stream: Readable): object {
  const isBytes = !stream.readableObjectMode;
  let over = false;
  return new web.ReadableStream(
    {
      start(controller: WebController) {
        stream.pause();
        stream.on('data', (chunk: unknown) => {
          controller.enqueue(isBytes && typeof chunk !== 'string' ? plainBytes(chunk as Uint8Array) : chunk);
          if ((controller.desiredSize ?? 0) <= 0) stream.pause();
        });
        stream.pause();
        finished(stream, { writable: false }, (error) => {
          if (over) return;
          over = true;
          if (error) controller.error(error);
          else controller.close();
        });
      },
      pull: () => void stream.resume(),
      cancel(reason: unknown) {
        over = true;
        stream.on('error', () => undefined);
        stream.destroy(reason instanceof Error ? reason : null);
      },
    },
    isBytes
      ? { highWaterMark: stream.readableHighWaterMark, size: sizeOf }
      : { highWaterMark: stream.readableHighWaterMark },
  );
}

const sizeOf = (chunk: { readonly byteLength?: number; readonly length?: number }): number =>
  chunk.byteLength ?? chunk.length ?? 1;

/** What is behind a Buffer, of which the web knows nothing. */
const plainBytes = (chunk: Uint8Array): Uint8Array => new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);

export function readableFromWeb(source: unknown, options: StreamOptions = {}): Readable {
  if (!(source instanceof (web.ReadableStream as never as new () => object)))
    throw invalidArgument('readableStream', 'an instance of ReadableStream', source);
  const reader: WebReader = (source as { getReader(): WebReader }).getReader();
  let over = false;
  return new Readable({
    ...options,
    read(this: Readable) {
      reader.read().then(
        ({ done, value }) => {
          over = done;
          this.push(done ? null : value);
        },
        (error: Error) => {
          over = true;
          this.destroy(error);
        },
      );
    },
    destroy(error: Error | null, callback: Callback) {
      if (over) return callback(error);
      over = true;
      return reader.cancel(error ?? undefined).then(
        () => callback(error),
        () => callback(error),
      );
    },
  });
}

export function writableToWeb(stream: Writable): object {
  stream.on('error', () => undefined);
  return new web.WritableStream(
    {
      write: (chunk: unknown) => settled((done) => void stream.write(chunk, done)),
      close: () => settled((done) => void stream.end(done)),
      abort: (reason: unknown) => void stream.destroy(reason instanceof Error ? reason : null),
    },
    { highWaterMark: stream.writableHighWaterMark, size: stream.writableObjectMode ? () => 1 : sizeOf },
  );
}

const settled = (start: (done: Callback) => void): Promise<void> =>
  new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())));

export function writableFromWeb(target: unknown, options: StreamOptions = {}): Writable {
  if (!(target instanceof (web.WritableStream as never as new () => object)))
    throw invalidArgument('writableStream', 'an instance of WritableStream', target);
  const writer: WebWriter = (target as { getWriter(): WebWriter }).getWriter();
  const after = (promise: Promise<void>, callback: Callback): void =>
    void promise.then(
      () => callback(),
      (error: Error) => callback(error),
    );
  return new Writable({
    ...options,
    write: (chunk: unknown, _encoding: string, callback: Callback) =>
      after(
        writer.ready.then(() => writer.write(chunk)),
        callback,
      ),
    final: (callback: Callback) => after(writer.close(), callback),
    destroy: (error: Error | null, callback: Callback) =>
      error === null ? callback(null) : after(writer.abort(error), () => callback(error)),
  });
}
