import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Runtime } from '../../../src/core/runtime.ts';
import { makeVersion } from '../../support/calls.ts';
import type { MemoryTier } from '../../support/memory-tier.ts';
import { contained, likeContainers, only, supervise, turn } from './supervised.ts';

const python = (name: string): ReturnType<typeof makeVersion> =>
  makeVersion(name, { tier: 'container', runtime: 'python' });

const runtimesOf = ({ executors }: MemoryTier): Runtime[] => executors.map(({ runtime }) => runtime);

const pausing = (tier: MemoryTier): void => {
  likeContainers(tier);
  tier.pauses = true;
};

test('nobody starts executors of a runtime that nobody wants', async (t) => {
  const s = await supervise(t, { runtimePoolSize: 2 }, likeContainers);
  assert.deepEqual(runtimesOf(s.tier), ['javascript', 'javascript']);
  s.call(python('f'));
  assert.equal(only(await s.tier.running('f')).sandbox.executor.runtime, 'python');
  await s.tier.until(() => runtimesOf(s.tier).filter((runtime) => runtime === 'python').length === 3);
  assert.equal(s.supervisor.state().spareExecutors, 4);
});

test('a runtime’s executors wait once a version of it is live, without a call', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const live = python('f');
  s.supervisor.standing.set({ tenant: 'acme', name: 'f', live, active: true });
  await s.tier.until(() => s.tier.executors.length === 3);
  assert.deepEqual(runtimesOf(s.tier), ['javascript', 'javascript', 'python']);
  await turn();
  assert.equal(s.supervisor.state().spareExecutors, 3);
});

test('what is live before the start is prepared by the start, which waits for none of it', async (t) => {
  const s = await supervise(t, { poolSize: 0 }, likeContainers);
  assert.deepEqual(runtimesOf(s.tier), []);
});

test('a tier that does not speak a language refuses its versions, and says what it speaks', async (t) => {
  const s = await supervise(t, {}, (tier) => {
    likeContainers(tier);
    tier.traits = { ...tier.traits, runtimes: ['javascript'] };
  });
  const sink = s.call(python('f'));
  await sink.outcome;
  assert.equal(sink.fault?.code, 'TIER_UNAVAILABLE');
  assert.match(sink.fault?.message ?? '', /container runs javascript here, and no python/);
});

test('executors are paused while they wait, and run again when they are taken', async (t) => {
  const s = await supervise(t, { poolSize: 1 }, pausing);
  const [spare] = s.tier.executors;
  await s.tier.until(() => spare?.paused === true);
  s.call(contained('f'));
  const { executor } = only(await s.tier.running('f')).sandbox;
  assert.equal(executor, spare);
  assert.equal(executor.paused, false);
});

test('one that can’t be paused waits as it is, and is told of once', async (t) => {
  const s = await supervise(t, { poolSize: 2 }, (tier) => {
    pausing(tier);
    tier.pauseFailures.pause = new Error('there is no freezer');
  });
  s.call(contained('f'));
  assert.equal(only(await s.tier.running('f')).sandbox.executor, s.tier.executors[0]);
  assert.deepEqual(s.reports, ['container: one could not be paused: there is no freezer']);
});

test('one that does not come back to life is killed, and whoever took it gets another', async (t) => {
  const s = await supervise(t, { poolSize: 1 }, pausing);
  const [spare] = s.tier.executors;
  s.tier.pauseFailures.resume = new Error('it is frozen for good');
  const sink = s.call(contained('f'));
  await s.tier.until(() => spare?.alive === false);
  // It never waited, so that it was not paused.
  const call = only(await s.tier.running('f'));
  assert.notEqual(call.sandbox.executor, spare);
  call.reply();
  assert.deepEqual(sink.outcomes, ['complete']);
});

test('a paused executor that dies is replaced, and close() ends those that are left', async (t) => {
  const s = await supervise(t, { poolSize: 1 }, pausing);
  const [first] = s.tier.executors;
  await s.tier.until(() => first?.paused === true);
  first?.crash('it ended with SIGKILL');
  await s.tier.until(() => s.tier.executors[1]?.paused === true);
  await s.supervisor.close(0);
  assert.ok(s.tier.executors.every(({ alive }) => !alive));
});
