import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { QuarantineEvent } from '../../../src/core/quarantine.ts';
import { Quarantine } from '../../../src/supervisor/quarantine.ts';
import { makeVersion } from '../../support/calls.ts';
import { only, supervise } from './supervised.ts';

const OOM = new Fault('OUT_OF_MEMORY', 'x');

interface Clocked {
  readonly quarantine: Quarantine;
  readonly events: QuarantineEvent[];
  pass(ms: number): void;
}

function clocked(t: TestContext): Clocked {
  let nowMs = 1_000;
  t.mock.method(performance, 'now', () => nowMs);
  const events: QuarantineEvent[] = [];
  return {
    quarantine: new Quarantine((event) => void events.push(event)),
    events,
    pass: (ms) => void (nowMs += ms),
  };
}

const a = makeVersion('a');

test('the first time a version is moved, and only what it does alone has it refused', (t) => {
  const { quarantine, events } = clocked(t);
  assert.equal(quarantine.holds(a), false);
  quarantine.strike(a, 'crash', true);
  assert.equal(quarantine.holds(a), true);
  assert.equal(quarantine.refusal(a), null);
  quarantine.strike(a, 'crash', false);
  assert.equal(quarantine.refusal(a), null);
  quarantine.strike(a, 'out-of-memory', true);
  const refusal = quarantine.refusal(a);
  assert.equal(refusal?.code, 'QUARANTINED');
  assert.equal(refusal?.status, 503);
  assert.equal(refusal?.details.retryAfterSeconds, 5);
  assert.deepEqual(
    events.map(({ state, cause, refusedMs }) => [state, cause, refusedMs]),
    [
      ['alone', 'crash', 0],
      ['refused', 'out-of-memory', 5_000],
    ],
  );
});

test('each refusal is three times as long as the one before, up to ten minutes', (t) => {
  const { quarantine, events, pass } = clocked(t);
  quarantine.strike(a, 'crash', false);
  for (let i = 0; i < 6; i++) {
    quarantine.strike(a, 'crash', true);
    pass(events.at(-1)?.refusedMs ?? 0);
    assert.equal(quarantine.refusal(a), null);
    assert.equal(quarantine.holds(a), true);
  }
  assert.deepEqual(
    events.slice(1).map(({ refusedMs }) => refusedMs / 1000),
    [5, 15, 45, 135, 405, 600],
  );
});

test('what still ran when it was refused does not count again', (t) => {
  const { quarantine, events } = clocked(t);
  for (let i = 0; i < 10; i++) quarantine.strike(a, 'out-of-memory', true);
  assert.equal(events.length, 2);
});

test('ten minutes of good behaviour free it, and the next misdeed is the first', (t) => {
  const { quarantine, pass } = clocked(t);
  quarantine.strike(a, 'crash', false);
  quarantine.strike(a, 'crash', true);
  pass(5_000 + 599_000);
  assert.equal(quarantine.holds(a), true);
  pass(2_000);
  assert.equal(quarantine.holds(a), false);
  quarantine.strike(a, 'crash', true);
  assert.equal(quarantine.refusal(a), null);
});

test('who computes until the time is over stays alone and is not refused', (t) => {
  const { quarantine } = clocked(t);
  for (let i = 0; i < 5; i++) quarantine.strike(a, 'spin', true);
  assert.equal(quarantine.holds(a), true);
  assert.equal(quarantine.refusal(a), null);
});

test('another version is free, and so is another tenant with the same code', (t) => {
  const { quarantine } = clocked(t);
  const execution = { ephemeral: true, key: 'execute 1234' };
  for (const version of [a, makeVersion('x', execution)]) {
    quarantine.strike(version, 'crash', true);
    quarantine.strike(version, 'crash', true);
  }
  assert.equal(quarantine.holds(makeVersion('a', { key: 'acme/a@2', number: 2 })), false);
  assert.equal(quarantine.holds(makeVersion('x', { ...execution, tenant: 'other' })), false);
});

test('its state can be read', (t) => {
  const { quarantine, pass } = clocked(t);
  t.mock.method(Date, 'now', () => performance.now());
  quarantine.strike(a, 'crash', false);
  quarantine.strike(a, 'overrun', true);
  const expected = {
    tenant: 'acme',
    name: 'a',
    version: 1,
    cause: 'overrun',
    refusals: 1,
    sinceMs: 1_000,
    freeMs: 606_000,
  };
  assert.deepEqual(quarantine.of('acme', 'a'), [{ ...expected, state: 'refused', refusedUntilMs: 6_000 }]);
  assert.deepEqual(quarantine.counts(), { alone: 0, refused: 1 });
  pass(5_000);
  assert.deepEqual(quarantine.of('acme', 'a'), [{ ...expected, state: 'alone', refusedUntilMs: null }]);
  assert.deepEqual(quarantine.counts(), { alone: 1, refused: 0 });
  assert.deepEqual(quarantine.of('acme', 'b'), []);
  assert.deepEqual(quarantine.of('other', 'a'), []);
});

