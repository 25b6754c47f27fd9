import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { Call } from '../../../src/core/invocation.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import { Supervisor, type SupervisorSettings } from '../../../src/supervisor/supervisor.ts';
import { makeCall, makeVersion, RecordingSink } from '../../support/calls.ts';
import { MemoryTier, type MemoryCall, type MemoryExecutor } from '../../support/memory-tier.ts';

const CONCURRENCY = 40;
const MB = 1024 * 1024;

interface Setup {
  readonly tier: MemoryTier;
  readonly supervisor: Supervisor;
  readonly reports: string[];
  call(version: FunctionVersion, call?: Call): RecordingSink;
}

async function setup(t: TestContext, options: Partial<SupervisorSettings> = {}): Promise<Setup> {
  const tier = new MemoryTier();
  const reports: string[] = [];
  const supervisor = new Supervisor({
    tiers: [tier],
    logs: { write: () => undefined },
    whyNot: () => 'it is not installed',
    poolSize: 2,
    executorMemoryMb: 512,
    hostMemoryMb: 4096,
    tenantConcurrency: () => CONCURRENCY,
    report: (line) => void reports.push(line),
    ...options,
  });
  t.after(async () => {
    tier.release();
    await supervisor.close(0);
  });
  await supervisor.start();
  return {
    tier,
    supervisor,
    reports,
    call(version, call = makeCall()) {
      const sink = new RecordingSink();
      supervisor.invoke(version, call, sink);
      return sink;
    },
  };
}

/** The tenant's count is back at zero: exactly so many calls as it may have are taken, and no more. */
async function assertNoLoad({ call, tier }: Setup, tenant = 'acme', limit = CONCURRENCY): Promise<void> {
  const probe = makeVersion('load-probe', { tenant, limits: { concurrency: limit } });
  const sinks = Array.from({ length: limit + 1 }, () => call(probe));
  const last = sinks.pop();
  assert.deepEqual(last?.outcomes, ['THROTTLED'], 'the count of the tenant is too low: a call was counted out twice');
  for (const { outcomes } of sinks)
    assert.deepEqual(outcomes, [], 'the count of the tenant is too high: a call was never counted out');
  for (const made of await tier.running('load-probe', limit)) made.reply();
}

const only = (calls: readonly MemoryCall[]): MemoryCall => {
  assert.equal(calls.length, 1);
  return calls[0] as MemoryCall;
};

const aliveOf = (tier: MemoryTier): MemoryExecutor[] =>
  tier.executors.filter(({ alive, calls }) => alive && calls.length > 0);

