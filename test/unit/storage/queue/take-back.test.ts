import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { NewJob } from '../../../../src/core/queue.ts';
import { openSqliteStorage } from '../../../../src/storage/sqlite-storage.ts';
import type { Storage } from '../../../../src/storage/storage.ts';

const HOUR_MS = 3_600_000;

const job = (id: string, more: Partial<NewJob> = {}): NewJob => ({
  id,
  tenant: 'default',
  functionName: 'f',
  kind: 'event',
  payload: '{}',
  key: null,
  runAtMs: 0,
  maxAttempts: 3,
  ...more,
});

test('a lease of a process that is gone ends with the next start, and nothing else comes sooner by that', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-take-back-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const leased = async ({ queue }: Storage): Promise<unknown[]> => {
    const jobs = await queue.lease({ limit: 10, leaseMs: HOUR_MS, except: new Set() });
    return jobs.map(({ id, attempts }) => [id, attempts]).toSorted((a, b) => String(a).localeCompare(String(b)));
  };
  let storage = await openSqliteStorage(dir);
  await storage.queue.add([
    job('ran'),
    job('ran-last', { maxAttempts: 1 }),
    job('first-of-key', { key: 'k' }),
    job('second-of-key', { key: 'k' }),
    job('later', { runAtMs: Date.now() + HOUR_MS }),
    job('failed'),
  ]);
  const jobs = await storage.queue.lease({ limit: 10, leaseMs: HOUR_MS, except: new Set() });
  const failed = jobs.find(({ id }) => id === 'failed');
  assert.ok(failed);
  assert.equal(await storage.queue.fail(failed, 'no', Date.now() + HOUR_MS), true);
  assert.deepEqual(await leased(storage), []);
  await storage.close();

  storage = await openSqliteStorage(dir);
  t.after(() => storage.close());
  assert.deepEqual(await leased(storage), [
    ['first-of-key', 2],
    ['ran', 2],
  ]);
  assert.equal((await storage.queue.counts(null)).dead, 1);
  assert.deepEqual(await leased(storage), []);
  // Whoever had it before is late.
  assert.equal(await storage.queue.complete(jobs.find(({ id }) => id === 'ran')!), false);
});
