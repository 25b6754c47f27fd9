/** Canary verdict: whether a canary fails so much more often than the live version that it should end. */

import type { Fault } from '../core/faults.ts';

export interface Outcomes {
  readonly total: number;
  readonly failed: number;
}

const MIN_OUTCOMES = 20;
const MIN_FAILED = 3;
/** Of the share of failed requests. */
const MAX_DIFFERENCE = 0.05;

/** Of the same length of time. */
export function shouldEnd(canary: Outcomes, live: Outcomes): boolean {
  if (canary.total < MIN_OUTCOMES || canary.failed < MIN_FAILED) return false;
  return shareOf(canary) - shareOf(live) > MAX_DIFFERENCE;
}

const shareOf = ({ total, failed }: Outcomes): number => (total === 0 ? 0 : failed / total);

/**
 * Whether a request tells that its version failed; null: it tells nothing, because the platform was at fault, or whoever
 * sent it.
 */
export function failedOf(fault: Fault | null, status: number): boolean | null {
  if (fault === null) return status >= 500;
  return fault.blame === 'tenant' && fault.status >= 500 ? true : null;
}

const BUCKET_MS = 5_000;
const BUCKETS = 12;

/** The outcomes of the last minute, to five seconds. */
export class OutcomeWindow {
  readonly #total = new Uint32Array(BUCKETS);
  readonly #failed = new Uint32Array(BUCKETS);
  #bucket = 0;

  add(nowMs: number, failed: boolean): void {
    const at = this.#advance(nowMs);
    this.#total[at]! += 1;
    if (failed) this.#failed[at]! += 1;
  }

  read(nowMs: number): Outcomes {
    this.#advance(nowMs);
    return { total: sum(this.#total), failed: sum(this.#failed) };
  }

  /** Empties what is older than the window; returns where now is. */
  #advance(nowMs: number): number {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    for (let i = Math.max(this.#bucket + 1, bucket - BUCKETS + 1); i <= bucket; i++) {
      this.#total[i % BUCKETS] = 0;
      this.#failed[i % BUCKETS] = 0;
    }
    this.#bucket = Math.max(this.#bucket, bucket);
    return this.#bucket % BUCKETS;
  }
}

const sum = (counts: Uint32Array): number => counts.reduce((total, count) => total + count, 0);