/** A turn of the event loop: what was put off has happened. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a call goes to a pooled executor at once', async (t) => {
  const s = await setup(t);
  const sink = s.call(makeVersion('f'));
  only(s.tier.open('f')).reply('hello');
  assert.deepEqual(sink.outcomes, ['complete']);
  assert.equal(sink.text, 'hello');
  await assertNoLoad(s);
});

test('a call waits for the pool and then runs', async (t) => {
  const s = await setup(t, { poolSize: 0 });
  s.tier.hold();
  const sink = s.call(makeVersion('f'));
  assert.equal(sink.exchange.running, false);
  await turn();
  assert.deepEqual(sink.heard, ['attach']);
  s.tier.release();
  const made = only(await s.tier.running('f'));
  assert.equal(sink.exchange, made);
  made.reply();
  assert.deepEqual(sink.outcomes, ['complete']);
  await assertNoLoad(s);
});

test('functions of one tenant share an executor, and tenants never do', async (t) => {
  const s = await setup(t);
  s.call(makeVersion('a'));
  s.call(makeVersion('b'));
  s.call(makeVersion('c', { tenant: 'other' }));
  const [a, b, c] = [only(await s.tier.running('a')), only(await s.tier.running('b')), only(await s.tier.running('c'))];
  assert.equal(a.sandbox.executor, b.sandbox.executor);
  assert.notEqual(a.sandbox.executor, c.sandbox.executor);
});

test('a function that asks for a cordon of its own has one', async (t) => {
  const s = await setup(t);
  s.call(makeVersion('a', { cordon: 'function' }));
  s.call(makeVersion('b', { cordon: 'function' }));
  assert.notEqual(only(await s.tier.running('a')).sandbox.executor, only(await s.tier.running('b')).sandbox.executor);
});

test('where a tier shares no executor, functions and executions of different code have one each', async (t) => {
  const s = await setup(t);
  s.tier.traits = { ...s.tier.traits, sharesExecutor: false };
  const executions = ['e1', 'e2', 'e3'].map((name) =>
    makeVersion(name, { key: name, name: 'execute', ephemeral: true }),
  );
  for (const version of [makeVersion('a'), makeVersion('b', { cordon: 'shared' }), ...executions]) s.call(version);
  await s.tier.running('execute', 3);
  const calls = s.tier.executors.flatMap((executor) => executor.calls);
  assert.equal(calls.length, 5);
  assert.equal(new Set(calls.map(({ sandbox }) => sandbox.executor)).size, 5);
});

test('privileged callers never share an executor with others', async (t) => {
  const s = await setup(t);
  const version = makeVersion('f', { limits: { concurrency: 5 } });
  s.call(version);
  s.call(version, makeCall({ principal: OPERATOR }));
  s.call(version);
  const calls = await s.tier.running('f', 3);
  const of = (privileged: boolean): Set<MemoryExecutor> =>
    new Set(
      calls.filter(({ call }) => (call.principal === OPERATOR) === privileged).map(({ sandbox }) => sandbox.executor),
    );
  assert.equal(of(true).size, 1);
  assert.equal(of(false).size, 1);
  assert.ok(of(true).isDisjointFrom(of(false)));
});

test('an executor is never given to a second cordon', async (t) => {
  const s = await setup(t);
  const version = makeVersion('f');
  s.call(version);
  const first = only(await s.tier.running('f'));
  first.reply();
  s.supervisor.retire(version);
  s.call(makeVersion('g', { tenant: 'other' }));
  assert.notEqual(only(await s.tier.running('g')).sandbox.executor, first.sandbox.executor);
});

test('a version that serves one invocation at a time gets sandboxes side by side, up to a bound, and the rest waits', async (t) => {
  const s = await setup(t);
  const version = makeVersion('f', { limits: { concurrency: 1 } });
  const sinks = Array.from({ length: 35 }, () => s.call(version));
  const running = await s.tier.running('f', 32);
  assert.equal(running.length, 32);
  assert.equal(new Set(running.map(({ sandbox }) => sandbox)).size, 32);
  for (const made of running) made.reply();
  for (const made of await s.tier.running('f', 3)) made.reply();
  for (const { outcomes } of sinks) assert.deepEqual(outcomes, ['complete']);
  await assertNoLoad(s);
});

test('a call that had not begun is tried again, and fails after three attempts', async (t) => {
  const s = await setup(t);
  const call = makeCall();
  const sink = s.call(makeVersion('f'), call);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const made = only(await s.tier.running('f'));
    assert.equal(call.attempts, attempt);
    assert.deepEqual(sink.outcomes, []);
    made.notBegun();
  }
  await sink.outcome;
  assert.deepEqual(sink.outcomes, ['SANDBOX_RECYCLED']);
  assert.equal(s.tier.calls.length, 3);
  await assertNoLoad(s);
});

test('a call that had not begun runs when it is tried again', async (t) => {
  const s = await setup(t);
  const sink = s.call(makeVersion('f'));
  only(await s.tier.running('f')).notBegun();
  const second = only(await s.tier.running('f'));
  assert.equal(sink.exchange, second);
  second.reply('second');
  assert.equal(sink.text, 'second');
  await assertNoLoad(s);
});

test('an execution that had not begun is tried again in a new sandbox', async (t) => {
  const s = await setup(t);
  const sink = s.call(makeVersion('once', { ephemeral: true }));
  const first = only(await s.tier.running('once'));
  first.notBegun();
  const second = only(await s.tier.running('once'));
  assert.notEqual(second.sandbox, first.sandbox);
  second.reply();
  assert.deepEqual(sink.outcomes, ['complete']);
  assert.equal(second.sandbox.open, false);
  await assertNoLoad(s);
});

test('an executor that dies fails what it had begun, and the next call gets a new executor', async (t) => {
  const s = await setup(t);
  const version = makeVersion('f', { limits: { concurrency: 5 } });
  const sinks = [s.call(version), s.call(version)];
  const { executor } = (await s.tier.running('f', 2))[0]?.sandbox ?? assert.fail();
  executor.crash('it ended with SIGSEGV');
  for (const { outcomes } of sinks) assert.deepEqual(outcomes, ['SANDBOX_RECYCLED']);
  const next = s.call(version);
  const made = only(await s.tier.running('f'));
  assert.notEqual(made.sandbox.executor, executor);
  made.reply();
  assert.deepEqual(next.outcomes, ['complete']);
  await assertNoLoad(s);
});

test('what waited in an executor that dies runs in the next one', async (t) => {
  const s = await setup(t);
  const version = makeVersion('f');
  const sinks = Array.from({ length: 36 }, () => s.call(version));
  const begun = await s.tier.running('f', 32);
  begun[0]?.sandbox.executor.crash('it ended with SIGSEGV');
  for (const made of await s.tier.running('f', 4)) made.reply();
  assert.deepEqual(
    sinks.map(({ outcomes }) => outcomes.join()),
    [...Array.from({ length: 32 }, () => 'SANDBOX_RECYCLED'), ...Array.from({ length: 4 }, () => 'complete')],
  );
  await assertNoLoad(s);
});

test('a waiting call that meets one dead executor after another fails after three attempts', async (t) => {
  const s = await setup(t, { poolSize: 0 });
  s.tier.stillborn = 10;
  const sink = s.call(makeVersion('f'));
  await sink.outcome;
  assert.deepEqual(sink.outcomes, ['SANDBOX_RECYCLED']);
  assert.equal(s.tier.executors.length, 3);
  s.tier.stillborn = 1;
  const next = s.call(makeVersion('f'));
  only(await s.tier.running('f')).reply();
  assert.deepEqual(next.outcomes, ['complete']);
  await assertNoLoad(s);
});

test('the versions that were running when an executor died run alone from then on', async (t) => {
  const s = await setup(t);
  const [bad, good] = [makeVersion('bad'), makeVersion('good')];
  s.call(good);
  only(await s.tier.running('good')).reply();
  s.call(bad);
  const first = only(await s.tier.running('bad')).sandbox.executor;
  first.crash('it ended with SIGSEGV');
  s.call(bad);
  s.call(good);
  const [alone, shared] = [only(await s.tier.running('bad')), only(await s.tier.running('good'))];
  assert.notEqual(alone.sandbox.executor, shared.sandbox.executor);
  s.call(makeVersion('third'));
  assert.equal(only(await s.tier.running('third')).sandbox.executor, shared.sandbox.executor);
});

test('where the executor names the culprit, it alone is suspected', async (t) => {
  const s = await setup(t);
  const [bad, good] = [makeVersion('bad'), makeVersion('good')];
  const sinks = [s.call(bad), s.call(good)];
  const { executor } = only(await s.tier.running('bad')).sandbox;
  executor.break('an isolate could not be stopped', bad);
  for (const { outcomes } of sinks) assert.deepEqual(outcomes, ['SANDBOX_RECYCLED']);
  s.call(bad);
  s.call(good);
  s.call(makeVersion('third'));
  const [a, b, c] = [
    only(await s.tier.running('bad')),
    only(await s.tier.running('good')),
    only(await s.tier.running('third')),
  ];
  assert.notEqual(a.sandbox.executor, b.sandbox.executor);
  assert.equal(b.sandbox.executor, c.sandbox.executor);
  assert.ok(s.reports.some((line) => line.includes('could not be stopped')));
  for (const made of [a, b, c]) made.reply();
  await assertNoLoad(s);
});

test('suspects of two tenants never share an executor, though their code is the same', async (t) => {
  const s = await setup(t);
  const versions = ['acme', 'other'].map((tenant) => makeVersion('x', { tenant, key: 'execute 1234' }));
  for (const version of versions) {
    s.call(version);
    only(await s.tier.running('x')).sandbox.executor.crash('it ended with SIGSEGV');
  }
  for (const version of versions) s.call(version);
  const [a, b] = await s.tier.running('x', 2);
  assert.notEqual(a?.sandbox.executor, b?.sandbox.executor);
});

test('a call that does not end in time has its executor killed', async (t) => {
  const s = await setup(t);
  const version = makeVersion('stuck');
  const [sink, bystander] = [s.call(version), s.call(makeVersion('bystander'))];
  const { executor } = only(await s.tier.running('stuck')).sandbox;
  executor.overrun(version);
  assert.equal(executor.alive, false);
  assert.deepEqual([...sink.outcomes, ...bystander.outcomes], ['SANDBOX_RECYCLED', 'SANDBOX_RECYCLED']);
  await assertNoLoad(s);
});

test('a sandbox that ran out of time or memory is not used again', async (t) => {
  const s = await setup(t);
  const version = makeVersion('f', { limits: { concurrency: 5 } });
  for (const code of ['TIMED_OUT', 'OUT_OF_MEMORY'] as const) {
    s.call(version);
    const first = only(await s.tier.running('f'));
    first.fail(new Fault(code, 'x'));
    assert.equal(first.sandbox.open, false);
    s.call(version);
    const second = only(await s.tier.running('f'));
    assert.notEqual(second.sandbox, first.sandbox);
    second.fail(new Fault('HANDLER_THREW', 'x'));
    assert.equal(second.sandbox.open, true);
    second.sandbox.gone(new Fault('SANDBOX_RECYCLED', 'x'));
  }
  await assertNoLoad(s);
});

test('a tenant over its concurrency is throttled and told when to come back, and no other tenant notices', async (t) => {
  const s = await setup(t, { tenantConcurrency: () => 3 });
  const version = makeVersion('f', { limits: { concurrency: 10 } });
  const sinks = [s.call(version), s.call(version), s.call(version), s.call(version)];
  const refused = sinks[3];
  assert.deepEqual(refused?.outcomes, ['THROTTLED']);
  assert.equal(refused?.fault?.details.retryAfterSeconds, 1);
  assert.equal(refused?.fault?.status, 429);
  const other = s.call(makeVersion('g', { tenant: 'other' }));
  for (const made of [...(await s.tier.running('f', 3)), ...(await s.tier.running('g'))]) made.reply();
  assert.deepEqual(other.outcomes, ['complete']);
  await assertNoLoad(s, 'acme', 3);
  await assertNoLoad(s, 'other', 3);
});

test('who cancels in the queue frees its place, once', async (t) => {
  const s = await setup(t, { poolSize: 0 });
  s.tier.hold();
  const version = makeVersion('f');
  const sinks = [s.call(version), s.call(version), s.call(version)];
  sinks[1]?.exchange.cancel();
  sinks[1]?.exchange.cancel();
  s.tier.release();
  const running = await s.tier.running('f', 2);
  assert.equal(running.length, 2);
  // An exchange of the queue means nothing once the call runs.
  sinks[0]?.attached[0]?.cancel();
  for (const made of running) made.reply();
  assert.deepEqual(
    sinks.map(({ outcomes }) => outcomes.join()),
    ['complete', '', 'complete'],
  );
  await assertNoLoad(s);
});

test('a cancel from within the failure of a waiting call changes nothing for those behind it', async (t) => {
  const s = await setup(t, { poolSize: 0 });
  s.tier.hold();
  s.tier.failures.push(new Error('no more processes'), new Error('no more processes'));
  const version = makeVersion('f');
  const sinks = Array.from({ length: 4 }, () => s.call(version));
  for (const sink of sinks) {
    sink.onHeard = () => {
      if (sink.outcomes.length === 0) return;
      for (const other of sinks) other.exchange.cancel();
    };
  }
  s.tier.release();
  await sinks[0]?.outcome;
  assert.deepEqual(
    sinks.map(({ outcomes }) => outcomes.length),
    [1, 0, 0, 0],
  );
  await assertNoLoad(s);
});

test('a cancelled call counts until its guest has settled', async (t) => {
  const s = await setup(t, { tenantConcurrency: () => 1 });
  const version = makeVersion('f');
  const sink = s.call(version);
  const made = only(await s.tier.running('f'));
  sink.exchange.cancel();
  assert.equal(made.cancelled, true);
  assert.deepEqual(s.call(version).outcomes, ['THROTTLED']);
  made.settle(null);
  await assertNoLoad(s, 'acme', 1);
});

test('an executor that can’t be started fails those who wait, and the next call tries anew', async (t) => {
  const s = await setup(t, { poolSize: 0 });
  const failure = new Error('fork: resource unavailable');
  s.tier.failures.push(failure, failure);
  const version = makeVersion('f');
  const [first, second] = [s.call(version), s.call(version)];
  await Promise.all([first.outcome, second.outcome]);
  assert.deepEqual([...first.outcomes, ...second.outcomes], ['OVERLOADED', 'OVERLOADED']);
  assert.ok(!first.fault?.message.includes('fork'), 'what the machine said is for the operator');
  assert.ok(s.reports.some((line) => line.includes('fork: resource unavailable')));
  assert.equal([...s.supervisor.cordons].length, 0);
  const third = s.call(version);
  only(await s.tier.running('f')).reply();
  assert.deepEqual(third.outcomes, ['complete']);
  await assertNoLoad(s);
});

test('an executor that dies while it starts fails nobody: another one is started at once', async (t) => {
  const s = await setup(t, { poolSize: 0 });
  s.tier.failures.push(new Error('it ended with SIGKILL before it was ready'));
  const sink = s.call(makeVersion('f'));
  only(await s.tier.running('f')).reply();
  assert.deepEqual(sink.outcomes, ['complete']);
  await assertNoLoad(s);
});

test('an executor in the pool that is dead, and not known to be, is not taken', async (t) => {
  const s = await setup(t);
  const [first] = s.tier.executors as [MemoryExecutor];
  first.endReason = 'it ended with SIGKILL';
  s.call(makeVersion('f'));
  const { executor } = only(await s.tier.running('f')).sandbox;
  assert.notEqual(executor, first);
  assert.equal(executor.alive, true);
});

test('a version whose tier is not here is refused', async (t) => {
  const s = await setup(t);
  const sink = s.call(makeVersion('f', { tier: 'microvm' }));
  assert.deepEqual(sink.outcomes, ['TIER_UNAVAILABLE']);
  assert.equal([...s.supervisor.cordons].length, 0);
  await assertNoLoad(s);
});

test('a tenant can’t drain the pool for the others', async (t) => {
  const s = await setup(t, { poolSize: 3 });
  const sinks = Array.from({ length: 12 }, (_, i) => s.call(makeVersion(`f${i}`, { cordon: 'function' })));
  // In one second there are five; the calls may stand on both sides of its end.
  const refused = sinks.filter(({ outcomes }) => outcomes[0] === 'OVERLOADED');
  assert.ok(refused.length >= 2 && refused.length <= 7, `${refused.length} were refused`);
  assert.equal(refused[0]?.fault?.details.retryAfterSeconds, 1);
  const other = s.call(makeVersion('g', { tenant: 'other' }));
  only(await s.tier.running('g')).reply();
  assert.deepEqual(other.outcomes, ['complete']);
});

test('an executor that dies or breaks in the pool is replaced and never handed out', async (t) => {
  const s = await setup(t);
  const [first, second] = s.tier.executors as [MemoryExecutor, MemoryExecutor];
  first.crash('it ended with SIGKILL');
  second.break('nonsense', null);
  await s.tier.until(() => s.tier.executors.length >= 4);
  s.call(makeVersion('f'));
  const { executor } = only(await s.tier.running('f')).sandbox;
  assert.ok(executor !== first && executor !== second);
});

test('an executor that uses more memory than its bound is killed, and its functions are suspects', async (t) => {
  const s = await setup(t, { executorMemoryMb: 128 });
  const version = makeVersion('hog', { limits: { memoryMb: 64 } });
  const sink = s.call(version);
  const { executor } = only(await s.tier.running('hog')).sandbox;
  executor.rssBytes += 128 * MB;
  const bystander = s.call(makeVersion('bystander', { tenant: 'other' }));
  const other = only(await s.tier.running('bystander'));
  executor.rssBytes += 1;
  await sink.outcome;
  assert.equal(executor.alive, false);
  assert.deepEqual(sink.outcomes, ['OUT_OF_MEMORY'], 'there is nobody else to blame');
  other.reply();
  assert.deepEqual(bystander.outcomes, ['complete']);
  s.call(version);
  s.call(makeVersion('innocent'));
  assert.notEqual(
    only(await s.tier.running('hog')).sandbox.executor,
    only(await s.tier.running('innocent')).sandbox.executor,
  );
});

test('the memory bound leaves room for the largest function', async (t) => {
  const s = await setup(t, { executorMemoryMb: 128 });
  s.call(makeVersion('large', { limits: { memoryMb: 256 } }));
  const made = only(await s.tier.running('large'));
  const [cordon] = [...s.supervisor.cordons];
  assert.equal(cordon?.memory.bytes, made.sandbox.executor.rssBytes + (256 + 64) * MB);
});

test('the largest of what its functions want for the whole process holds, up to the operator’s, and never falls', async (t) => {
  const s = await setup(t, { executorMemoryMb: 256 });
  const bound = (mb: number): void => {
    const [cordon] = [...s.supervisor.cordons];
    assert.equal(cordon?.memory.memoryMb, mb);
  };
  s.call(makeVersion('small', { limits: { memoryMb: 16, processMemoryMb: 96 } }));
  await s.tier.running('small');
  bound(96);
  const larger = makeVersion('larger', { limits: { memoryMb: 16, processMemoryMb: 10_000 } });
  s.call(larger);
  only(await s.tier.running('larger')).reply();
  bound(256);
  s.supervisor.retire(larger);
  bound(256);
});

test('a version is not run behind a weaker wall than it asks for', async (t) => {
  const s = await setup(t, { wallLacks: (level) => (level === 'namespaces' ? ['pid', 'mount'] : []) });
  const picky = s.call(makeVersion('picky', { minimumWall: 'namespaces' }));
  assert.equal(await picky.outcome, 'TIER_UNAVAILABLE');
  assert.match(picky.fault?.message ?? '', /does not guarantee pid, mount, which the level namespaces asks for/);
  s.call(makeVersion('content', { minimumWall: 'landlock' }));
  only(await s.tier.running('content')).reply();
});

test('near its bound an executor gives up its idle sandboxes', async (t) => {
  const s = await setup(t, { executorMemoryMb: 200 });
  s.call(makeVersion('idle'));
  s.call(makeVersion('busy'));
  const [idle, busy] = [only(await s.tier.running('idle')), only(await s.tier.running('busy'))];
  idle.reply();
  idle.sandbox.executor.rssBytes += 160 * MB;
  await s.tier.until(() => !idle.sandbox.open);
  assert.equal(busy.sandbox.open, true);
});

test('an executor that gives no sign of life is killed', async (t) => {
  const s = await setup(t);
  const sink = s.call(makeVersion('f'));
  const { executor } = only(await s.tier.running('f')).sandbox;
  executor.silent = true;
  await sink.outcome;
  assert.equal(executor.alive, false);
  assert.ok(s.reports.some((line) => line.includes('no sign of life')));
});

test('a host that stood still itself kills nobody for their silence', async (t) => {
  const s = await setup(t);
  const sink = s.call(makeVersion('f'));
  const { executor } = only(await s.tier.running('f')).sandbox;
  executor.silent = true;
  const { ticks } = executor;
  await s.tier.until(() => executor.ticks > ticks);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_200);
  // The answer that was waiting in the socket all the while.
  setImmediate(() => {
    executor.silent = false;
  });
  await s.tier.until(() => !executor.alive || executor.ticks > ticks + 2);
  assert.equal(executor.alive, true);
  only(s.tier.open('f')).reply();
  assert.deepEqual(sink.outcomes, ['complete']);
});

test('when all places are taken, the sandbox that was idle longest makes room', async (t) => {
  const s = await setup(t, { executorMemoryMb: 12 });
  const sandboxes = [];
  for (const name of ['a', 'b', 'c']) {
    s.call(makeVersion(name));
    const made = only(await s.tier.running(name));
    sandboxes.push(made.sandbox);
    made.reply();
    await turn();
  }
  s.call(makeVersion('d'));
  only(await s.tier.running('d')).reply();
  assert.deepEqual(
    sandboxes.map(({ open }) => open),
    [false, true, true],
  );
});

test('an idle sandbox of a busy function makes room too', async (t) => {
  const s = await setup(t, { executorMemoryMb: 8 });
  const version = makeVersion('a');
  s.call(version);
  s.call(version);
  const [one, two] = await s.tier.running('a', 2);
  one?.reply();
  s.call(makeVersion('b'));
  only(await s.tier.running('b')).reply();
  assert.equal(one?.sandbox.open, false);
  assert.equal(two?.sandbox.open, true);
});

test('who waits for room gets it as soon as a sandbox is idle, and one saturated function does not block the rest', async (t) => {
  const s = await setup(t, { executorMemoryMb: 8 });
  const [a, b, c] = [makeVersion('a'), makeVersion('b'), makeVersion('c')];
  const sinks = [s.call(a), s.call(a), s.call(a), s.call(b), s.call(c)];
  const [one, two] = await s.tier.running('a', 2);
  assert.equal(s.tier.calls.length, 2);
  one?.reply();
  two?.reply();
  while (sinks.some(({ outcomes }) => outcomes.length === 0)) {
    await s.tier.until(() => s.tier.calls.some(({ over }) => !over));
    const open = s.tier.calls.filter(({ over }) => !over);
    assert.ok((open[0]?.sandbox.executor.sandboxes.length ?? 0) <= 2);
    open[0]?.reply();
  }
  for (const { outcomes } of sinks) assert.deepEqual(outcomes, ['complete']);
  await assertNoLoad(s);
});

test('never more sandboxes are open than there are places, whoever comes and goes', async (t) => {
  const s = await setup(t, { executorMemoryMb: 12 });
  const versions = Array.from({ length: 7 }, (_, i) => makeVersion(`f${i}`, { limits: { concurrency: 1 + (i % 2) } }));
  const sinks: RecordingSink[] = [];
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  for (let i = 0; i < 3_000; i++) {
    const open = s.tier.calls.filter(({ over }) => !over);
    const waiting = sinks.filter(({ outcomes }) => outcomes.length === 0).length;
    const step = random(10);
    if (step < 5 && waiting < CONCURRENCY) sinks.push(s.call(versions[random(7)] as FunctionVersion));
    else if (open.length > 0 && step < 9) open[random(open.length)]?.reply();
    else if (open.length > 0) open[random(open.length)]?.sandbox.gone(new Fault('OUT_OF_MEMORY', 'x'));
    if (random(4) === 0) await turn();
    for (const executor of s.tier.executors)
      assert.ok(executor.sandboxes.length <= 3, `${executor.sandboxes.length} sandboxes`);
  }
  for (;;) {
    await turn();
    const open = s.tier.calls.filter(({ over }) => !over);
    if (open.length === 0) break;
    for (const made of open) if (!made.over) made.reply();
  }
  for (const { outcomes } of sinks) assert.deepEqual(outcomes, ['complete']);
  await assertNoLoad(s);
});

test('executions of the same code side by side are versions of their own', async (t) => {
  const s = await setup(t);
  const versions = [1, 2, 3].map(() => makeVersion('once', { ephemeral: true, key: 'execute 1234' }));
  const sinks = versions.map((version) => s.call(version));
  const running = await s.tier.running('once', 3);
  const cordons = [...s.supervisor.cordons];
  const inFlight = (): number => cordons.reduce((sum, cordon) => sum + cordon.inFlight, 0);
  assert.equal(inFlight(), 3);
  assert.deepEqual(new Set(running.map(({ sandbox }) => sandbox.version)), new Set(versions));
  for (const made of running) made.reply();
  assert.equal(inFlight(), 0);
  for (const { replicas } of cordons) assert.equal([...replicas].length, 0, 'nothing is kept of an execution');
  for (const { outcomes } of sinks) assert.deepEqual(outcomes, ['complete']);
  await assertNoLoad(s);
});

test('nothing is kept of an execution that never ran', async (t) => {
  const s = await setup(t, { executorMemoryMb: 4 });
  // One fills each executor for executions; the next has to wait for room.
  for (let i = 0; i < s.supervisor.cores; i++) s.call(makeVersion('blocker', { ephemeral: true }));
  const blockers = await s.tier.running('blocker', s.supervisor.cores);
  const kept = (): number => [...s.supervisor.cordons].reduce((sum, { replicas }) => sum + [...replicas].length, 0);
  const sink = s.call(makeVersion('once', { ephemeral: true }));
  assert.equal(kept(), s.supervisor.cores + 1);
  sink.exchange.cancel();
  assert.equal(kept(), s.supervisor.cores);
  for (const blocker of blockers) blocker.reply();
  await assertNoLoad(s);
});

test('an executor that only served executions is not idle because nothing of them is kept', async (t) => {
  const s = await setup(t);
  s.call(makeVersion('once', { ephemeral: true }));
  only(await s.tier.running('once')).reply();
  const [cordon] = [...s.supervisor.cordons];
  assert.ok(performance.now() - (cordon?.idleSinceMs ?? 0) < 5_000);
});

test('a retired version ends what it has begun and is then forgotten', async (t) => {
  const s = await setup(t);
  const version = makeVersion('f', { limits: { concurrency: 1 } });
  const sinks = Array.from({ length: 34 }, () => s.call(version));
  const first = await s.tier.running('f', 32);
  const [cordon] = [...s.supervisor.cordons];
  s.supervisor.retire(version);
  assert.equal(cordon?.inFlight, 32);
  for (const made of first) made.reply();
  for (const made of await s.tier.running('f', 2)) made.reply();
  for (const { outcomes } of sinks) assert.deepEqual(outcomes, ['complete']);
  assert.equal(s.tier.executors.flatMap(({ sandboxes }) => sandboxes).length, 0);
  assert.equal([...(cordon?.replicas ?? [])].length, 0);
  await assertNoLoad(s);
});

test('over the host’s budget, the executor that was idle longest is ended first', async (t) => {
  const s = await setup(t, { hostMemoryMb: 150 });
  const executors: MemoryExecutor[] = [];
  for (const tenant of ['one', 'two', 'three']) {
    s.call(makeVersion('f', { tenant }));
    const made = only(await s.tier.running('f'));
    executors.push(made.sandbox.executor);
    if (tenant !== 'two') made.reply();
  }
  const [one, two, three] = executors as [MemoryExecutor, MemoryExecutor, MemoryExecutor];
  three.rssBytes += 20 * MB;
  await s.tier.until(() => !one.alive);
  const { ticks } = two;
  await s.tier.until(() => two.ticks > ticks + 1);
  assert.equal(two.alive, true, 'what runs is left alone');
  assert.equal(three.alive, true, 'no more is ended than has to be');
  s.call(makeVersion('f', { tenant: 'one' }));
  assert.notEqual((await s.tier.running('f', 2)).at(-1)?.sandbox.executor, one);
});

test('close() refuses new calls, lets what runs finish, and ends every executor', async (t) => {
  const s = await setup(t);
  const version = makeVersion('f', { limits: { concurrency: 5 } });
  const sink = s.call(version);
  const made = only(await s.tier.running('f'));
  let closed = false;
  const closing = s.supervisor.close(60_000).then(() => {
    closed = true;
  });
  assert.deepEqual(s.call(version).outcomes, ['SHUTTING_DOWN']);
  await turn();
  assert.equal(closed, false);
  made.reply();
  await closing;
  assert.deepEqual(sink.outcomes, ['complete']);
  assert.deepEqual(
    s.tier.executors.map(({ alive }) => alive),
    s.tier.executors.map(() => false),
  );
});

test('close() ends what does not finish in time, running and waiting', async (t) => {
  const s = await setup(t, { executorMemoryMb: 4 });
  const [running, waiting] = [s.call(makeVersion('a')), s.call(makeVersion('b'))];
  await s.tier.running('a');
  await s.supervisor.close(20);
  assert.deepEqual(running.outcomes, ['SANDBOX_RECYCLED']);
  assert.deepEqual(waiting.outcomes, ['SHUTTING_DOWN']);
  assert.deepEqual(aliveOf(s.tier), []);
});

test('close() leaves no executor behind that was only being started', async (t) => {
  const s = await setup(t, { poolSize: 0 });
  s.tier.hold();
  const sink = s.call(makeVersion('f'));
  const closing = s.supervisor.close(0);
  await sink.outcome;
  assert.deepEqual(sink.outcomes, ['SHUTTING_DOWN']);
  s.tier.release();
  await closing;
  assert.equal(s.tier.executors.length, 1);
  assert.equal(s.tier.executors[0]?.alive, false);
});

test('a start that close() overtakes does not hang', async () => {
  const tier = new MemoryTier();
  const supervisor = new Supervisor({
    tiers: [tier],
    logs: { write: () => undefined },
    whyNot: () => 'it is not installed',
    poolSize: 2,
    executorMemoryMb: 64,
    hostMemoryMb: 1024,
    tenantConcurrency: () => 1,
    report: () => undefined,
  });
  tier.hold();
  const starting = supervisor.start();
  const closing = supervisor.close(0);
  await starting;
  tier.release();
  await closing;
  assert.ok(tier.executors.every(({ alive }) => !alive));
});
