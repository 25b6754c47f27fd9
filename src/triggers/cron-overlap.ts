/**
 * Cron overlap: a tick that came due while the run of an earlier one lasted is skipped. Ticks of one function are leased one
 * after the other, over all nodes, and each run leaves behind when it ended: so a tick sees whether it was too early.
 */

import type { CronStore } from '../core/cron.ts';
import type { QueuedJob } from '../core/queue.ts';
import { readCronPayload } from './cron-job.ts';

export async function isOverlapped(store: Pick<CronStore, 'find'>, job: QueuedJob): Promise<boolean> {
  const tickMs = watchedTick(job);
  if (tickMs === null) return false;
  const [state] = await store.find([{ tenant: job.tenant, name: job.functionName }]);
  return state !== undefined && state.finishedMs !== null && state.finishedMs > tickMs;
}

/** Before the job is completed, so that the next tick finds it. */
export async function finishTick(store: Pick<CronStore, 'finish'>, job: QueuedJob, nowMs: number): Promise<void> {
  if (job.kind === 'cron' && readCronPayload(job.payload).tickMs !== null)
    await store.finish({ tenant: job.tenant, name: job.functionName }, nowMs);
}

/** Null: it runs whatever else does. */
function watchedTick({ kind, payload, attempts }: QueuedJob): number | null {
  // What is tried again passed before, and it may be its own first attempt that ended since.
  if (kind !== 'cron' || attempts > 1) return null;
  const { tickMs, overlap } = readCronPayload(payload);
  return overlap === 'skip' ? tickMs : null;
}
