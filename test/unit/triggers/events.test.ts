import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewEvent, Subscription } from '../../../src/core/event.ts';
import { Fault } from '../../../src/core/faults.ts';
import type { RateRule } from '../../../src/core/rate-limit.ts';
import { readEventPayload } from '../../../src/triggers/event-job.ts';
import { createEvents, type EventPublisher } from '../../../src/triggers/events.ts';
import { TriggerBook } from '../../../src/triggers/trigger-book.ts';
import { makeVersion } from '../../support/calls.ts';
import { MemoryQueue } from '../../support/memory-queue.ts';

const listeners: readonly Subscription[] = [
  { tenant: 'acme', name: 'one', pattern: 'items:*:created' },
  { tenant: 'acme', name: 'all', pattern: '**' },
  { tenant: 'acme', name: 'posts', pattern: 'items:posts:*' },
  { tenant: 'other', name: 'spy', pattern: '**' },
];

interface Published extends EventPublisher {
  readonly queue: MemoryQueue;
  names(): string[];
}

function publisher(
  options: { rate?: RateRule; maxJobs?: number; suspended?: string; nowMs?: () => number } = {},
): Published {
  const queue = new MemoryQueue();
  const book = new TriggerBook();
  for (const { tenant, name, pattern } of listeners)
    book.set({ tenant, name, active: true, live: makeVersion(name), trigger: { kind: 'event', pattern } });
  const events = createEvents({
    queue,
    subscriptions: book,
    rate: options.rate ?? { limit: 1000, windowSeconds: 1 },
    maxJobs: options.maxJobs ?? 1000,
    maxAttempts: 8,
    isSuspended: (tenant) => tenant === options.suspended,
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  });
  const names = (): string[] => [...queue.rows.values()].map(({ functionName }) => functionName).sort();
  return { ...events, queue, names };
}

const event = (changes: Partial<NewEvent> = {}): NewEvent => ({
  tenant: 'acme',
  channel: 'items:posts:created',
  data: { id: 1 },
  ...changes,
});

test('an event becomes one job for each function of its tenant that listens', async () => {
  const { publish, queue, names } = publisher({ nowMs: () => 1_000 });
  const { id, deliveries, duplicate } = await publish(event({ key: 'k', delayMs: 500, source: '/s', hops: 2 }));
  assert.deepEqual([deliveries, duplicate], [3, false]);
  assert.deepEqual(names(), ['all', 'one', 'posts']);
  const job = [...queue.rows.values()][0]!;
  assert.deepEqual([job.tenant, job.kind, job.key, job.runAtMs, job.maxAttempts], ['acme', 'event', 'k', 1_500, 8]);
  assert.deepEqual(readEventPayload(job.payload), {
    id,
    source: '/s',
    channel: 'items:posts:created',
    hops: 2,
    timeMs: 1_000,
    data: { id: 1 },
  });
});

test('nobody listening is no error', async () => {
  const { publish, queue } = publisher();
  assert.deepEqual(await publish(event({ tenant: 'nobody', id: 'x' })), { id: 'x', deliveries: 0, duplicate: false });
  assert.equal(queue.rows.size, 0);
});

test('an event that is published twice under one id is queued once; another source or tenant has ids of its own', async () => {
  const { publish, queue } = publisher();
  assert.equal((await publish(event({ id: 'x' }))).duplicate, false);
  assert.deepEqual(await publish(event({ id: 'x', data: 'other' })), { id: 'x', deliveries: 0, duplicate: true });
  assert.equal(queue.rows.size, 3);
  assert.equal((await publish(event({ id: 'x', source: '/elsewhere' }))).deliveries, 3);
  assert.equal((await publish(event({ id: 'x', tenant: 'other' }))).deliveries, 1);
  for (const id of queue.rows.keys()) assert.ok(id.length <= 200, id);
});

