/**
 * Log ids: they grow with every line of this host, say when it was written, and do not meet those of the other nodes that
 * write to the same table: ms since 2025, the number of the node, a count.
 */

import { randomInt } from 'node:crypto';

const EPOCH_MS = Date.UTC(2025, 0);
/** With these the ids stay safe integers until 2094. */
const NODES = 64;
const LINES_PER_MS = 64;

export class LogIds {
  readonly #node: number;
  /** ms since the epoch; ahead of the clock where there are more lines than the ms has numbers. */
  #tick: number;
  #count = LINES_PER_MS - 1;
  #last: number;

  /** `last`: the largest id that is known; all that follow are larger. */
  constructor(last: number, node: number = randomInt(NODES)) {
    this.#last = last;
    this.#node = node;
    this.#tick = Math.floor(last / (NODES * LINES_PER_MS));
  }

  /** The largest id so far. */
  get last(): number {
    return this.#last;
  }

  next(nowMs: number = Date.now()): number {
    const tick = nowMs - EPOCH_MS;
    if (tick > this.#tick) {
      this.#tick = tick;
      this.#count = 0;
    } else if (this.#count === LINES_PER_MS - 1) {
      this.#tick += 1;
      this.#count = 0;
    } else {
      this.#count += 1;
    }
    this.#last = (this.#tick * NODES + this.#node) * LINES_PER_MS + this.#count;
    return this.#last;
  }
}
