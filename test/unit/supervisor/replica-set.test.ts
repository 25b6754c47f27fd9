import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import { makeCall } from '../../support/calls.ts';
import type { MemoryCall, MemoryExecutor } from '../../support/memory-tier.ts';
import { contained, likeContainers, only, supervise, turn, type Supervised } from './supervised.ts';

const executorsOf = (calls: readonly MemoryCall[]): Set<MemoryExecutor> =>
  new Set(calls.map(({ sandbox }) => sandbox.executor));

/** So many executors that are bound to somebody. */
const bound = ({ supervisor }: Supervised): number => supervisor.state().executors;

test('where an executor hosts one sandbox, calls side by side get one each, up to the most', async (t) => {
  const s = await supervise(t, { poolSize: 0 }, likeContainers);
  const f = contained('f', { maxReplicas: 3 });
  const sinks = Array.from({ length: 5 }, () => s.call(f));
  const running = await s.tier.running('f', 3);
  assert.equal(executorsOf(running).size, 3);
  await turn();
  assert.equal(s.tier.open('f').length, 3, 'a fourth one runs, though three are the most');
  for (const call of running) call.reply('first');
  const others = await s.tier.running('f', 2);
  assert.ok([...executorsOf(others)].every((executor) => executorsOf(running).has(executor)));
  for (const call of others) call.reply('then');
  assert.deepEqual(
    sinks.map(({ outcomes, text }) => `${outcomes.join()} ${text}`),
    ['complete first', 'complete first', 'complete first', 'complete then', 'complete then'],
  );
  assert.equal(bound(s), 3);
});

test('a call that comes when one is free gets the one that is there, not a new one', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const f = contained('f');
  const first = await s.running(f);
  first.reply();
  const second = only(await s.tier.running('f', 0).then(() => (s.call(f), s.tier.running('f'))));
  assert.equal(second.sandbox, first.sandbox);
  second.reply();
});

test('a version that serves several calls at a time fills what it has before it gets more', async (t) => {
  const s = await supervise(t, { poolSize: 0 }, likeContainers);
  const f = contained('f', { concurrency: 2, maxReplicas: 4 });
  s.call(f);
  const [first] = await s.tier.running('f');
  s.call(f);
  assert.equal(executorsOf(await s.tier.running('f', 2)).size, 1);
  s.call(f);
  s.call(f);
  const all = await s.tier.running('f', 4);
  assert.equal(executorsOf(all).size, 2);
  assert.equal(all[0], first);
});

test('versions of one function never share an executor', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const one = contained('f');
  const two = { ...contained('f'), key: 'acme/f@2', number: 2 };
  s.call(one);
  s.call(two);
  assert.equal(executorsOf(await s.tier.running('f', 2)).size, 2);
  assert.deepEqual(
    s.supervisor.cordons.map(({ key }) => key),
    ['container version acme/f@1 #1', 'container version acme/f@2 #1'],
  );
});

test('privileged callers have executors of their own', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const f = contained('f');
  (await s.running(f)).reply();
  s.call(f, makeCall({ principal: OPERATOR }));
  const call = only(await s.tier.running('f'));
  assert.equal(call.sandbox.executor.calls.length, 1);
});

test('an execution has an executor of its own, which is gone when it is over', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const execution = (): Parameters<typeof s.call>[0] => ({
    ...contained('execute'),
    key: 'execute 0',
    ephemeral: true,
  });
  s.call(execution());
  s.call(execution());
  const running = await s.tier.running('execute', 2);
  assert.equal(executorsOf(running).size, 2);
  for (const call of running) call.reply();
  await s.tier.until(() => running.every(({ sandbox }) => !sandbox.executor.alive));
  assert.deepEqual(s.supervisor.cordons, []);
});

test('an executor that dies fails its own call alone, and what waits goes on', async (t) => {
  const s = await supervise(t, { poolSize: 0 }, likeContainers);
  const f = contained('f', { maxReplicas: 2 });
  const [a, b, c] = [s.call(f), s.call(f), s.call(f)];
  const [first, second] = (await s.tier.running('f', 2)) as [MemoryCall, MemoryCall];
  first.sandbox.executor.crash('it ended with SIGSEGV');
  assert.deepEqual(a.outcomes, ['SANDBOX_RECYCLED']);
  const third = (await s.tier.running('f', 2)).find((call) => call !== second) as MemoryCall;
  assert.notEqual(third.sandbox.executor, second.sandbox.executor);
  third.reply();
  second.reply();
  assert.deepEqual([b.outcomes, c.outcomes], [['complete'], ['complete']]);
});

test('a time-out replaces the executor, since its sandbox is not used again', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const f = contained('f');
  const call = await s.running(f);
  call.fail(new Fault('TIMED_OUT', 'x'));
  await s.tier.until(() => !call.sandbox.executor.alive);
  assert.equal(call.sandbox.executor.endReason, 'its sandbox was closed');
  assert.equal((await s.running(f)).sandbox.executor.alive, true);
});