test('a tenant that misbehaves with much code pushes out its own only, and the whole is bounded', (t) => {
  const { quarantine } = clocked(t);
  const theirs = makeVersion('theirs', { tenant: 'other' });
  quarantine.strike(theirs, 'crash', false);
  for (let i = 0; i <= 5_000; i++) quarantine.strike(makeVersion('x', { key: `execute ${i}` }), 'crash', false);
  assert.equal(quarantine.holds(theirs), true);
  assert.equal(quarantine.holds(makeVersion('x', { key: 'execute 0' })), false);
  assert.deepEqual(quarantine.counts(), { alone: 201, refused: 0 });
  for (let i = 0; i < 1_200; i++) quarantine.strike(makeVersion('x', { tenant: `t${i}` }), 'crash', false);
  assert.deepEqual(quarantine.counts(), { alone: 1_000, refused: 0 });
});

test('a function that runs out of memory goes to an executor of its own, and its neighbours stay', async (t) => {
  const s = await supervise(t);
  const [bad, good] = [makeVersion('bad'), makeVersion('good', { limits: { concurrency: 5 } })];
  const first = await s.running(bad);
  const neighbour = await s.running(good);
  first.fail(OOM);
  assert.equal(first.sandbox.executor.alive, true);
  const second = await s.running(bad);
  assert.notEqual(second.sandbox.executor, first.sandbox.executor);
  assert.equal((await s.running(good)).sandbox.executor, neighbour.sandbox.executor);
  assert.match(s.logged[0]?.message ?? '', /^QUARANTINED: .* executor of its own .*out-of-memory/);
  assert.deepEqual(
    s.supervisor.quarantineOf('acme', 'bad').map(({ state }) => state),
    ['alone'],
  );
});

test('when it happens again it is refused, and what waits for it too, until a new version comes', async (t) => {
  const s = await supervise(t);
  const bad = makeVersion('bad');
  (await s.running(bad)).fail(OOM);
  const sinks = Array.from({ length: 34 }, () => s.call(bad));
  const [again] = await s.tier.running('bad', 32);
  again?.fail(OOM);
  assert.deepEqual(
    sinks.slice(32).map(({ outcomes }) => outcomes.join()),
    ['QUARANTINED', 'QUARANTINED'],
  );
  const refused = s.call(bad);
  assert.deepEqual(refused.outcomes, ['QUARANTINED']);
  assert.equal(refused.fault?.details.retryAfterSeconds, 5);
  const next = s.call(makeVersion('bad', { key: 'acme/bad@2', number: 2 }));
  const made = (await s.tier.running('bad', 32)).find(({ sandbox }) => sandbox.version.number === 2);
  made?.reply();
  assert.deepEqual(next.outcomes, ['complete']);
});

test('several calls that one sandbox loses are one misdeed', async (t) => {
  const s = await supervise(t);
  const bad = makeVersion('bad', { limits: { concurrency: 8 } });
  for (const times of [1, 2]) {
    for (let i = 0; i < 8; i++) s.call(bad);
    const lost = await s.tier.running('bad', 8);
    lost[0]?.sandbox.gone(OOM);
    for (const call of lost) call.fail(OOM);
    assert.equal(s.events.length, times);
  }
});

test('executions of one code that an executor takes with it are one misdeed', async (t) => {
  const s = await supervise(t);
  for (let i = 0; i < 2 * s.supervisor.cores; i++) s.call(makeVersion('x', { ephemeral: true, key: 'execute 1' }));
  const lost = await s.tier.running('x', 2 * s.supervisor.cores);
  lost[0]?.sandbox.executor.crash('it ended with SIGSEGV');
  assert.deepEqual(
    s.events.map(({ state }) => state),
    ['alone'],
  );
});

test('executions that misbehave share an executor apart from the others, and are never refused', async (t) => {
  const s = await supervise(t);
  const once = (code: string): ReturnType<typeof makeVersion> =>
    makeVersion('x', { ephemeral: true, key: `execute ${code}` });
  for (const code of ['1', '2', '1', '2', '1', '2']) {
    const made = await s.running(once(code));
    assert.equal(made.sandbox.version.key, `execute ${code}`);
    made.fail(OOM);
  }
  assert.deepEqual(
    s.events.map(({ version, state }) => [version.key, state]),
    [
      ['execute 1', 'alone'],
      ['execute 2', 'alone'],
    ],
  );
  assert.ok(s.supervisor.state().executors <= 2 * s.supervisor.cores);
});

test('a neighbour that only was there is moved and never refused', async (t) => {
  const s = await supervise(t);
  const good = makeVersion('good');
  for (let i = 0; i < 3; i++) {
    s.call(good);
    const bad = makeVersion('bad', { key: `acme/bad@${i}` });
    const { executor } = (await s.running(bad)).sandbox;
    only(s.tier.open('good'));
    executor.crash('it ended with SIGKILL');
    for (const call of s.tier.open('good')) call.reply();
  }
  assert.deepEqual(
    s.supervisor.quarantineOf('acme', 'good').map(({ refusals }) => refusals),
    [0],
  );
});
