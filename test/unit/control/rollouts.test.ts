import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { F, startControlServer, type ControlServer } from './control-server.ts';

async function withVersions(t: TestContext, count: number): Promise<ControlServer> {
  const server = await startControlServer(t);
  for (let i = 0; i < count; i++) await server.call('operator', 'PUT', `${F}/hello`, { code: 'ok' });
  return server;
}

test('rollback makes the version live that was live before, or the one that is named', async (t) => {
  const { call, routes } = await withVersions(t, 3);
  const live = (): number => routes.find('default', 'hello')!.live!.number;
  const back = await call('operator', 'POST', `${F}/hello/rollback`);
  assert.deepEqual([back.status, back.body.live.number, back.body.previousVersion, live()], [200, 2, 3, 2]);
  await call('operator', 'POST', `${F}/hello/rollback`, {});
  assert.equal(live(), 3, 'a rollback can be rolled back');
  await call('operator', 'POST', `${F}/hello/rollback`, { version: 1 });
  assert.equal(live(), 1);
  assert.equal((await call('operator', 'POST', `${F}/hello/rollback`, { version: 9 })).status, 404);
  assert.equal((await call('operator', 'POST', `${F}/nope/rollback`, {})).status, 404);
  assert.equal(live(), 1);
});

test('a function that has had one version only has nothing to roll back to', async (t) => {
  const { call } = await withVersions(t, 1);
  assert.equal((await call('operator', 'POST', `${F}/hello/rollback`, {})).status, 409);
});

test('promote makes a waiting version live', async (t) => {
  const { call, routes } = await withVersions(t, 1);
  await call('operator', 'PUT', `${F}/hello`, { code: 'ok', live: false });
  assert.equal((await call('operator', 'POST', `${F}/hello/promote`)).status, 409, 'there is no canary to mean');
  const { body } = await call('operator', 'POST', `${F}/hello/promote`, { version: 2 });
  assert.equal(body.live.number, 2);
  assert.equal(routes.find('default', 'hello')!.live!.number, 2);
});

test('an alias points at a version, moves and goes', async (t) => {
  const { call, routes } = await withVersions(t, 2);
  const alias = (): number | undefined => routes.find('default', 'hello')!.aliases.get('next')?.number;
  const set = await call('operator', 'PUT', `${F}/hello/aliases/next`, { version: 1 });
  assert.deepEqual([set.status, set.body.aliases, alias()], [200, { next: 1 }, 1]);
  await call('operator', 'PUT', `${F}/hello/aliases/next`, { version: 2 });
  assert.equal(alias(), 2);
  assert.equal((await call('operator', 'DELETE', `${F}/hello/aliases/next`)).status, 200);
  assert.equal(alias(), undefined);
  assert.equal((await call('operator', 'DELETE', `${F}/hello/aliases/next`)).status, 404);
  assert.equal((await call('operator', 'DELETE', `${F}/hello/aliases/__proto__`)).status, 404);
  assert.equal((await call('operator', 'PUT', `${F}/hello/aliases/3`, { version: 1 })).status, 400);
  assert.equal((await call('operator', 'PUT', `${F}/hello/aliases/x`, { version: 9 })).status, 404);
});

test('a function has so many aliases and no more', async (t) => {
  const { call } = await withVersions(t, 1);
  for (let i = 0; i < 32; i++)
    assert.equal((await call('operator', 'PUT', `${F}/hello/aliases/a${i}`, { version: 1 })).status, 200);
  assert.equal((await call('operator', 'PUT', `${F}/hello/aliases/more`, { version: 1 })).status, 409);
  assert.equal((await call('operator', 'PUT', `${F}/hello/aliases/a1`, { version: 1 })).status, 200);
});

test('a canary takes its share, and is promoted or ended', async (t) => {
  const { call, routes, audited } = await withVersions(t, 2);
  const canary = { version: 1, weight: 0.05 };
  const set = await call('operator', 'PUT', `${F}/hello/canary`, canary);
  assert.deepEqual([set.body.canary.version, set.body.canary.weight], [1, 0.05]);
  assert.equal(routes.find('default', 'hello')!.canary?.version.number, 1);
  await call('operator', 'DELETE', `${F}/hello/canary`);
  assert.equal(routes.find('default', 'hello')!.canary, null);
  await call('operator', 'PUT', `${F}/hello/canary`, canary);
  const promoted = await call('operator', 'POST', `${F}/hello/promote`, {});
  assert.deepEqual([promoted.body.live.number, promoted.body.canary], [1, null]);
  const refused: [unknown, number][] = [
    [{ version: 1, weight: 0.5 }, 409],
    [{ version: 9, weight: 0.5 }, 404],
    [{ version: 2, weight: 1.5 }, 400],
    [{ version: 2, weight: -1 }, 400],
    [{ version: 2 }, 400],
  ];
  for (const [body, status] of refused)
    assert.equal((await call('operator', 'PUT', `${F}/hello/canary`, body)).status, status, JSON.stringify(body));
  assert.deepEqual(
    audited.slice(2).map(({ action }) => action),
    ['function.canary', 'function.canary', 'function.canary', 'function.promote'],
  );
});
