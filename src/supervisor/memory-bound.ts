/** MemoryBound: what the executor of a cordon may use, and what its calls hear when it used more. */

import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import { MB, type Limits } from '../core/limits.ts';
import type { Executor } from '../core/tier.ts';

/** What an executor may always use besides the heap of its largest function. */
const MB_BESIDE_HEAP = 64;
const KERNEL_SLACK_BYTES = 48 * MB;

export class MemoryBound {
  readonly #executorMemoryMb: number;
  #executor: Executor | null = null;
  /** Its memory before any function was in it; what it may use is counted from there. */
  #baseBytes = 0;
  /** It never falls: what one function has left behind must not be another's excess. */
  #memoryMb = 0;

  constructor(executorMemoryMb: number) {
    this.#executorMemoryMb = executorMemoryMb;
  }

  get baseBytes(): number {
    return this.#baseBytes;
  }

  /** What its functions may use together. */
  get memoryMb(): number {
    return this.#memoryMb;
  }

  /** The memory at which the executor is killed. */
  get bytes(): number {
    return this.#baseBytes + this.#memoryMb * MB;
  }

  bind(executor: Executor): void {
    this.#executor = executor;
    this.#baseBytes = executor.usage()?.rssBytes ?? 0;
    this.#hold();
  }

  /** The operator's measure, less where every function here wants less, and more where the largest would not fit. */
  makeRoomFor({ memoryMb, processMemoryMb }: Limits): void {
    const ownMb = Math.min(processMemoryMb, this.#executorMemoryMb);
    this.#memoryMb = Math.max(this.#memoryMb, ownMb, memoryMb + MB_BESIDE_HEAP);
    this.#hold();
  }

  /** What calls fail with when it was exceeded. Null: several were running, and whose memory it was is in doubt. */
  faultOf(running: readonly FunctionVersion[]): Fault | null {
    if (running.length !== 1) return null;
    return new Fault('OUT_OF_MEMORY', 'The function used more memory than its executor may', {
      limit: `executor-memory-mb=${this.#memoryMb}`,
    });
  }

  /** The kernel's bound lies above ours, because a cgroup counts caches too: it is for what grows faster than we look. */
  #hold(): void {
    this.#executor?.holdTo?.(this.bytes + KERNEL_SLACK_BYTES);
  }
}
