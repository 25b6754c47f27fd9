import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionVersion } from '../../../src/core/function.ts';
import { makeVersion } from '../../support/calls.ts';
import { contained, likeContainers, supervise, type Supervised } from './supervised.ts';

function live({ supervisor }: Supervised, version: FunctionVersion | null, name = 'f'): void {
  supervisor.standing.set({ tenant: 'acme', name, live: version, active: true });
}

/** Resolves when so many sandboxes of it are open. */
async function open(s: Supervised, name: string, count: number): Promise<void> {
  const sandboxes = (): number =>
    s.tier.executors.flatMap((executor) => executor.sandboxes).filter(({ version }) => version.name === name).length;
  await s.tier.until(() => sandboxes() === count);
}

test('as many as a version wants stand ready without a call, and serve the first ones', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const f = contained('f', { minReplicas: 2 });
  live(s, f);
  await s.tier.until(() => s.tier.executors.filter(({ sandboxes }) => sandboxes.length === 1).length === 2);
  const standing = s.tier.executors.filter(({ sandboxes }) => sandboxes.length === 1);
  s.call(f);
  s.call(f);
  const running = await s.tier.running('f', 2);
  assert.deepEqual(new Set(running.map(({ sandbox }) => sandbox.executor)), new Set(standing));
});

test('those that are to stand ready are not ended for being idle, and the others are', async (t) => {
  const s = await supervise(t, { idleMs: 300, poolSize: 0 }, likeContainers);
  const f = contained('f', { minReplicas: 1 });
  live(s, f);
  await open(s, 'f', 1);
  for (let i = 0; i < 3; i++) s.call(f);
  const running = await s.tier.running('f', 3);
  for (const call of running) call.reply();
  const alive = (): number => running.filter(({ sandbox }) => sandbox.executor.alive).length;
  await s.tier.until(() => alive() === 1);
  const last = running.find(({ sandbox }) => sandbox.executor.alive)?.sandbox.executor;
  const { ticks = 0 } = last ?? {};
  await s.tier.until(() => (last?.ticks ?? 0) > ticks + 12);
  assert.equal(last?.alive, true);
});

test('one that dies is started again', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  live(s, contained('f', { minReplicas: 1 }));
  const find = (): (typeof s.tier.executors)[number] | undefined =>
    s.tier.executors.find(({ alive, sandboxes }) => alive && sandboxes.length > 0);
  await s.tier.until(() => find() !== undefined);
  const first = find();
  first?.crash('it ended with SIGKILL');
  await s.tier.until(() => find() !== undefined);
  assert.notEqual(find(), first);
});

test('a version that is live no longer has nothing standing', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const [one, two] = [contained('f', { minReplicas: 1 }), { ...contained('f'), key: 'acme/f@2', number: 2 }];
  live(s, one);
  await open(s, 'f', 1);
  const executor = s.tier.executors.find(({ sandboxes }) => sandboxes.length > 0);
  live(s, two);
  s.supervisor.retire(one);
  await s.tier.until(() => executor?.alive === false);
  assert.equal(s.supervisor.standing.size, 0);
});

test('a function that is switched off, and one that is gone, have nothing standing', async (t) => {
  const s = await supervise(t, {}, likeContainers);
  const { standing } = s.supervisor;
  const version = contained('f', { minReplicas: 1 });
  standing.load([{ tenant: 'acme', name: 'f', live: version, active: true }]);
  assert.equal(standing.size, 1);
  standing.set({ tenant: 'acme', name: 'f', live: version, active: false });
  assert.equal(standing.size, 0);
  standing.set({ tenant: 'acme', name: 'f', live: version, active: true });
  standing.remove('acme', 'f');
  assert.equal(standing.size, 0);
  standing.load([{ tenant: 'acme', name: 'f', live: version, active: true }]);
  standing.load([]);
  assert.equal(standing.size, 0);
});

test('where sandboxes share an executor, so many of them stand ready in it', async (t) => {
  const s = await supervise(t, { idleMs: 300 });
  const f = makeVersion('f', { limits: { minReplicas: 2 } });
  live(s, f);
  await open(s, 'f', 2);
  const executor = s.tier.executors.find(({ sandboxes }) => sandboxes.length === 2);
  const { ticks = 0 } = executor ?? {};
  await s.tier.until(() => (executor?.ticks ?? 0) > ticks + 15);
  assert.equal(executor?.sandboxes.length, 2);
  live(s, null);
  await s.tier.until(() => executor?.endReason === 'it was idle');
});

test('a version has no more sandboxes than it may, whatever stands ready', async (t) => {
  const s = await supervise(t);
  const f = makeVersion('f', { limits: { maxReplicas: 2 } });
  for (let i = 0; i < 4; i++) s.call(f);
  const running = await s.tier.running('f', 2);
  assert.equal(s.tier.open('f').length, 2);
  for (const call of running) call.reply();
  assert.equal(s.tier.open('f').length, 2);
});

test('a quarantined version is not started by nobody’s call', async (t) => {
  const s = await supervise(t, { poolSize: 0 }, likeContainers);
  const f = contained('f', { minReplicas: 1 });
  live(s, f);
  for (let i = 0; i < 2; i++) {
    const call = await s.running(f);
    call.sandbox.executor.crash('it ended with SIGSEGV');
  }
  assert.deepEqual(s.call(f).outcomes, ['QUARANTINED']);
  const started = s.tier.executors.length;
  const other = await s.running(contained('g'));
  await s.tier.until(() => other.sandbox.executor.ticks > 15);
  assert.equal(s.tier.executors.length, started + 1);
});

test('a function that is switched off stands no longer, whatever happened to others meanwhile', async (t) => {
  const s = await supervise(t, { idleMs: 300, poolSize: 0 }, likeContainers);
  live(s, contained('f', { minReplicas: 1 }));
  await open(s, 'f', 1);
  const [executor] = s.tier.executors;
  // Every place that was remembered is looked for again after this.
  (await s.running(contained('g'))).sandbox.executor.crash('it ended with SIGSEGV');
  live(s, null);
  await s.tier.until(() => executor?.endReason !== null);
});
