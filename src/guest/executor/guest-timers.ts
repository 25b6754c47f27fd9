/** GuestTimers: the timers of one isolate, which has no clock of its own. */

const MAX_TIMER_MS = 2 ** 31 - 1;
/** The isolate refuses more with an error of its own (web/timers.ts); who has got around that gets no timer. */
const MAX_TIMERS = 10_000;

export class GuestTimers {
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #fire: (id: number) => void;

  constructor(fire: (id: number) => void) {
    this.#fire = fire;
  }

  start(id: number, delayMs: number): void {
    this.clear(id);
    if (this.#timers.size >= MAX_TIMERS) return;
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