test('one that does not end when its time is over is killed, and another takes what waits', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const f = contained('f', { maxReplicas: 1 });
  const call = await s.running(f);
  const waiting = s.call(f);
  call.sandbox.executor.overrun(f);
  await s.tier.until(() => !call.sandbox.executor.alive);
  const next = only(await s.tier.running('f'));
  assert.notEqual(next.sandbox.executor, call.sandbox.executor);
  next.reply();
  assert.deepEqual(waiting.outcomes, ['complete']);
  assert.deepEqual(
    s.events.map(({ cause, state }) => [cause, state]),
    [['overrun', 'alone']],
  );
});

test('in quarantine it goes on in the executors that are its own, and then is refused, as is what waits', async (t) => {
  const s = await supervise(t, { poolSize: 0 }, likeContainers);
  const f = contained('f', { maxReplicas: 1 });
  (await s.running(f)).sandbox.executor.crash('it ended with SIGSEGV');
  const again = await s.running(f);
  const waiting = s.call(f);
  again.sandbox.executor.crash('it ended with SIGSEGV');
  assert.deepEqual(waiting.outcomes, ['QUARANTINED']);
  assert.deepEqual(s.call(f).outcomes, ['QUARANTINED']);
  assert.deepEqual(
    s.events.map(({ state }) => state),
    ['alone', 'refused'],
  );
});

test('executors that can’t be had fail those who wait for the first one, and nobody while others serve', async (t) => {
  const s = await supervise(t, { poolSize: 0 }, likeContainers);
  const f = contained('f');
  s.tier.failures.push(new Error('no more processes'), new Error('no more processes'));
  const lost = s.call(f);
  await lost.outcome;
  assert.deepEqual(lost.outcomes, ['OVERLOADED']);
  // What could not be started is not tried again at once.
  await s.tier.until(() => s.tier.failures.length === 0);
  const g = contained('g', { maxReplicas: 2 });
  let served = s.call(g);
  while (served.outcomes.length > 0 || s.tier.open('g').length === 0) {
    if (served.outcomes.length > 0) served = s.call(g);
    await turn();
  }
  s.tier.failures.push(new Error('no more processes'), new Error('no more processes'));
  const patient = s.call(g);
  await s.tier.until(() => s.tier.failures.length === 0);
  await turn();
  assert.deepEqual(patient.outcomes, []);
  only(s.tier.open('g')).reply();
  only(await s.tier.running('g')).reply();
  assert.deepEqual(patient.outcomes, ['complete']);
});

test('a call that is cancelled while it waits frees its place, and counts no more', async (t) => {
  const s = await supervise(t, { tenantConcurrency: () => 2 }, likeContainers);
  const f = contained('f', { maxReplicas: 1 });
  await s.running(f);
  const waiting = s.call(f);
  assert.deepEqual(s.call(f).outcomes, ['THROTTLED']);
  waiting.exchange.cancel();
  assert.deepEqual(s.call(f).outcomes, []);
});

test('when the load is over, those that are too many end', async (t) => {
  const s = await supervise(t, { idleMs: 300, poolSize: 0 }, likeContainers);
  const f = contained('f');
  for (let i = 0; i < 3; i++) s.call(f);
  const running = await s.tier.running('f', 3);
  for (const call of running) call.reply();
  await s.tier.until(() => running.every(({ sandbox }) => !sandbox.executor.alive));
  assert.deepEqual(s.supervisor.cordons, []);
});

test('a retired version ends its executors once they are idle', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const f = contained('f');
  const [idle, busy] = [await s.running(f), await s.running(f)];
  idle.reply();
  s.supervisor.retire(f);
  await s.tier.until(() => !idle.sandbox.executor.alive);
  assert.equal(busy.sandbox.executor.alive, true);
  busy.reply();
  await s.tier.until(() => !busy.sandbox.executor.alive);
});

test('a function can’t have the last of the host’s memory by growing', async (t) => {
  const s = await supervise(t, { hostMemoryMb: 250, poolSize: 0 }, likeContainers);
  const f = contained('f');
  await s.running(f);
  for (let i = 0; i < 4; i++) s.call(f);
  const running = await s.tier.running('f', 3);
  await s.tier.until(() => running.every(({ sandbox }) => sandbox.executor.ticks > 12));
  assert.equal(s.tier.open('f').length, 3);
  assert.equal((await s.running(contained('g'))).sandbox.executor.alive, true);
});

test('close() lets what waits for an executor run, and refuses what is left', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const f = contained('f', { maxReplicas: 1 });
  const first = await s.running(f);
  const second = s.call(f);
  const third = s.call(f);
  let ended = false;
  const closing = s.supervisor.close(1_000).then(() => (ended = true));
  first.reply();
  only(await s.tier.running('f')).reply();
  assert.deepEqual(second.outcomes, ['complete']);
  await turn();
  assert.equal(ended, false);
  await closing;
  assert.deepEqual(third.outcomes, ['SANDBOX_RECYCLED']);
});

