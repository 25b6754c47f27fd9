/** AbortController and AbortSignal, as the DOM standard has them. */

import { DOMException } from './dom-exception.ts';
import { Event } from './event.ts';
import { defineHandler } from './event-handler.ts';
import { EventTarget, fireTrusted } from './events.ts';
import { defineInterface, illegalConstructor, requireArguments } from './interface.ts';
import { isObject, push, toNumber, TypeError } from './primordials.ts';
import { startTimer } from './timers.ts';

const MAKE: unique symbol = Symbol('make');

let fire: (signal: AbortSignal, reason: unknown) => void;
let isSignal: (value: unknown) => value is AbortSignal;

/** Calls `algorithm` with the reason when the signal aborts, before any listener hears of it. Returns what takes it back. */
export let onAbort: (signal: unknown, algorithm: (reason: unknown) => void) => () => void;

export const abortError = (message = 'This operation was aborted'): DOMException =>
  new DOMException(message, 'AbortError');

/** Throws a TypeError for what is no signal. */
export function requireSignal(value: unknown): AbortSignal {
  if (!isSignal(value)) throw new TypeError('The signal is not an AbortSignal');
  return value;
}

function without<T>(list: readonly T[], unwanted: T): T[] {
  const kept: T[] = [];
  for (let i = 0; i < list.length; i++) if (list[i] !== unwanted) push(kept, list[i] as T);
  return kept;
}

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  #algorithms: ((reason: unknown) => void)[] = [];
  /** Signals that AbortSignal.any() made of this one. */
  #dependents: AbortSignal[] = [];
  /** Of a signal that was made by AbortSignal.any(): what it follows; none of these follows another. */
  #sources: AbortSignal[] | null = null;

  static {
    isSignal = (value): value is AbortSignal => isObject(value) && #aborted in value;
    onAbort = (value, algorithm) => {
      const signal = requireSignal(value);
      if (!signal.#aborted) push(signal.#algorithms, algorithm);
      return () => void (signal.#algorithms = without(signal.#algorithms, algorithm));
    };
    // All are marked before the first is told, so that none sees another that is late.
    fire = (signal, reason) => {
      if (signal.#aborted) return;
      signal.#mark(reason === undefined ? abortError() : reason);
      const told: AbortSignal[] = [];
      for (let i = 0; i < signal.#dependents.length; i++) {
        const dependent = signal.#dependents[i] as AbortSignal;
        if (dependent.#aborted) continue;
        dependent.#mark(signal.#reason);
        push(told, dependent);
      }
      signal.#dependents = [];
      signal.#tell();
      for (let i = 0; i < told.length; i++) (told[i] as AbortSignal).#tell();
    };
  }

  constructor(token: unknown = undefined) {
    if (token !== MAKE) throw illegalConstructor();
    super();
  }

  static abort(reason: unknown = undefined): AbortSignal {
    const signal = new AbortSignal(MAKE);
    signal.#mark(reason === undefined ? abortError() : reason);
    return signal;
  }

  static timeout(delayMs: unknown): AbortSignal {
    requireArguments(arguments.length, 1, 'AbortSignal.timeout()');
    const delay = toNumber(delayMs);
    if (!(delay > -1 && delay <= Number.MAX_SAFE_INTEGER))
      throw new TypeError('AbortSignal.timeout() needs a number of milliseconds');
    const signal = new AbortSignal(MAKE);
    startTimer(() => fire(signal, new DOMException('The operation timed out', 'TimeoutError')), delay);
    return signal;
  }

  static any(signals: unknown): AbortSignal {
    requireArguments(arguments.length, 1, 'AbortSignal.any()');
    if (!isObject(signals)) throw new TypeError('AbortSignal.any() needs a list of signals');
    const given: AbortSignal[] = [];
    for (const signal of signals as Iterable<unknown>) push(given, requireSignal(signal));
    const made = new AbortSignal(MAKE);
    for (let i = 0; i < given.length; i++) {
      const signal = given[i] as AbortSignal;
      if (!signal.#aborted) continue;
      made.#mark(signal.#reason);
      return made;
    }
    made.#sources = [];
    for (let i = 0; i < given.length; i++) {
      const sources = (given[i] as AbortSignal).#sources;
      if (sources === null) made.#follow(given[i] as AbortSignal);
      else for (let s = 0; s < sources.length; s++) made.#follow(sources[s] as AbortSignal);
    }
    return made;
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

  #mark(reason: unknown): void {
    this.#aborted = true;
    this.#reason = reason;
  }

  #tell(): void {
    const algorithms = this.#algorithms;
    this.#algorithms = [];
    for (let i = 0; i < algorithms.length; i++) algorithms[i]?.(this.#reason);
    fireTrusted(this, new Event('abort'));
  }

  #follow(source: AbortSignal): void {
    const sources = this.#sources as AbortSignal[];
    for (let i = 0; i < sources.length; i++) if (sources[i] === source) return;
    push(sources, source);
    push(source.#dependents, this);
  }
}

export class AbortController {
  readonly #signal: AbortSignal = new AbortSignal(MAKE);

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason: unknown = undefined): void {
    fire(this.#signal, reason);
  }
}

defineHandler(AbortSignal.prototype, 'abort');
defineInterface(AbortSignal, 'AbortSignal');
defineInterface(AbortController, 'AbortController');
