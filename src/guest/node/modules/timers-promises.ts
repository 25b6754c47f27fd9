/** node:timers/promises. */

import { emittedBy } from '../lib/emitted.ts';
import { abortError, invalidArgument } from '../lib/errors.ts';
import { web, type WebSignal } from '../lib/web.ts';

interface TimerOptions {
  readonly signal?: WebSignal;
  readonly ref?: boolean;
}

export function setTimeout<T>(delayMs?: number, value?: T, options?: TimerOptions): Promise<T> {
  const signal = signalOf(options);
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(abortError(signal.reason));
    const abort = (): void => {
      web.clearTimeout(id);
      reject(abortError(signal?.reason));
    };
    const id = web.setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve(value as T);
    }, delayMs);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

export const setImmediate = <T>(value?: T, options?: TimerOptions): Promise<T> => setTimeout(0, value, options);

/** Gives `value` every `delayMs`, for as long as it is asked for it. */
export function setInterval<T>(delayMs?: number, value?: T, options?: TimerOptions): AsyncIterableIterator<T> {
  const signal = signalOf(options);
  return emittedBy<T>(({ give, fail }) => {
    const abort = (): void => fail(abortError(signal?.reason));
    if (signal?.aborted === true) {
      abort();
      return () => undefined;
    }
    const id = web.setInterval(() => give(value as T), delayMs);
    signal?.addEventListener('abort', abort, { once: true });
    return () => {
      web.clearInterval(id);
      signal?.removeEventListener('abort', abort);
    };
  });
}

function signalOf(options: TimerOptions = {}): WebSignal | undefined {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'of type object', options);
  const { signal } = options;
  if (signal !== undefined && typeof signal?.addEventListener !== 'function')
    throw invalidArgument('options.signal', 'an instance of AbortSignal', signal);
  return signal;
}

export const scheduler: {
  wait(delayMs: number, options?: TimerOptions): Promise<void>;
  yield(): Promise<void>;
} = {
  wait: (delayMs, options) => setTimeout<void>(delayMs, undefined, options),
  yield: () => setImmediate<void>(),
};

const all: object = { scheduler, setImmediate, setInterval, setTimeout };

export default all;
