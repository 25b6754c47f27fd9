/** GuestTimers: the timers of one isolate, which has no clock of its own. */

const MAX_TIMER_MS = 2 ** 31 - 1;

export class GuestTimers {
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #max: number;
  readonly #fire: (id: number) => void;

  /** The isolate refuses more than `max` with an error of its own (web/timers.ts); who gets around that gets no timer. */
  constructor(max: number, fire: (id: number) => void) {
    this.#max = max;
    this.#fire = fire;
  }

  start(id: number, delayMs: number): void {
    this.clear(id);
    if (this.#timers.size >= this.#max) return;
    const fire = (): void => {
      this.#timers.delete(id);
      this.#fire(id);
    };
    this.#timers.set(id, setTimeout(fire, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS)));
  }

  clear(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  clearAll(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
