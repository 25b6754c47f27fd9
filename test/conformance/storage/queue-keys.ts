/** Order per key, on every engine. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Queue } from '../../../src/core/queue.ts';
import { open, openAt } from './fixtures.ts';
import type { StorageEngine } from './fixtures.ts';
import { LEASE_MS, drain, idsOf, lease, leaseOne, newJob, newJobs } from './queue-fixtures.ts';

export function queueKeysConformance(engine: StorageEngine): void {
  test('jobs of one key come one at a time, in the order in which they were added', async (t) => {
    const { queue } = await open(engine, t);
    await queue.add([...newJobs(3, { key: 'a' }, 'a'), ...newJobs(2, { key: 'b' }, 'b'), ...newJobs(2, {}, 'free')]);
    await queue.add([
      newJob({ id: 'other', functionName: 'other', key: 'a' }),
      newJob({ id: 'rival', tenant: 'rival', key: 'a' }),
    ]);
    const first = await lease(queue, 99);
    assert.deepEqual(idsOf(first).sort(), ['a0', 'b0', 'free0', 'free1', 'other', 'rival']);
    assert.deepEqual(await queue.counts('acme'), { waiting: 3, running: 5, dead: 0 });
    assert.equal(await queue.complete(first.find(({ id }) => id === 'a0')!), true);
    assert.deepEqual(idsOf(await lease(queue, 99)), ['a1']);
  });

  test('one that waits for its time or for another try holds back those behind it, one that is dead does not', async (t) => {
    const { queue } = await open(engine, t);
    const later = Date.now() + 600_000;
    await queue.add([newJob({ id: 'a', key: 'k' }), newJob({ id: 'b', key: 'k' })]);
    await queue.add([newJob({ id: 'late', key: 'l', runAtMs: later }), newJob({ id: 'prompt', key: 'l' })]);
    await queue.fail(await leaseOne(queue), 'again', later);
    assert.deepEqual(await lease(queue, 9), []);
    assert.ok((await queue.nextDueMs())! > Date.now() + 60_000, 'what is held back is not due');
    await queue.add([newJob({ id: 'x', key: 'm' }), newJob({ id: 'y', key: 'm' })]);
    await queue.fail(await leaseOne(queue), 'no more', null);
    assert.deepEqual(idsOf(await lease(queue, 9)), ['y']);
  });

  test('a dead letter that is replayed has its place before those that wait, and not beside the one that runs', async (t) => {
    const { queue } = await open(engine, t);
    await queue.add(newJobs(3, { key: 'k' }));
    await queue.fail(await leaseOne(queue), 'no', null);
    const running = await leaseOne(queue);
    assert.equal(await queue.replay('acme', ['j0']), 1);
    assert.deepEqual(await lease(queue, 9), []);
    await queue.complete(running);
    assert.deepEqual(idsOf(await drain(queue)), ['j0', 'j2']);
  });

  test('a key’s order holds with eight workers, several publishers and retries in between', async (t) => {
    const place = await engine.place(t);
    const first = await open(engine, t, place);
    const second = engine.name === 'SQLite' ? first : await openAt(engine, place);
    if (second !== first) t.after(() => second.close());
    const queues = [first.queue, second.queue];
    const done = new Map<string, number[]>();
    const running = new Set<string>();
    const expected = 8 * 30;
    let completed = 0;
    const publish = async (key: string, queue: Queue): Promise<void> => {
      for (let n = 0; n < 30; n += 1) await queue.add([newJob({ id: `${key}-${n}`, key, payload: String(n) })]);
    };
    const work = async (queue: Queue): Promise<void> => {
      while (completed < expected) {
        for (const job of await lease(queue, 4, LEASE_MS)) {
          const key = job.key!;
          assert.equal(running.has(key), false, `two of ${key} at a time`);
          running.add(key);
          const n = Number(job.payload);
          const isRetried = job.attempts === 1 && n % 4 === 0;
          running.delete(key);
          if (isRetried) assert.equal(await queue.fail(job, 'again', Date.now()), true);
          else {
            done.set(key, [...(done.get(key) ?? []), n]);
            completed += 1;
            assert.equal(await queue.complete(job), true);
          }
        }
      }
    };
    await Promise.all([
      ...Array.from({ length: 8 }, (_, i) => publish(`k${i}`, queues[i % 2]!)),
      ...Array.from({ length: 8 }, (_, i) => work(queues[i % 2]!)),
    ]);
    const inOrder = Array.from({ length: 30 }, (_, n) => n);
    for (let i = 0; i < 8; i += 1) assert.deepEqual(done.get(`k${i}`), inOrder);
  });

  test('ten thousand jobs of one key cost those that lease no more than one', async (t) => {
    const { queue } = await open(engine, t);
    for (let lot = 0; lot < 10; lot += 1) await queue.add(newJobs(1_000, { key: 'k' }, `k${lot}-`));
    for (let n = 0; n < 50; n += 1) {
      const job = await leaseOne(queue);
      assert.equal(job.id, `k0-${n}`);
      assert.deepEqual(await lease(queue, 99), []);
      await queue.complete(job);
    }
  });
}
