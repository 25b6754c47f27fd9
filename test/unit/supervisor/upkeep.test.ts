import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunCounts } from '../../../src/core/usage.ts';
import { Fault } from '../../../src/core/faults.ts';
import { makeVersion } from '../../support/calls.ts';
import type { MemoryExecutor } from '../../support/memory-tier.ts';
import { MB, only, supervise, type Supervised } from './supervised.ts';

/** Resolves when the watch has looked at it so many times more. */
function looks({ tier }: Supervised, executor: MemoryExecutor, times = 2): Promise<void> {
  const { ticks } = executor;
  return tier.until(() => executor.ticks >= ticks + times);
}

const sum = (s: Supervised, name: string, of: (counts: RunCounts) => number): number => {
  s.supervisor.flushUsage();
  return s.metered.filter((counts) => counts.name === name).reduce((total, counts) => total + of(counts), 0);
};

test('an executor that nobody calls is ended, and nothing of its functions is kept', async (t) => {
  const s = await supervise(t, { idleMs: 300 });
  const call = await s.running(makeVersion('f'));
  const busy = await s.running(makeVersion('g', { tenant: 'other' }));
  call.reply();
  await s.tier.until(() => !call.sandbox.executor.alive);
  assert.equal(call.sandbox.executor.endReason, 'it was idle');
  assert.equal(busy.sandbox.executor.alive, true);
  assert.equal([...s.supervisor.cordons].length, 1);
  assert.equal((await s.running(makeVersion('f'))).sandbox.executor.alive, true);
});

test('a function that nobody calls has no sandbox after a while, though its neighbours are busy', async (t) => {
  const s = await supervise(t, { idleMs: 300 });
  const idle = await s.running(makeVersion('idle'));
  const busy = await s.running(makeVersion('busy'));
  idle.reply();
  await s.tier.until(() => !idle.sandbox.open);
  assert.equal(busy.sandbox.open, true);
  assert.deepEqual(
    [...(s.supervisor.cordons[0]?.replicas ?? [])].map(({ version }) => version.name),
    ['busy'],
  );
});

test('an executor that holds much memory while nobody calls is ended before its time', async (t) => {
  const now = performance.now.bind(performance);
  let aheadMs = 0;
  t.mock.method(performance, 'now', () => now() + aheadMs);
  const s = await supervise(t, { executorMemoryMb: 200 });
  const [large, small] = [await s.running(makeVersion('f')), await s.running(makeVersion('g', { tenant: 'other' }))];
  large.reply();
  small.reply();
  large.sandbox.executor.rssBytes += 120 * MB;
  await looks(s, large.sandbox.executor);
  assert.equal(large.sandbox.executor.alive, true);
  aheadMs = 31_000;
  await s.tier.until(() => !large.sandbox.executor.alive);
  await looks(s, small.sandbox.executor);
  assert.equal(small.sandbox.executor.alive, true);
});

test('an executor is replaced after so many sandboxes, and what runs in it ends first', async (t) => {
  const s = await supervise(t, { recycleAfter: 3 });
  const long = await s.running(makeVersion('long'));
  for (let i = 0; i < 3; i++) {
    const version = makeVersion('f', { key: `acme/f@${i}` });
    const call = await s.running(version);
    assert.equal(call.sandbox.executor, long.sandbox.executor);
    call.reply();
    s.supervisor.retire(version);
  }
  assert.equal(long.sandbox.executor.alive, true);
  const next = await s.running(makeVersion('long'));
  assert.notEqual(next.sandbox.executor, long.sandbox.executor);
  assert.equal(s.supervisor.state().executors, 2);
  await looks(s, long.sandbox.executor);
  long.reply();
  await s.tier.until(() => !long.sandbox.executor.alive);
  assert.match(long.sandbox.executor.endReason ?? '', /closed 3 sandboxes/);
  assert.equal(next.sandbox.executor.alive, true);
});

test('the watch holds the memory of an executor that is being replaced', async (t) => {
  const s = await supervise(t, { recycleAfter: 1, executorMemoryMb: 128 });
  const long = await s.running(makeVersion('long'));
  const version = makeVersion('f');
  (await s.running(version)).reply();
  s.supervisor.retire(version);
  long.sandbox.executor.rssBytes += 200 * MB;
  await s.tier.until(() => !long.sandbox.executor.alive);
  assert.match(long.sandbox.executor.endReason ?? '', /memory/);
});

test('CPU time is charged by running time, and all of it to somebody', async (t) => {
  const s = await supervise(t);
  const [f, g] = [await s.running(makeVersion('f')), await s.running(makeVersion('g'))];
  f.sandbox.executor.usedCpuMs += 400;
  await looks(s, f.sandbox.executor, 1);
  const cpuOf = (name: string): number => sum(s, name, ({ cpuMs }) => cpuMs);
  assert.ok(Math.abs(cpuOf('f') + cpuOf('g') - 400) < 0.001);
  assert.ok(cpuOf('f') > 100 && cpuOf('g') > 100, `${cpuOf('f')} and ${cpuOf('g')}`);
  f.reply();
  g.reply();
});

