/** finished: tells when a stream is done, or why it won't be. */

import { abortError, codedError, invalidArgument, requireFunction } from '../lib/errors.ts';
import { web, type WebSignal } from '../lib/web.ts';
import type { EventEmitter } from '../modules/events.ts';
import type { StreamMethods } from './base.ts';
import type { Callback } from './state.ts';

export interface FinishedOptions {
  readonly readable?: boolean;
  readonly writable?: boolean;
  readonly error?: boolean;
  readonly cleanup?: boolean;
  readonly signal?: WebSignal;
}

const prematureClose = (): Error => codedError('ERR_STREAM_PREMATURE_CLOSE', 'Premature close');

export function isStream(value: unknown): value is StreamMethods {
  if (typeof value !== 'object' || value === null) return false;
  const { on, pipe, write, _readableState, _writableState } = value as Partial<Record<string, unknown>>;
  return (
    typeof on === 'function' &&
    (typeof pipe === 'function' ||
      typeof write === 'function' ||
      _readableState !== undefined ||
      _writableState !== undefined)
  );
}

/** Calls back once. Returns what stops listening. */
export function finished(stream: unknown, ...rest: [Callback] | [FinishedOptions, Callback]): () => void {
  const options = typeof rest[0] === 'function' ? {} : (rest[0] ?? {});
  const callback = typeof rest[0] === 'function' ? rest[0] : rest[1];
  requireFunction('callback', callback);
  if (!isStream(stream)) throw invalidArgument('stream', 'an instance of Stream', stream);
  return new Watch(stream, options, callback).stop;
}

class Watch {
  readonly #stream: StreamMethods;
  readonly #callback: Callback;
  #needsEnd: boolean;
  #needsFinish: boolean;
  #told = false;
  readonly #stops: (() => void)[] = [];

  constructor(stream: StreamMethods, options: FinishedOptions, callback: Callback) {
    this.#stream = stream;
    this.#callback = callback;
    const { _readableState: read, _writableState: write, _life: life } = stream;
    this.#needsEnd = (options.readable ?? (read !== undefined && read.readable)) && read?.endEmitted !== true;
    this.#needsFinish = (options.writable ?? (write !== undefined && write.writable)) && write?.finished !== true;
    const fail = (error: Error): void => this.#tell(error);
    this.#listen('end', () => {
      this.#needsEnd = false;
      this.#check();
    });
    this.#listen('finish', () => {
      this.#needsFinish = false;
      this.#check();
    });
    if (options.error !== false) this.#listen('error', fail);
    this.#listen('close', () => this.#close());
    if (life?.closed) web.queueMicrotask(() => this.#close());
    else if (life?.errored != null) web.queueMicrotask(() => fail(life.errored!));
    else if (life !== undefined && !this.#needsEnd && !this.#needsFinish) web.queueMicrotask(() => this.#check());
    if (options.signal !== undefined) this.#hear(options.signal);
  }

  readonly stop = (): void => {
    this.#told = true;
    for (const stop of this.#stops.splice(0)) stop();
  };

  #listen(name: string, listener: (...args: never[]) => void): void {
    const emitter: EventEmitter = this.#stream;
    emitter.on(name, listener as never);
    this.#stops.push(() => emitter.removeListener(name, listener as never));
  }

  #hear(signal: WebSignal): void {
    const abort = (): void => this.#tell(abortError(signal.reason));
    if (signal.aborted) return web.queueMicrotask(abort);
    signal.addEventListener('abort', abort, { once: true });
    this.#stops.push(() => signal.removeEventListener('abort', abort));
  }

  #check(): void {
    if (!this.#needsEnd && !this.#needsFinish) this.#tell(null);
  }

  #close(): void {
    const errored = this.#stream._life?.errored ?? null;
    if (errored !== null) this.#tell(errored);
    else this.#tell(this.#needsEnd || this.#needsFinish ? prematureClose() : null);
  }

  #tell(error: Error | null): void {
    if (this.#told) return;
    this.#told = true;
    const error_ = error ?? undefined;
    this.#callback.call(this.#stream, error_);
  }
}
