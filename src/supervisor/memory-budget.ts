/** MemoryBudget: what all executors of this host may use together, and who has to go when it is used up. */

import { Fault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import type { Cordon } from './cordon.ts';

export class MemoryBudget {
  readonly #limitMb: number;
  readonly #report: (line: string) => void;
  #usedBytes = 0;
  /** What an executor takes before any function is in it: the largest so far. */
  #baseBytes = 0;
  /** Cordons that were made since the last reading, and are not in it. */
  #unread = 0;

  constructor(limitMb: number, report: (line: string) => void) {
    this.#limitMb = limitMb;
    this.#report = report;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** An executor has become a cordon's. */
  bound(baseBytes: number): void {
    this.#baseBytes = Math.max(this.#baseBytes, baseBytes);
  }

  /** Over the budget, the executors that were idle longest are ended first, whoever's they are. */
  read(totalBytes: number, cordons: Iterable<Cordon>): void {
    this.#usedBytes = totalBytes;
    this.#unread = 0;
    this.#shrinkTo(this.#limitMb * MB, cordons);
  }

  /** Makes place for one more executor. Throws OVERLOADED where nothing idle can make it. */
  requireRoom(cordons: Iterable<Cordon>): void {
    const roomBytes = this.#limitMb * MB - (this.#unread + 1) * this.#baseBytes;
    this.#shrinkTo(roomBytes, cordons);
    // The first one is always let in: a budget that is too small for one is no reason to stand still.
    if (this.#usedBytes > roomBytes && this.#usedBytes + this.#unread > 0)
      throw new Fault('OVERLOADED', `The ${this.#limitMb} MB of this host for functions are in use`, {
        retryAfterSeconds: 1,
        limit: `host-memory-mb=${this.#limitMb}`,
      });
    this.#unread++;
  }

  #shrinkTo(bytes: number, cordons: Iterable<Cordon>): void {
    if (this.#usedBytes <= bytes) return;
    const idle = [...cordons].filter(
      ({ executor, inFlight, waiting }) => executor !== null && inFlight + waiting === 0,
    );
    for (const cordon of idle.sort((a, b) => a.idleSinceMs - b.idleSinceMs)) {
      if (this.#usedBytes <= bytes) return;
      this.#usedBytes -= cordon.executor?.usage()?.rssBytes ?? 0;
      this.#report(
        `executor of ${cordon.key}: ended, because the host's ${this.#limitMb} MB for executors are used up`,
      );
      void cordon.end('the host needed its memory');
    }
  }
}
