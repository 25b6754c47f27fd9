/**
 * Stopwatch: says when a run's time is up.
 *
 * Some hosts stop the clock while code runs. Where it stands still, the engine's questions are counted instead: it asks at
 * every so many steps.
 */

import type { QuickJsHooks } from '../quickjs/exports.ts';

/** What an empty loop asks in a millisecond (measured: 3 to 6); anything else asks less often. */
const ASKS_PER_MS = 5;

export class Stopwatch implements QuickJsHooks {
  readonly #limitMs: number;
  #deadlineMs = Infinity;
  #lastMs = 0;
  /** Asked while the clock stood still. */
  #asked = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  begin(): void {
    this.#lastMs = Date.now();
    this.#deadlineMs = this.#lastMs + this.#limitMs;
  }

  now(): number {
    return Date.now();
  }

  get leftMs(): number {
    return Math.max(0, this.#deadlineMs - Date.now());
  }

  isOver(): boolean {
    const now = Date.now();
    if (now > this.#deadlineMs) return true;
    this.#asked = now === this.#lastMs ? this.#asked + 1 : 0;
    this.#lastMs = now;
    return this.#asked > this.#limitMs * ASKS_PER_MS;
  }
}
