/** AbortController and AbortSignal, as the DOM standard has them. */

import { DOMException } from './dom-exception.ts';
import { defineHandler, Event, EventTarget } from './events.ts';
import { isObject, push, toNumber, TypeError } from './primordials.ts';
import { startTimer } from './timers.ts';

const MAKE: unique symbol = Symbol('make');

let fire: (signal: AbortSignal, reason: unknown) => void;
let follow: (signal: AbortSignal, source: AbortSignal) => void;
let isSignal: (value: unknown) => value is AbortSignal;

/** Calls `algorithm` with the reason when the signal aborts, before any listener hears of it. */
export let onAbort: (signal: unknown, algorithm: (reason: unknown) => void) => void;

export const abortError = (message = 'This operation was aborted'): DOMException =>
  new DOMException(message, 'AbortError');

export function requireSignal(value: unknown): AbortSignal {
  if (!isSignal(value)) throw new TypeError('The signal is not an AbortSignal');
  return value;
}

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  #algorithms: ((reason: unknown) => void)[] = [];

  static {
    isSignal = (value): value is AbortSignal => isObject(value) && #aborted in value;
    onAbort = (value, algorithm) => {
      const signal = requireSignal(value);
      if (!signal.#aborted) push(signal.#algorithms, algorithm);
    };
    follow = (signal, source) => onAbort(source, (reason) => fire(signal, reason));
    fire = (signal, reason) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason === undefined ? abortError() : reason;
      const algorithms = signal.#algorithms;
      signal.#algorithms = [];
      for (let i = 0; i < algorithms.length; i++) algorithms[i]?.(signal.#reason);
      signal.dispatchEvent(new Event('abort'));
    };
  }

  constructor(token?: unknown) {
    if (token !== MAKE) throw new TypeError('Illegal constructor');
    super();
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(MAKE);
    fire(signal, reason);
    return signal;
  }

  static timeout(delayMs: unknown): AbortSignal {
    const delay = toNumber(delayMs);
    if (!(delay >= 0 && delay <= Number.MAX_SAFE_INTEGER))
      throw new TypeError('AbortSignal.timeout() needs a number of milliseconds');
    const signal = new AbortSignal(MAKE);
    startTimer(() => fire(signal, new DOMException('The operation timed out', 'TimeoutError')), delay);
    return signal;
  }

  static any(signals: Iterable<unknown>): AbortSignal {
    const signal = new AbortSignal(MAKE);
    const sources: AbortSignal[] = [];
    for (const source of signals) push(sources, requireSignal(source));
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i] as AbortSignal;
      if (source.#aborted) {
        fire(signal, source.#reason);
        return signal;
      }
    }
    for (let i = 0; i < sources.length; i++) follow(signal, sources[i] as AbortSignal);
    return signal;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  override get [Symbol.toStringTag](): string {
    return 'AbortSignal';
  }
}

defineHandler(AbortSignal.prototype, 'abort');

export class AbortController {
  readonly #signal: AbortSignal = new AbortSignal(MAKE);

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason?: unknown): void {
    fire(this.#signal, reason);
  }

  get [Symbol.toStringTag](): string {
    return 'AbortController';
  }
}
