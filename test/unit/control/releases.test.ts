import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from '../../../src/core/faults.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import { createControlParts, deploymentOf, NO_ENVIRONMENT, USER, type ControlParts } from './control-server.ts';

async function deployed(changes: Parameters<typeof deploymentOf>[1] = {}, count = 1): Promise<ControlParts> {
  const parts = createControlParts();
  for (let i = 0; i < count; i++) await parts.deployer.deploy(deploymentOf('hello', changes), OPERATOR);
  return parts;
}

test('what is kept is routed at start: live, canary and aliases', async () => {
  const { functions, routes, releases } = await deployed({}, 3);
  await functions.change(
    'acme',
    'hello',
    { aliases: { next: 1 }, canary: { number: 2, weight: 0.5, startedMs: 0 } },
    null,
  );
  await releases.load();
  const route = routes.find('acme', 'hello')!;
  assert.deepEqual(
    [route.live?.key, route.canary?.version.key, route.canary?.weight, route.aliases.get('next')?.key],
    ['acme/hello@3', 'acme/hello@2', 0.5, 'acme/hello@1'],
  );
});

test('a version stays the same object for as long as its environment does', async () => {
  const { routes, releases, environments, retired } = await deployed();
  const before = routes.find('acme', 'hello')!.live!;
  await releases.refresh('acme', 'hello');
  await releases.refreshTenant('acme');
  await releases.reload();
  assert.equal(routes.find('acme', 'hello')!.live, before);
  assert.deepEqual(retired, []);
  environments.set('acme', { ...NO_ENVIRONMENT, env: { KEY: '1' } });
  await releases.refreshTenant('acme');
  const after = routes.find('acme', 'hello')!.live!;
  assert.deepEqual([after.env, after.key], [{ KEY: '1' }, 'acme/hello@1+1']);
  assert.deepEqual(retired, [before]);
  environments.delete('acme');
  await releases.refreshTenant('acme');
  assert.equal(routes.find('acme', 'hello')!.live!.key, 'acme/hello@1', 'the first environment has the plain key');
});

test("another tenant's variables change nothing", async () => {
  const { routes, releases, environments } = await deployed();
  const before = routes.find('acme', 'hello')!.live;
  environments.set('acme', { ...NO_ENVIRONMENT, env: { KEY: '1' } });
  await releases.refreshTenant('acm');
  assert.equal(routes.find('acme', 'hello')!.live, before);
});

test('a version asked for by its number is the one of the route, where the route has it', async () => {
  const { routes, releases } = await deployed({}, 2);
  assert.equal(await releases.versionOf('acme', 'hello', 2), routes.find('acme', 'hello')!.live);
  const first = await releases.versionOf('acme', 'hello', 1);
  assert.equal(first?.key, 'acme/hello@1');
  assert.equal(await releases.versionOf('acme', 'hello', 1), first);
  assert.equal(await releases.versionOf('acme', 'hello', 9), null);
  assert.equal(await releases.versionOf('acme', 'nope', 1), null);
});

test('a version that becomes live keeps the sandboxes in which it was tried out', async () => {
  const { routes, releases, functions, retired } = await deployed({}, 2);
  const tried = await releases.versionOf('acme', 'hello', 1);
  await functions.change('acme', 'hello', { live: 1 }, null);
  await releases.refresh('acme', 'hello');
  assert.equal(routes.find('acme', 'hello')!.live, tried);
  assert.deepEqual(
    retired.map(({ number }) => number),
    [1, 2],
    'only those that nothing leads to',
  );
});

test('a number that was not there is found once it is', async () => {
  const { releases, deployer } = await deployed();
  assert.equal(await releases.versionOf('acme', 'hello', 2), null);
  await deployer.deploy(deploymentOf('hello', { live: false }), OPERATOR);
  assert.equal((await releases.versionOf('acme', 'hello', 2))?.number, 2);
});

test('what no admin has reviewed is found by its number only where that is asked for', async () => {
  const { releases, deployer } = await deployed();
  await deployer.deploy(deploymentOf('hello'), USER);
  await assert.rejects(releases.versionOf('acme', 'hello', 2), ({ code, message }: Fault) => {
    assert.match(message, /waits for an admin's review/);
    return code === 'CONFLICT';
  });
  assert.equal((await releases.versionOf('acme', 'hello', 2, { unreviewed: true }))?.number, 2);
  await assert.rejects(releases.versionOf('acme', 'hello', 2), { code: 'CONFLICT' });
});

test('a function that is gone has no route, and its versions are freed', async () => {
  const { routes, releases, functions, retired } = await deployed();
  const live = routes.find('acme', 'hello')!.live;
  await functions.remove('acme', 'hello');
  await releases.refresh('acme', 'hello');
  assert.equal(routes.find('acme', 'hello'), undefined);
  assert.deepEqual(retired, [live]);
});

test('of a tenant that goes nothing stays', async () => {
  const { routes, releases, deployer, retired } = await deployed({}, 2);
  await deployer.deploy(deploymentOf('other', { tenant: 'rival' }), OPERATOR);
  await releases.versionOf('acme', 'hello', 1);
  const count = retired.length;
  await releases.dropTenant('acme');
  assert.equal(routes.find('acme', 'hello'), undefined);
  assert.equal(retired.length, count + 2);
  assert.ok(routes.find('rival', 'other'));
});

test('a domain leads to its function once it is approved', async () => {
  const { routes, releases, functions } = await deployed();
  await functions.change('acme', 'hello', { publicDomain: 'hello.example.com', publicDomainApproved: false }, null);
  await releases.refresh('acme', 'hello');
  assert.equal(routes.domain('hello.example.com'), undefined);
  await functions.change('acme', 'hello', { publicDomainApproved: true }, null);
  await releases.refresh('acme', 'hello');
  assert.equal(routes.domain('hello.example.com')?.name, 'hello');
});

test('what changes while everything is loaded is not overwritten by what was read before', async () => {
  const { routes, releases, functions, deployer } = await deployed();
  const gate = Promise.withResolvers<void>();
  functions.gates.set('routed', gate.promise);
  const reloading = releases.reload();
  // It has read by now, and waits.
  await new Promise(setImmediate);
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  await deployer.deploy(deploymentOf('new'), OPERATOR);
  await deployer.remove('acme', 'new', OPERATOR);
  gate.resolve();
  await reloading;
  assert.equal(routes.find('acme', 'hello')!.live!.number, 2);
  assert.equal(routes.find('acme', 'new'), undefined);
});

test("a function whose secrets can't be opened keeps no other from starting", async () => {
  const { routes, releases, environments, deployer, reported } = await deployed();
  await deployer.deploy(deploymentOf('other', { tenant: 'rival' }), OPERATOR);
  const failure = new Error('this value was sealed by another key');
  Object.defineProperty(environments, 'get', {
    value: (tenant: string) => {
      if (tenant === 'acme') throw failure;
      return undefined;
    },
  });
  await releases.reload();
  assert.equal(routes.find('acme', 'hello')!.live, null);
  assert.equal(routes.find('rival', 'other')!.live?.number, 1);
  assert.deepEqual(reported, [failure]);
});

test('a shared version leaves the shared cordon as soon as its tenant has a secret', async () => {
  const { routes, releases, environments } = await deployed({ cordon: 'shared' });
  assert.equal(routes.find('acme', 'hello')!.live!.cordon, 'shared');
  environments.set('acme', { env: { KEY: 'secret' }, secrets: ['secret'], boundSecrets: [] });
  await releases.refreshTenant('acme');
  assert.equal(routes.find('acme', 'hello')!.live!.cordon, 'tenant');
});