test('an executor is replaced after so many calls, where functions have a whole process', async (t) => {
  const s = await supervise(t, { recycleAfterCalls: 2 }, likeContainers);
  const f = contained('f');
  const first = await s.running(f);
  first.reply();
  const second = await s.running(f);
  assert.equal(second.sandbox.executor, first.sandbox.executor);
  second.reply();
  await s.tier.until(() => !first.sandbox.executor.alive);
  assert.ok(s.reports.some((line) => line.endsWith('replaced, because it has served 2 calls')));
  const third = await s.running(f);
  assert.notEqual(third.sandbox.executor, first.sandbox.executor);
});

test('a call that nothing had begun finds another executor', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const sink = s.call(contained('f'));
  const call = only(await s.tier.running('f'));
  call.notBegun();
  const again = only(await s.tier.running('f'));
  again.reply();
  assert.deepEqual(sink.outcomes, ['complete']);
});

test('at its memory bound, as the kernel tells, the one function in an executor ran out of memory', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const f = contained('f');
  const sink = s.call(f);
  only(await s.tier.running('f')).sandbox.executor.crash('it ended with SIGKILL', 'memory');
  assert.equal(sink.fault?.code, 'OUT_OF_MEMORY');
  assert.equal(sink.fault?.details.limit, 'executor-memory-mb=512');
  assert.deepEqual(
    s.events.map(({ cause }) => cause),
    ['executor-memory'],
  );
});

test('what a version weighs is its own choice, and a quarter of it in quarantine', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const [heavy, usual] = [contained('heavy', { cpuShares: 4_096 }), contained('usual')];
  const call = await s.running(heavy);
  assert.equal(call.sandbox.executor.weights.at(-1), 4_096);
  assert.equal((await s.running(usual)).sandbox.executor.weights.at(-1), 1_024);
  call.sandbox.executor.crash('it ended with SIGSEGV');
  assert.equal((await s.running(heavy)).sandbox.executor.weights.at(-1), 1_024);
});

test('CPU time is held for each call, where its function alone can have used it', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const f = contained('f', { cpuMs: 1_000 });
  const first = await s.running(f);
  const { executor } = first.sandbox;
  const looked = (): Promise<void> => {
    const { ticks } = executor;
    return s.tier.until(() => executor.ticks >= ticks + 2);
  };
  await looked();
  executor.usedCpuMs += 900;
  await looked();
  first.reply();
  const second = s.call(f);
  await looked();
  executor.usedCpuMs += 900;
  await looked();
  assert.equal(executor.alive, true, 'the first call’s CPU time was held against the second');
  executor.usedCpuMs += 200;
  await second.outcome;
  assert.deepEqual([second.fault?.code, second.fault?.details.limit], ['TIMED_OUT', 'cpu-ms=1000']);
  assert.deepEqual(
    s.events.map(({ cause, state }) => [cause, state]),
    [['cpu', 'alone']],
  );
});

test('an executor whose function has its thread may be silent while a call runs, and not when none does', async (t) => {
  const now = performance.now.bind(performance);
  let aheadMs = 0;
  t.mock.method(performance, 'now', () => now() + aheadMs);
  const s = await supervise(t, {}, likeContainers);
  const call = await s.running(contained('f'));
  const { executor } = call.sandbox;
  const looked = (): Promise<void> => {
    const { ticks } = executor;
    return s.tier.until(() => executor.ticks >= ticks + 3);
  };
  executor.silent = true;
  await looked();
  aheadMs += 5_000;
  await looked();
  assert.equal(executor.alive, true);
  call.reply();
  await looked();
  assert.equal(executor.alive, true, 'what it said when the call ended is still on its way');
  aheadMs += 5_000;
  await s.tier.until(() => !executor.alive);
  assert.equal(executor.endReason, 'it gave no sign of life');
});

test('a tenant with many busy executors weighs no more than one with a single one', async (t) => {
  const s = await supervise(t, { poolSize: 0 }, likeContainers);
  const many = contained('many', { maxReplicas: 4 });
  for (let i = 0; i < 4; i++) s.call(many);
  const one = await s.running({ ...contained('one'), tenant: 'other', key: 'other/one@1' });
  const executors = [...executorsOf(await s.tier.running('many', 4))];
  await s.tier.until(() => executors.every(({ weights }) => weights.at(-1) === 256));
  assert.deepEqual(one.sandbox.executor.weights, [1_024]);
  for (const call of s.tier.open('many').slice(1)) call.reply();
  await s.tier.until(() => executors.every(({ weights }) => weights.at(-1) === 1_024));
});
