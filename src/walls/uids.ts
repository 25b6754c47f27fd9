/**
 * Host uids for walled processes, where the host runs as root. Each process has one of its own while it lives, so that
 * the kernel's per-user accounting and permissions keep any two apart even where a namespace fails to.
 */

import { Fault } from '../core/faults.ts';

export interface UidRange {
  readonly first: number;
  readonly count: number;
}

export class UidAllocator {
  readonly #range: UidRange;
  readonly #taken = new Set<number>();
  #next: number;

  /** Starts anywhere in the range: several hosts on one machine then rarely hand out the same uid. */
  constructor(range: UidRange) {
    const { first, count } = range;
    const valid = Number.isSafeInteger(first) && Number.isSafeInteger(count) && first > 0 && count > 0;
    // The last two values mean "no uid" to the kernel.
    if (!valid || first + count > 0xffff_fffe)
      throw new RangeError(`${first} and ${count} more is not a range of unprivileged uids`);
    this.#range = range;
    this.#next = Math.floor(Math.random() * count);
  }

  /** Throws OVERLOADED when all are taken. */
  acquire(): number {
    const { first, count } = this.#range;
    if (this.#taken.size === count) throw new Fault('OVERLOADED', `All ${count} host uids for sandboxes are in use`);
    while (this.#taken.has(first + this.#next)) this.#next = (this.#next + 1) % count;
    const uid = first + this.#next;
    this.#taken.add(uid);
    // Not the same one again at once: what its last owner left behind may take a moment to go.
    this.#next = (this.#next + 1) % count;
    return uid;
  }

  release(uid: number): void {
    this.#taken.delete(uid);
  }
}
