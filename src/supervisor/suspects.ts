/** Suspects: the versions whose sandbox was lost with calls in it; should their executor end too, it may be their doing. */

import type { FunctionVersion } from '../core/function.ts';

const MAX_SUSPECTS = 64;

export class Suspects {
  readonly #versions = new Set<FunctionVersion>();

  add(version: FunctionVersion): void {
    this.#versions.add(version);
    const [first] = this.#versions;
    if (this.#versions.size > MAX_SUSPECTS && first !== undefined) this.#versions.delete(first);
  }

  [Symbol.iterator](): IterableIterator<FunctionVersion> {
    return this.#versions.values();
  }
}