test('what a version’s runs take is counted: runs, starts, running time, faults', async (t) => {
  const s = await supervise(t);
  const version = makeVersion('f', { limits: { concurrency: 2 } });
  const [one, two] = [await s.running(version), await s.running(version)];
  await looks(s, one.sandbox.executor, 1);
  one.reply();
  two.fail(new Fault('HANDLER_THREW', 'x'));
  assert.equal(
    sum(s, 'f', ({ invocations }) => invocations),
    2,
  );
  assert.equal(
    sum(s, 'f', ({ coldStarts }) => coldStarts),
    1,
  );
  assert.ok(sum(s, 'f', ({ wallMs }) => wallMs) > 10);
  assert.deepEqual(s.metered.find(({ faults }) => faults !== null)?.faults, new Map([['HANDLER_THREW', 1]]));
  const before = s.metered.length;
  s.supervisor.flushUsage();
  assert.equal(s.metered.length, before, 'nothing is told twice');
});

test('what ran in an executor that died is counted too', async (t) => {
  const s = await supervise(t);
  (await s.running(makeVersion('f'))).sandbox.executor.crash('it ended with SIGSEGV');
  assert.equal(
    sum(s, 'f', ({ invocations }) => invocations),
    1,
  );
  assert.equal(
    sum(s, 'f', ({ faults }) => faults?.get('SANDBOX_RECYCLED') ?? 0),
    1,
  );
});

test('in a shared executor who uses too much CPU time is moved, and ends what it has begun', async (t) => {
  const s = await supervise(t, { cpuMs: 1_000 });
  const runaway = await s.running(makeVersion('runaway'));
  const { executor } = runaway.sandbox;
  await looks(s, executor, 1);
  executor.usedCpuMs += 1_500;
  await s.tier.until(() => s.events.length > 0);
  assert.deepEqual(
    s.events.map(({ cause, state }) => [cause, state]),
    [['cpu', 'alone']],
  );
  await looks(s, executor);
  assert.equal(executor.alive, true);
  assert.equal(runaway.over, false);
  assert.equal(s.events.length, 1);
  runaway.reply();
});

test('in an executor of its own the CPU limit is exact, and names itself', async (t) => {
  const s = await supervise(t, { cpuMs: 1_000 });
  const version = makeVersion('runaway');
  (await s.running(version)).fail(new Fault('OUT_OF_MEMORY', 'x'));
  const sink = s.call(version);
  const { executor } = only(await s.tier.running('runaway')).sandbox;
  await looks(s, executor, 1);
  executor.usedCpuMs += 900;
  await looks(s, executor);
  assert.equal(executor.alive, true);
  executor.usedCpuMs += 200;
  await sink.outcome;
  assert.equal(sink.fault?.code, 'TIMED_OUT');
  assert.equal(sink.fault?.details.limit, 'cpu-ms=1000');
  assert.deepEqual(s.call(version).outcomes, ['QUARANTINED']);
});

test('in an executor of its own a version’s own CPU limit holds, where its executor does not hold it', async (t) => {
  const s = await supervise(t, { cpuMs: 30_000 });
  const version = makeVersion('runaway', { limits: { cpuMs: 1_000 } });
  (await s.running(version)).fail(new Fault('OUT_OF_MEMORY', 'x'));
  const sink = s.call(version);
  const { executor } = only(await s.tier.running('runaway')).sandbox;
  await looks(s, executor, 1);
  executor.usedCpuMs += 1_400;
  await looks(s, executor);
  assert.equal(executor.alive, true, 'its executor has a little time to end it');
  executor.usedCpuMs += 200;
  await sink.outcome;
  assert.deepEqual([sink.fault?.code, sink.fault?.details.limit], ['TIMED_OUT', 'cpu-ms=1000']);
});

test('an executor that says that a function used up its CPU time is believed as far as the kernel agrees', async (t) => {
  const s = await supervise(t);
  const used = new Fault('TIMED_OUT', 'x', { limit: 'cpu-ms=1000' });
  const slandered = await s.running(makeVersion('slandered', { limits: { cpuMs: 1_000 } }));
  slandered.fail(used);
  assert.equal(s.events.length, 0);
  const spinner = await s.running(makeVersion('spinner', { limits: { cpuMs: 1_000 } }));
  spinner.sandbox.executor.usedCpuMs += 900;
  spinner.fail(used);
  assert.deepEqual(
    s.events.map(({ version, cause, state }) => [version.name, cause, state]),
    [['spinner', 'spin', 'alone']],
  );
});

test('who computes until the time is over is moved, and who waited is not', async (t) => {
  const s = await supervise(t);
  const timedOut = new Fault('TIMED_OUT', 'x');
  const [spinner, waiter] = [makeVersion('spinner'), makeVersion('waiter')];
  const waiting = await s.running(waiter);
  await looks(s, waiting.sandbox.executor);
  waiting.fail(timedOut);
  assert.equal(s.events.length, 0);
  const spinning = await s.running(spinner);
  await looks(s, spinning.sandbox.executor, 1);
  spinning.sandbox.executor.usedCpuMs += 1_000;
  await looks(s, spinning.sandbox.executor, 1);
  spinning.fail(timedOut);
  assert.deepEqual(
    s.events.map(({ cause }) => cause),
    ['spin'],
  );
});