test('ids that could be mistaken for another name nothing else', async () => {
  const { publish, queue } = publisher();
  await publish(event({ id: 'a', source: 'b' }));
  await publish(event({ id: 'ab', source: 'x' }));
  await publish(event({ id: '"a","b"', source: 'x' }));
  assert.equal(queue.rows.size, 9);
});

test('whatever is not an event is refused, with what was expected', async () => {
  const { publish, queue } = publisher();
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  let deep: unknown = 1;
  for (let i = 0; i < 200_000; i++) deep = [deep];
  const refused: [Partial<NewEvent>, RegExp][] = [
    [{ tenant: '../x' }, /tenant/],
    [{ channel: 'a:*' }, /^channel: expected/],
    [{ id: '' }, /^id: expected 1 to 256 characters/],
    [{ id: 'a\r\nb' }, /^id: expected/],
    [{ id: 'x'.repeat(257) }, /^id: expected/],
    [{ key: '\0' }, /^key: expected/],
    [{ source: '\ud800' }, /^source: expected/],
    [{ delayMs: -1 }, /^delayMs: expected/],
    [{ delayMs: 1.5 }, /^delayMs: expected/],
    [{ delayMs: 86_400_000 * 31 }, /^delayMs: expected/],
    [{ delayMs: Number.NaN }, /^delayMs: expected/],
    [{ data: undefined }, /^data: expected what JSON can say, but it is undefined/],
    [{ data: () => 1 }, /^data: expected/],
    [{ data: 1n }, /^data: expected/],
    [{ data: cyclic }, /^data: expected/],
    [{ data: deep }, /^data: expected/],
    [{ data: 'x'.repeat(256 * 1024) }, /^data: expected at most 262144 bytes of JSON, but it has 262146/],
    [{ hops: 1.5 }, /^hops: expected/],
  ];
  for (const [changes, message] of refused)
    await assert.rejects(publish(event(changes)), (error: unknown) => {
      assert.ok(error instanceof Fault && error.code === 'BAD_REQUEST', String(error));
      assert.match(error.message, message);
      return true;
    });
  assert.equal(queue.rows.size, 0);
});

test('data may be any JSON, null too, and as large as it may be', async () => {
  const { publish, queue } = publisher();
  for (const data of [null, 0, false, '', [], 'x'.repeat(256 * 1024 - 2), { __proto__: 1, '\0': '\ud800' }]) {
    const { id } = await publish(event({ data }));
    const job = [...queue.rows.values()].findLast(({ payload }) => payload.includes(id))!;
    assert.deepEqual(readEventPayload(job.payload).data, JSON.parse(JSON.stringify(data)));
  }
});

test('an event that is the consequence of nine others is taken for a loop', async () => {
  const { publish } = publisher();
  assert.equal((await publish(event({ hops: 8 }))).deliveries, 3);
  await assert.rejects(publish(event({ hops: 9 })), { code: 'BAD_REQUEST', message: /that is a loop/ });
});

test('a tenant publishes so many in a while, each counted for every delivery, and another is not held up by it', async () => {
  const { publish } = publisher({ rate: { limit: 6, windowSeconds: 3600 } });
  await publish(event());
  await publish(event());
  await assert.rejects(publish(event()), (error: unknown) => {
    assert.ok(error instanceof Fault && error.code === 'THROTTLED');
    assert.ok((error.details.retryAfterSeconds ?? 0) > 500);
    return true;
  });
  assert.equal((await publish(event({ tenant: 'other' }))).deliveries, 1);
});

test('a tenant has so many jobs in the queue', async () => {
  const { publish } = publisher({ maxJobs: 7 });
  await publish(event());
  await publish(event());
  await assert.rejects(publish(event()), { code: 'QUOTA_EXCEEDED', message: /has 6 deliveries .* may have 7/ });
  assert.equal((await publish(event({ tenant: 'other' }))).deliveries, 1);
});

test('nothing is published for a tenant that is suspended', async () => {
  await assert.rejects(publisher({ suspended: 'acme' }).publish(event()), { code: 'TENANT_SUSPENDED' });
});
