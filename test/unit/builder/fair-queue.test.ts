import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FairQueue } from '../../../src/builder/fair-queue.ts';
import { Fault } from '../../../src/core/faults.ts';

test('no more tasks run at a time than it was told', async () => {
  const queue = new FairQueue({ concurrency: 2, maxWaiting: 100 });
  let running = 0;
  let most = 0;
  const task = async (): Promise<void> => {
    most = Math.max(most, ++running);
    await nextTurn();
    running--;
  };
  await Promise.all(Array.from({ length: 20 }, () => queue.run('a', task)));
  assert.equal(most, 2);
  assert.equal(queue.idle, true);
});

test('an owner that came later is not behind all that another asked for', async () => {
  const queue = new FairQueue({ concurrency: 1, maxWaiting: 100 });
  const order: string[] = [];
  const task = (name: string) => (): Promise<void> => {
    order.push(name);
    return nextTurn();
  };
  await Promise.all([
    queue.run('greedy', task('greedy 1')),
    queue.run('greedy', task('greedy 2')),
    queue.run('greedy', task('greedy 3')),
    queue.run('greedy', task('greedy 4')),
    queue.run('modest', task('modest 1')),
    queue.run('modest', task('modest 2')),
  ]);
  assert.deepEqual(order, ['greedy 1', 'greedy 2', 'modest 1', 'greedy 3', 'modest 2', 'greedy 4']);
});

test('a task that fails frees its place', async () => {
  const queue = new FairQueue({ concurrency: 1, maxWaiting: 1 });
  await assert.rejects(
    queue.run('a', () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.equal(await queue.run('a', () => Promise.resolve(7)), 7);
});

test('one owner may have only so much waiting, and another still gets in', async () => {
  const queue = new FairQueue({ concurrency: 1, maxWaiting: 1 });
  const gate = Promise.withResolvers<void>();
  const running = queue.run('a', () => gate.promise);
  const waiting = queue.run('a', () => Promise.resolve());
  await assert.rejects(
    queue.run('a', () => Promise.resolve()),
    { code: 'OVERLOADED' },
  );
  const other = queue.run('b', () => Promise.resolve());
  gate.resolve();
  await Promise.all([running, waiting, other]);
});

test('closing refuses what waits and what comes, and lets run what runs', async () => {
  const queue = new FairQueue({ concurrency: 1, maxWaiting: 5 });
  const gate = Promise.withResolvers<string>();
  const running = queue.run('a', () => gate.promise);
  const waiting = queue.run('a', () => Promise.resolve());
  queue.close(new Fault('SHUTTING_DOWN', 'closing'));
  await assert.rejects(waiting, { code: 'SHUTTING_DOWN' });
  await assert.rejects(
    queue.run('a', () => Promise.resolve()),
    { code: 'SHUTTING_DOWN' },
  );
  gate.resolve('done');
  assert.equal(await running, 'done');
});
