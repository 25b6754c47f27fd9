/** Verdict: how one attempt at a job ended, and when the next one is due. */

import type { Fault } from '../core/faults.ts';
import type { QueuedJob } from '../core/queue.ts';

export type Verdict =
  /** It is over: the function ran, or nothing is left to do. */
  | { readonly kind: 'done' }
  /** The function failed: again a few times, then a dead letter. */
  | { readonly kind: 'failed'; readonly error: string; readonly retryAfterMs: number }
  /** It could not run here and now, which says nothing of the function: again for a long time. */
  | { readonly kind: 'unavailable'; readonly error: string; readonly retryAfterMs: number }
  /** No further attempt would go better. */
  | { readonly kind: 'hopeless'; readonly error: string }
  /** This node stops: at once, elsewhere. */
  | { readonly kind: 'returned'; readonly error: string };

/** The job is not over, or was in vain. */
export type Setback = Exclude<Verdict, { kind: 'done' }>;

interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
  /** The part of the wait that is certain; the rest is chance, so that what failed together does not come again together. */
  readonly certain: number;
}

const BACKOFFS: Readonly<Record<'failed' | 'unavailable', Backoff>> = {
  failed: { firstMs: 1_000, longestMs: 3_600_000, certain: 0 },
  unavailable: { firstMs: 5_000, longestMs: 600_000, certain: 0.5 },
};

/** However often it is the platform's fault. */
const MAX_LEASES = 100;
const MAX_ERROR_CHARS = 2_000;
const MAX_RETRY_AFTER_MS = 3_600_000;

/** When to try again; null: never, it is a dead letter. `random`: from 0 to 1. */
export function retryAtMs(
  verdict: Setback,
  { attempts, maxAttempts }: Pick<QueuedJob, 'attempts' | 'maxAttempts'>,
  nowMs: number,
  random: () => number = Math.random,
): number | null {
  if (verdict.kind === 'hopeless') return null;
  if (verdict.kind === 'returned') return nowMs;
  if (attempts >= (verdict.kind === 'failed' ? maxAttempts : MAX_LEASES)) return null;
  const { firstMs, longestMs, certain } = BACKOFFS[verdict.kind];
  const rangeMs = Math.min(longestMs, firstMs * 2 ** Math.min(attempts - 1, 30));
  const waitMs = rangeMs * (certain + (1 - certain) * random());
  return Math.ceil(nowMs + Math.max(waitMs, Math.min(verdict.retryAfterMs, MAX_RETRY_AFTER_MS)));
}

export function verdictOfFault(fault: Fault): Verdict {
  const error = `${fault.code}: ${fault.message}`.slice(0, MAX_ERROR_CHARS);
  const retryAfterMs = (fault.details.retryAfterSeconds ?? 0) * 1000;
  if (fault.code === 'SHUTTING_DOWN' || fault.code === 'CANCELLED') return { kind: 'returned', error };
  // The tenant's own fault, but one that passes.
  const passes = fault.code === 'QUARANTINED' || fault.code === 'THROTTLED' || fault.code === 'TENANT_SUSPENDED';
  return { kind: passes || fault.blame === 'platform' ? 'unavailable' : 'failed', error, retryAfterMs };
}
