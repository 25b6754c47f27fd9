/** Starved: who waits for room to open a sandbox in one executor, longest first. */

import type { Replicas } from './replicas.ts';

export class Starved {
  readonly #replicas = new Set<Replicas>();
  #feeding = false;

  add(replicas: Replicas): void {
    this.#replicas.add(replicas);
  }

  delete(replicas: Replicas): void {
    this.#replicas.delete(replicas);
  }

  /** There may be room now: who waits for it gets it, once this turn is over, if it is still there. */
  feed(isOver: () => boolean): void {
    if (this.#replicas.size === 0 || this.#feeding) return;
    this.#feeding = true;
    queueMicrotask(() => {
      this.#feeding = false;
      if (!isOver()) this.#feedNow();
    });
  }

  #feedNow(): void {
    for (const replicas of [...this.#replicas]) {
      this.#replicas.delete(replicas);
      replicas.pump();
      // It took all the room there was and waits for more, now behind the others.
      if (this.#replicas.has(replicas)) return;
    }
  }
}
