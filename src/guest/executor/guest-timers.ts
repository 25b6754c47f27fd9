/** GuestTimers: the timers of one isolate, which has no clock of its own. */

const MAX_TIMER_MS = 2 ** 31 - 1;

export class GuestTimers {
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #fire: (id: number) => void;

  constructor(fire: (id: number) => void) {
    this.#fire = fire;
  }

  start(id: number, delayMs: number): void {
    this.clear(id);
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
