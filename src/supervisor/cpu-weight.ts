/**
 * CPU weight: whose turn it is where more want the CPU than there is. It costs nobody anything while there is enough. All
 * executors together weigh less than the host (walls/cgroup), so that it can always serve, watch and kill them.
 */

import type { FunctionVersion } from '../core/function.ts';
import type { Executor } from '../core/tier.ts';

/** Of an executor, where nobody says anything. */
const DEFAULT_CPU_SHARES = 1_024;
/** The kernel takes no fewer; more would be more than the host has. */
const LEAST = 2;
const MOST = 262_144;
/** What is left of its weight to a function that misbehaved. */
const HELD_SHARE = 0.25;

export class CpuWeight {
  #executor: Executor | null = null;
  #shares = DEFAULT_CPU_SHARES;
  #divisor = 1;
  #told: number | null = null;

  bind(executor: Executor): void {
    this.#executor = executor;
    this.#tell();
  }

  /** `versions`: all that it serves, where they are of one function; where they are not, none of them decides. */
  set(versions: Iterable<FunctionVersion>, isHeld: boolean): void {
    this.#shares = sharesOf(versions) * (isHeld ? HELD_SHARE : 1);
    this.#tell();
  }

  /** So many executors of its tenant want the CPU now: they have one weight between them, however many they are. */
  divide(among: number): void {
    this.#divisor = Math.max(1, among);
    this.#tell();
  }

  #tell(): void {
    const shares = Math.max(LEAST, Math.round(this.#shares / this.#divisor));
    if (this.#executor === null || shares === this.#told) return;
    this.#told = shares;
    this.#executor.weigh?.(shares);
  }
}

function sharesOf(versions: Iterable<FunctionVersion>): number {
  let shares = 0;
  for (const { limits } of versions) shares = Math.max(shares, limits.cpuShares ?? DEFAULT_CPU_SHARES);
  return Math.min(shares === 0 ? DEFAULT_CPU_SHARES : shares, MOST);
}
