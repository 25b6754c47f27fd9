/** Versions that were running when an executor had to be killed: for a while they run in an executor of their own. */

import type { FunctionVersion } from '../core/function.ts';

const ALONE_MS = 10 * 60_000;
const MAX_SUSPECTS = 10_000;

export class Suspects {
  readonly #untilMs = new Map<string, number>();

  add(key: string): void {
    this.#untilMs.delete(key);
    this.#untilMs.set(key, performance.now() + ALONE_MS);
    if (this.#untilMs.size <= MAX_SUSPECTS) return;
    const [oldest] = this.#untilMs.keys();
    if (oldest !== undefined) this.#untilMs.delete(oldest);
  }

  has(version: FunctionVersion): boolean {
    if (this.#untilMs.size === 0) return false;
    const untilMs = this.#untilMs.get(version.key);
    if (untilMs === undefined) return false;
    if (untilMs > performance.now()) return true;
    this.#untilMs.delete(version.key);
    return false;
  }
}
