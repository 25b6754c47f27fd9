/** The same parts over the real store: what they rely on is what it does, and it is fast enough. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { NewVersion } from '../../../src/core/function-record.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import { openSqliteStorage } from '../../../src/storage/sqlite-storage.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { ADMIN, createControlParts, deploymentOf, F, startControlServer, USER } from './control-server.ts';

async function open(t: TestContext): Promise<Storage> {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-control-'));
  const storage = await openSqliteStorage(dir);
  t.after(async () => {
    await storage.close();
    await rm(dir, { recursive: true });
  });
  return storage;
}

test('a function goes through its whole life', async (t) => {
  const { functions } = await open(t);
  const { deployer, changes, routes, releases } = createControlParts(functions);
  const route = (): unknown => {
    const { live, canary, aliases, active } = routes.find('acme', 'hello')!;
    return [
      live?.number,
      canary?.version.number,
      Object.fromEntries(aliases.entries().map(([a, v]) => [a, v.number])),
      active,
    ];
  };
  const at = { tenant: 'acme', name: 'hello', by: ADMIN, revision: null };
  const first = await deployer.deploy(deploymentOf('hello'), USER);
  assert.deepEqual([first.active, first.live?.number, first.added.reviewed], [false, 1, false]);
  await assert.rejects(changes.update({ ...at, revision: first.revision - 1 }, { active: true }), {
    code: 'PRECONDITION_FAILED',
  });
  await changes.update({ ...at, revision: first.revision }, { active: true });
  assert.equal((await deployer.deploy(deploymentOf('hello'), USER)).live?.number, 1);
  assert.deepEqual(route(), [1, undefined, {}, true]);
  await assert.rejects(releases.versionOf('acme', 'hello', 2), { code: 'CONFLICT' });
  await deployer.deploy(deploymentOf('hello', { alias: 'next' }), ADMIN);
  assert.deepEqual(route(), [3, undefined, { next: 3 }, true]);
  await changes.setCanary(at, { number: 2, weight: 0.1 });
  assert.deepEqual(route(), [3, 2, { next: 3 }, true]);
  await assert.rejects(deployer.deploy(deploymentOf('hello', {}, 'broken'), ADMIN), { code: 'HEALTH_CHECK_FAILED' });
  assert.deepEqual(route(), [3, 2, { next: 3 }, true]);
  await changes.promote(at, null);
  assert.deepEqual(route(), [2, undefined, { next: 3 }, true]);
  await changes.rollback(at, null);
  await changes.setAlias(at, 'next', null);
  assert.deepEqual(route(), [3, undefined, {}, true]);
  await assert.rejects(changes.promote(at, 99), { code: 'NOT_FOUND' });

  const restarted = createControlParts(functions);
  await restarted.releases.load();
  assert.equal(restarted.routes.find('acme', 'hello')!.live!.key, 'acme/hello@3');
  assert.equal(await deployer.remove('acme', 'hello', ADMIN), true);
  assert.equal((await deployer.deploy(deploymentOf('hello'), ADMIN)).added.number, 5);
});

test('among 1,000 functions a page is read in 50 ms, all are loaded in 250 ms, and a deployment keeps its pace', async (t) => {
  const { functions } = await open(t);
  const parts = createControlParts(functions);
  const { added: _added, ...template } = await parts.deployer.deploy(deploymentOf('template'), OPERATOR);
  const stored = (await functions.version('acme', template.name, 1))!;
  const { number: _n, codeBytes: _b, createdMs: _m, ...content } = stored;
  const version: NewVersion = {
    ...content,
    initial: { active: true, trigger: { kind: 'http', pattern: null } },
    change: { live: true, alias: null },
  };
  const files = new Map([['index.ts', Buffer.from('ok')]]);
  for (let i = 0; i < 1_000; i++) await functions.addVersion({ ...version, name: `f${i}` }, files);
  const { call } = await startControlServer(t, parts);
  const list = (): Promise<unknown> => call('acme', 'GET', `${F}?limit=100&after=f5`);
  await list();
  const listMs = await milliseconds(list);
  const loadMs = await milliseconds(() => parts.releases.load());
  const deploys: number[] = [];
  for (let i = 0; i < 20; i++)
    deploys.push(await milliseconds(() => parts.deployer.deploy(deploymentOf('f77'), OPERATOR)));
  const deployMs = deploys.sort((a, b) => a - b)[10]!;
  t.diagnostic(`list ${listMs.toFixed(1)} ms, load ${loadMs.toFixed(0)} ms, deploy p50 ${deployMs.toFixed(1)} ms`);
  assert.ok(listMs < 50, `a page took ${listMs} ms`);
  assert.ok(loadMs < 250, `loading took ${loadMs} ms`);
  assert.ok(deployMs < 60, `a deployment took ${deployMs} ms`);
});

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
