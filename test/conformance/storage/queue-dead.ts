/** Dead letters, on every engine. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewJob, Queue } from '../../../src/core/queue.ts';
import { open } from './fixtures.ts';
import type { StorageEngine } from './fixtures.ts';
import { idsOf, lease, leaseOne, newJob, newJobs } from './queue-fixtures.ts';

async function kill(queue: Queue, jobs: readonly NewJob[]): Promise<void> {
  for (const job of jobs) {
    await queue.add([job]);
    assert.equal(await queue.fail(await leaseOne(queue), `${job.id} failed`, null), true);
  }
}

export function queueDeadConformance(engine: StorageEngine): void {
  test('dead letters are listed newest first, a page after the other, to their own tenant', async (t) => {
    const { queue } = await open(engine, t);
    await kill(queue, [...newJobs(5, { functionName: 'a' }), newJob({ id: 'b', functionName: 'b' })]);
    await kill(queue, [newJob({ id: 'r', tenant: 'rival' })]);
    const page = async (before: string | null, functionName?: string): Promise<string[]> =>
      idsOf(
        await queue.dead({ tenant: 'acme', before, limit: 3, ...(functionName === undefined ? {} : { functionName }) }),
      );
    assert.deepEqual(await page(null), ['b', 'j4', 'j3']);
    assert.deepEqual(await page('j3'), ['j2', 'j1', 'j0']);
    assert.deepEqual(await page('j0'), []);
    assert.deepEqual(await page(null, 'b'), ['b']);
    assert.deepEqual(await page('r'), [], 'another tenant’s id says nothing');
    const [dead] = await queue.dead({ tenant: 'acme', before: null, limit: 1 });
    const { diedMs, addedMs, ...rest } = dead!;
    assert.deepEqual({ ...rest }, { ...newJob({ id: 'b', functionName: 'b' }), attempts: 1, lastError: 'b failed' });
    assert.ok(diedMs >= addedMs);
    assert.deepEqual(await queue.counts('acme'), { waiting: 0, running: 0, dead: 6 });
    assert.deepEqual(await queue.counts(null), { waiting: 0, running: 0, dead: 7 });
    assert.equal(await queue.nextDueMs(), null);
  });

  test('a replayed dead letter is tried anew, a discarded one is gone, each by its own tenant only', async (t) => {
    const { queue } = await open(engine, t);
    await kill(queue, [...newJobs(3), newJob({ id: 'r', tenant: 'rival' })]);
    assert.equal(await queue.replay('rival', ['j0', 'j1']), 0);
    assert.equal(await queue.discard('rival', ['j0', 'j1']), 0);
    assert.equal(await queue.replay('acme', ['j0', 'j0', 'r', 'nobody']), 1);
    assert.equal(await queue.replay('acme', ['j0']), 0, 'it is dead no more');
    const job = await leaseOne(queue);
    assert.deepEqual([job.id, job.attempts, job.payload], ['j0', 1, newJob().payload]);
    assert.equal(await queue.discard('acme', ['j0', 'j1']), 1);
    assert.deepEqual(idsOf(await queue.dead({ tenant: 'acme', before: null, limit: 9 })), ['j2']);
    assert.equal(await queue.add([newJob({ id: 'j1' })]), 0, 'its id is remembered');
    assert.equal(await queue.replay('acme', []), 0);
    await assert.rejects(queue.replay('acme', idsOf(newJobs(1_001))), /At most 1000 ids/);
  });

  test('old dead letters and ids are forgotten, young ones not', async (t) => {
    const { queue } = await open(engine, t);
    await kill(queue, [newJob({ id: 'dead' })]);
    for (let lot = 0; lot < 5; lot += 1) await queue.add(newJobs(820, {}, lot === 0 ? `j` : `j${lot}-`));
    for (let leased = await lease(queue, 500); leased.length > 0; leased = await lease(queue, 500))
      await Promise.all(leased.map((job) => queue.complete(job)));
    await queue.prune({ ids: Date.now() - 60_000, dead: Date.now() - 60_000 });
    assert.equal(await queue.add(newJobs(10)), 0);
    assert.equal((await queue.counts(null)).dead, 1);
    await queue.prune({ ids: Date.now() + 60_000, dead: Date.now() + 60_000 });
    assert.equal((await queue.counts(null)).dead, 0);
    assert.equal(await queue.add([...newJobs(10), newJob({ id: 'dead' })]), 11);
  });
}
