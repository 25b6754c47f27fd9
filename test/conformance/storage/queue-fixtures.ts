/** What the tests of the queue put into it and take out of it. */

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { LeasedJob, NewJob, Queue } from '../../../src/core/queue.ts';

/** Longer than any test. */
export const LEASE_MS = 600_000;

export function newJob(changes: Partial<NewJob> = {}): NewJob {
  return {
    id: 'j1',
    tenant: 'acme',
    kind: 'event',
    functionName: 'hello',
    payload: '{"event":"a:b","data":1}',
    key: null,
    runAtMs: 1,
    maxAttempts: 8,
    ...changes,
  };
}

export function newJobs(count: number, changes: Partial<NewJob> = {}, prefix: string = 'j'): NewJob[] {
  return Array.from({ length: count }, (_, i) => newJob({ ...changes, id: `${prefix}${i}` }));
}

export function lease(queue: Queue, limit: number, leaseMs: number = LEASE_MS): Promise<LeasedJob[]> {
  return queue.lease({ limit, leaseMs, except: new Set() });
}

export async function leaseOne(queue: Queue, leaseMs: number = LEASE_MS): Promise<LeasedJob> {
  const [job] = await lease(queue, 1, leaseMs);
  assert.ok(job !== undefined, 'there is a job to lease');
  return job;
}

/** Completes all that is due, in the order in which it came. */
export async function drain(queue: Queue): Promise<LeasedJob[]> {
  const done: LeasedJob[] = [];
  for (;;) {
    const leased = await lease(queue, 100);
    if (leased.length === 0) return done;
    for (const completed of await Promise.all(leased.map((job) => queue.complete(job)))) assert.equal(completed, true);
    done.push(...leased);
  }
}

export const idsOf = (jobs: readonly { readonly id: string }[]): string[] => jobs.map(({ id }) => id);

/** For what only time brings: a lease that ends, a job that is due. The time-out of the test bounds it. */
export async function until<T>(look: () => Promise<T>, isThere: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (isThere(value)) return value;
    await delay(20);
  }
}
