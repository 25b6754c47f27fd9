/** MemoryBudget: what all executors of this host may use together, and who has to go when it is used up. */

import { Fault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import type { Cordon } from './cordon.ts';

/** The share of all that one function alone, or nobody's need, may take. */
const AMPLE_SHARE = 0.75;

export class MemoryBudget {
  readonly #limitMb: number;
  readonly #report: (line: string) => void;
  #usedBytes = 0;
  /** What an executor takes before any function is in it: the largest so far. */
  #baseBytes = 0;
  /** Cordons that were made since the last reading, or whose executor has yet to come: they are not in it. */
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
    for (const { executor, ended } of cordons) if (executor === null && !ended) this.#unread++;
    this.#shrinkTo(this.#limitMb * MB, cordons);
  }

  /** Whether one more executor has place while nobody needs it, and some is left for those who do. */
  get isAmple(): boolean {
    return this.#usedBytes <= this.#roomBytes(AMPLE_SHARE);
  }

  /**
   * Makes place for one more executor; where it `adds` to others of the same version, it may not have the last of it.
   * Throws OVERLOADED where nothing idle can make it.
   */
  requireRoom(cordons: Iterable<Cordon>, adds: boolean = false): void {
    const roomBytes = this.#roomBytes(adds ? AMPLE_SHARE : 1);
    this.#shrinkTo(roomBytes, cordons);
    // The first one is always let in: a budget that is too small for one is no reason to stand still.
    if (this.#usedBytes > roomBytes && this.#usedBytes + this.#unread > 0)
      throw new Fault('OVERLOADED', `The ${this.#limitMb} MB of this host for functions are in use`, {
        retryAfterSeconds: 1,
        limit: `host-memory-mb=${this.#limitMb}`,
      });
    this.#unread++;
  }

  #roomBytes(share: number): number {
    return this.#limitMb * MB * share - (this.#unread + 1) * this.#baseBytes;
  }

  #shrinkTo(bytes: number, cordons: Iterable<Cordon>): void {
    if (this.#usedBytes <= bytes) return;
    const idle = [...cordons].filter(
      ({ executor, inFlight, waiting }) => executor !== null && inFlight + waiting === 0,
    );
    // What is to stand ready goes last.
    for (const cordon of idle.sort((a, b) => Number(a.stands) - Number(b.stands) || a.idleSinceMs - b.idleSinceMs)) {
      if (this.#usedBytes <= bytes) return;
      this.#usedBytes -= cordon.executor?.usage()?.rssBytes ?? 0;
      this.#report(
        `executor of ${cordon.key}: ended, because the host's ${this.#limitMb} MB for executors are used up`,
      );
      void cordon.end('the host needed its memory');
    }
  }
}
