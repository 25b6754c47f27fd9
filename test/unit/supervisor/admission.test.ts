import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeVersion, type RecordingSink } from '../../support/calls.ts';
import { MB, only, supervise, turn, type Supervised } from './supervised.ts';

const WIDE = { concurrency: 100 };

function many(s: Supervised, tenant: string, count: number): RecordingSink[] {
  const version = makeVersion(tenant, { tenant, limits: WIDE });
  return Array.from({ length: count }, () => s.call(version));
}

test('above the host’s bound tenants take turns, however many calls one of them has', async (t) => {
  const s = await supervise(t, { hostConcurrency: 10, poolSize: 3 });
  const noisy = many(s, 'noisy', 50);
  await s.tier.running('noisy', 10);
  assert.equal(s.supervisor.state().queued, 40);
  many(s, 'quiet', 6);
  // Four are let in at once, however full the host is.
  await s.tier.running('quiet', 4);
  for (const call of s.tier.open('noisy')) call.reply();
  await turn();
  assert.equal(s.tier.open('quiet').length, 6);
  assert.equal(s.tier.open('noisy').length, 4);
  while (s.tier.calls.some(({ over }) => !over)) {
    for (const call of s.tier.calls) if (!call.over) call.reply();
    await turn();
  }
  for (const { outcomes } of noisy) assert.deepEqual(outcomes, ['complete']);
  assert.deepEqual(s.supervisor.state().admitted, 0);
});

test('a tenant that holds every place for long does not starve another', async (t) => {
  const s = await supervise(t, { hostConcurrency: 4, queueMs: 30 });
  many(s, 'holder', 20);
  await s.tier.running('holder', 4);
  const [sink] = many(s, 'other', 1);
  only(await s.tier.running('other')).reply();
  assert.deepEqual(sink?.outcomes, ['complete']);
});

test('who waits too long for a place is refused and told when to come back', async (t) => {
  const s = await supervise(t, { hostConcurrency: 4, queueMs: 50 });
  const sinks = many(s, 'noisy', 6);
  await s.tier.running('noisy', 4);
  const startedMs = performance.now();
  await sinks[5]?.outcome;
  assert.ok(performance.now() - startedMs < 1_000);
  assert.deepEqual(sinks[5]?.outcomes, ['OVERLOADED']);
  assert.equal(sinks[5]?.fault?.details.retryAfterSeconds, 1);
  assert.equal(sinks[5]?.fault?.details.limit, 'host-concurrency=4');
  assert.deepEqual(s.metered.find(({ faults }) => faults !== null)?.faults, new Map([['OVERLOADED', 1]]));
  for (const call of s.tier.open('noisy')) call.reply();
  await turn();
  const [next] = many(s, 'noisy', 1);
  only(await s.tier.running('noisy')).reply();
  assert.deepEqual(next?.outcomes, ['complete']);
});

test('who cancels while it waits for a place leaves nothing behind', async (t) => {
  const s = await supervise(t, { hostConcurrency: 4 });
  const sinks = many(s, 'noisy', 6);
  const running = await s.tier.running('noisy', 4);
  sinks[4]?.exchange.cancel();
  sinks[4]?.exchange.cancel();
  assert.equal(s.supervisor.state().queued, 1);
  for (const call of running) call.reply();
  await turn();
  only(s.tier.open('noisy')).reply();
  assert.deepEqual(
    sinks.map(({ outcomes }) => outcomes.join()),
    [...Array.from({ length: 4 }, () => 'complete'), '', 'complete'],
  );
  assert.deepEqual([s.supervisor.state().admitted, s.supervisor.state().queued], [0, 0]);
});

test('a shutdown refuses what waits for a place', async (t) => {
  const s = await supervise(t, { hostConcurrency: 4 });
  const sinks = many(s, 'noisy', 5);
  await s.tier.running('noisy', 4);
  await s.supervisor.close(0);
  assert.deepEqual(sinks[4]?.outcomes, ['SHUTTING_DOWN']);
});

test('a new executor is refused when the host’s memory is in use, and an idle one makes room for it', async (t) => {
  const s = await supervise(t, { hostMemoryMb: 110, poolSize: 3 });
  const [one, two] = [
    await s.running(makeVersion('f', { tenant: 'one' })),
    await s.running(makeVersion('g', { tenant: 'two' })),
  ];
  const refused = s.call(makeVersion('h', { tenant: 'three' }));
  assert.deepEqual(refused.outcomes, ['OVERLOADED']);
  assert.equal(refused.fault?.details.limit, 'host-memory-mb=110');
  const { ticks } = two.sandbox.executor;
  await s.tier.until(() => two.sandbox.executor.ticks > ticks + 1);
  assert.equal(s.supervisor.state().memoryBytes, 100 * MB);
  assert.deepEqual(s.call(makeVersion('h', { tenant: 'three' })).outcomes, ['OVERLOADED']);
  one.reply();
  const sink = s.call(makeVersion('h', { tenant: 'three' }));
  only(await s.tier.running('h')).reply();
  assert.deepEqual(sink.outcomes, ['complete']);
  assert.equal(one.sandbox.executor.alive, false);
  assert.equal(two.sandbox.executor.alive, true);
});
