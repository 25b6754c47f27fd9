/**
 * Unloading: when a function that listens for `beforeunload` is told of an end that comes, and for how long its sandbox
 * stays for that.
 */

import { In } from '../isolate/mailbox.ts';

/** As the listener reads it in `event.detail.reason`. */
export type UnloadReason = 'early_drop' | 'wall_clock' | 'cpu';

interface TimedCall {
  readonly id: number;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
  /** Used so far. */
  readonly cpuMs: number;
}

/** What a listener has after its sandbox was closed. */
const GRACE_MS = 100;
/** A call is warned when this much of its wall or CPU time is left, of the former at most {@link MAX_WARNING_MS}. */
const WARNING_SHARE = 0.1;
const MAX_WARNING_MS = 2_000;

export class Unloading {
  readonly #maxCpuMs: number;
  readonly #post: (message: string) => void;
  #isHeeded = false;
  #grace: NodeJS.Timeout | null = null;
  /** The calls that were warned and are not over, as far as the last look. */
  #warned = new Set<number>();

  constructor(maxCpuMs: number, post: (message: string) => void) {
    this.#maxCpuMs = maxCpuMs;
    this.#post = post;
  }

  /** The function has a listener. */
  heed(): void {
    this.#isHeeded = true;
  }

  /** Calls `end` now, or when the listener has had its time. */
  close(end: () => void): void {
    if (!this.#isHeeded) return end();
    if (this.#grace !== null) return;
    this.#tell(0, 'early_drop');
    this.#grace = setTimeout(end, GRACE_MS);
  }

  /** Once a call. */
  warn(calls: readonly TimedCall[], nowMs: number): void {
    if (!this.#isHeeded) return;
    const warned = new Set<number>();
    for (const call of calls) {
      const reason = this.#reasonFor(call, nowMs);
      if (reason === null) continue;
      warned.add(call.id);
      if (!this.#warned.has(call.id)) this.#tell(call.id, reason);
    }
    this.#warned = warned;
  }

  end(): void {
    if (this.#grace !== null) clearTimeout(this.#grace);
  }

  #reasonFor({ timeoutMs, deadlineMs, cpuMs }: TimedCall, nowMs: number): UnloadReason | null {
    if (nowMs >= deadlineMs - Math.min(timeoutMs * WARNING_SHARE, MAX_WARNING_MS)) return 'wall_clock';
    return cpuMs >= this.#maxCpuMs * (1 - WARNING_SHARE) ? 'cpu' : null;
  }

  #tell(call: number, reason: UnloadReason): void {
    this.#post(`[${In.UNLOAD},${call},"${reason}"]`);
  }
}
