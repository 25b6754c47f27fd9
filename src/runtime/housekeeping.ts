/** Housekeeping: what is kept for a while only goes when its time is over, and what a dead process left half-done is settled. */

import type { Storage } from '../storage/storage.ts';

const HOUR_MS = 3_600_000;
/** Idempotency keys and outcomes of asynchronous invocations. */
const KEPT_MS = 24 * HOUR_MS;

export interface Housekeeping {
  close(): void;
}

export async function startHousekeeping(storage: Storage, report: (error: unknown) => void): Promise<Housekeeping> {
  await settleLeftovers(storage);
  const timer = setInterval(() => void prune(storage).catch(report), HOUR_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

/** Those of nodes that are gone; what other nodes run goes on. */
async function settleLeftovers({ deployments, results }: Storage): Promise<void> {
  await deployments.failRunning('Cordon was stopped while this deployment ran: deploy again');
  await results.failRunning('SANDBOX_RECYCLED', 'Cordon was stopped while this invocation ran');
}

async function prune({ idempotency, results, kv }: Storage): Promise<void> {
  const beforeMs = Date.now() - KEPT_MS;
  await idempotency.prune(beforeMs);
  await results.prune(beforeMs);
  await kv.prune(Date.now());
}
