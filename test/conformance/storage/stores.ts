/** What every engine must do with all that is no function. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLine } from '../../../src/core/log-line.ts';
import {
  FILES,
  dataKey,
  deployment,
  fill,
  logLine,
  newVersion,
  open,
  openAt,
  plain,
  result,
  service,
  token,
  variable,
} from './fixtures.ts';
import type { StorageEngine } from './fixtures.ts';

export function storesConformance(engine: StorageEngine): void {
  test('deployments come newest first, and only so many stay', async (t) => {
    const { deployments } = await open(engine, t);
    for (let i = 1; i <= 110; i += 1) await deployments.put(deployment({ id: `d${i}`, createdMs: i }));
    const ended = deployment({
      id: 'd110',
      createdMs: 110,
      status: 'failed',
      error: 'no',
      log: 'a\n',
      finishedMs: 120,
    });
    await deployments.put(ended);
    await deployments.put(deployment({ id: 'd110', tenant: 'rival' }));
    const found = await deployments.list('acme', 'hello', 200);
    assert.deepEqual(plain(found[0]), ended);
    assert.deepEqual([found.length, found.at(-1)?.id], [100, 'd11']);
    assert.deepEqual(await deployments.list('rival', 'hello', 200), []);
  });

  test('what a process left running when it died can be failed by the next', async (t) => {
    const place = await engine.place(t);
    const first = await openAt(engine, place);
    await first.deployments.put(deployment());
    await first.results.put(result({ status: 'running', response: null, finishedMs: null }));
    assert.equal(await first.deployments.failRunning('gone'), 0);
    assert.equal(await first.results.failRunning('INTERNAL', 'gone'), 0);
    await first.close();
    const next = await open(engine, t, place);
    assert.equal(await next.deployments.failRunning('gone'), 1);
    assert.equal(await next.results.failRunning('INTERNAL', 'gone'), 1);
    const [failed] = await next.deployments.list('acme', 'hello', 1);
    assert.deepEqual([failed?.status, failed?.error], ['failed', 'gone']);
    assert.ok(failed?.finishedMs);
    assert.deepEqual((await next.results.find('acme', 'r1'))?.fault, { code: 'INTERNAL', message: 'gone' });
  });

  test('services are unique by name and by function in their tenant', async (t) => {
    const { services } = await open(engine, t);
    await services.add(service());
    await services.add(service({ id: 's2', tenant: 'rival' }));
    await services.add(service({ id: 's3', name: 'a', functionName: 'a' }));
    await assert.rejects(services.add(service({ id: 's4', functionName: 'x' })), { code: 'CONFLICT' });
    await assert.rejects(services.add(service({ id: 's4', name: 'x' })), { code: 'CONFLICT' });
    await assert.rejects(services.update(service({ name: 'a' })), { code: 'CONFLICT' });
    const changed = service({ cpuShares: 5, publicDomain: 'a.example' });
    await services.update(changed);
    await services.update({ ...changed, tenant: 'rival', name: 'stolen' });
    assert.deepEqual(plain(await services.find('acme', 's1')), changed);
    assert.equal(await services.find('rival', 's1'), null);
    assert.deepEqual(
      (await services.list('acme', null, 9)).map(({ id }) => id),
      ['s3', 's1'],
    );
    assert.deepEqual(
      (await services.list('acme', 'a', 9)).map(({ id }) => id),
      ['s1'],
    );
    assert.equal(await services.remove('rival', 's1'), false);
    assert.equal(await services.remove('acme', 's1'), true);
  });

  test('the tenant default is there; others are created, changed and found', async (t) => {
    const { tenants } = await open(engine, t);
    assert.deepEqual(
      (await tenants.list()).map(({ name }) => name),
      ['default'],
    );
    const acme = await tenants.create('acme');
    assert.deepEqual(plain(acme.quotas), { functions: null, concurrency: null });
    await assert.rejects(tenants.create('acme'), { code: 'CONFLICT' });
    const quotas = { functions: 3, concurrency: null };
    assert.deepEqual(plain(await tenants.update('acme', { quotas, suspendedMs: 5 })), {
      ...{ name: 'acme', quotas, suspendedMs: 5, createdMs: acme.createdMs },
    });
    assert.equal((await tenants.update('acme', {}))?.suspendedMs, 5);
    assert.equal((await tenants.update('acme', { suspendedMs: null }))?.suspendedMs, null);
    assert.equal(await tenants.update('nobody', {}), null);
    assert.deepEqual(
      (await tenants.list()).map(({ name }) => name),
      ['acme', 'default'],
    );
  });

  test('a tenant that is erased leaves nothing, and takes nothing of another', async (t) => {
    const storage = await open(engine, t);
    await fill(storage, 'acme');
    await fill(storage, 'rival');
    await assert.rejects(storage.tenants.erase('default'), { code: 'CONFLICT' });
    assert.equal(await storage.tenants.erase('acme'), true);
    assert.equal(await storage.tenants.erase('acme'), false);
    const left = async (tenant: string): Promise<unknown[]> => [
      await storage.tenants.find(tenant),
      await storage.functions.find(tenant, 'hello'),
      await storage.functions.version(tenant, 'hello', 1),
      (await storage.functions.sources(tenant, 'hello', 1)).get('a.json') ?? null,
      (await storage.deployments.list(tenant, 'hello', 9))[0] ?? null,
      await storage.services.find(tenant, `s-${tenant}`),
      (await storage.tokens.list(tenant))[0] ?? null,
      (await storage.variables.list(tenant, 'hello'))[0] ?? null,
      (await storage.audit.read({ tenant, beforeId: null, limit: 9 }))[0] ?? null,
      await storage.results.find(tenant, `r-${tenant}`),
      (await storage.logs.read({ tenant, name: 'hello', afterId: null, limit: 9 }))[0] ?? null,
      (await storage.queue.counts(tenant)).waiting || null,
    ];
    assert.deepEqual(await left('acme'), Array(12).fill(null));
    assert.ok((await left('rival')).every((each) => each !== null));
  });

  test('nothing can be kept for a tenant that was erased, until it is created again', async (t) => {
    const storage = await open(engine, t);
    await fill(storage, 'acme');
    await storage.tenants.erase('acme');
    await assert.rejects(storage.functions.addVersion(newVersion(), FILES), { code: 'NOT_FOUND' });
    await assert.rejects(storage.variables.put([variable()]), { code: 'NOT_FOUND' });
    await assert.rejects(storage.services.add(service()), { code: 'NOT_FOUND' });
    await assert.rejects(storage.tokens.add(token()), { code: 'NOT_FOUND' });
    await storage.deployments.put(deployment());
    await storage.results.put(result());
    await storage.tenants.create('acme');
    assert.deepEqual(await storage.deployments.list('acme', 'hello', 9), []);
    assert.equal(await storage.results.find('acme', 'r1'), null);
    // A number that came back would bring a stale sandbox with it.
    assert.equal((await storage.functions.addVersion(newVersion({ name: 'new' }), FILES)).added.number, 3);
  });

  test('a function that is removed takes its own with it', async (t) => {
    const storage = await open(engine, t);
    await fill(storage, 'acme');
    await storage.variables.put([variable({ functionName: 'other' })]);
    assert.equal(await storage.functions.remove('acme', 'hello'), true);
    assert.deepEqual(
      (await storage.variables.list('acme', 'hello')).map(({ functionName }) => functionName),
      [null],
    );
    assert.equal((await storage.variables.list('acme', 'other')).length, 2);
    assert.deepEqual(await storage.deployments.list('acme', 'hello', 9), []);
    assert.deepEqual(await storage.services.list('acme', null, 9), []);
    assert.equal(await storage.results.find('acme', 'r-acme'), null);
    assert.deepEqual(await storage.logs.read({ tenant: 'acme', name: 'hello', afterId: null, limit: 9 }), []);
    assert.equal((await storage.logs.read({ tenant: 'acme', name: 'other', afterId: null, limit: 9 })).length, 1);
  });

  test('tokens are listed newest first, revoked once, and touched by their latest use', async (t) => {
    const { tokens } = await open(engine, t);
    await tokens.add(token());
    await tokens.add(token({ id: 't2', hash: 'bb', tenant: null, createdMs: 2, expiresMs: 1_900_000_000_000 }));
    assert.deepEqual(
      (await tokens.list(null)).map(({ id }) => id),
      ['t2', 't1'],
    );
    assert.deepEqual(plain(await tokens.list('acme')), [token()]);
    await tokens.touch(new Map([['t1', 50], ['t2', 60], ['gone', 1]])); // prettier-ignore
    await tokens.touch(new Map([['t1', 40]]));
    await tokens.touch(new Map());
    assert.deepEqual(
      (await tokens.list(null)).map(({ lastUsedMs }) => lastUsedMs),
      [60, 50],
    );
    assert.equal(await tokens.revoke('t1', 70), true);
    assert.equal(await tokens.revoke('t1', 80), false);
    assert.equal(await tokens.revoke('gone', 80), false);
    assert.equal((await tokens.list('acme'))[0]?.revokedMs, 70);
  });

  test('variables are put, read with the tenant’s own, and removed by name', async (t) => {
    const { variables } = await open(engine, t);
    const own = variable({ functionName: 'hello', isSecret: false, keyId: null, hosts: [] });
    await variables.put([variable(), own, variable({ tenant: 'rival' }), variable({ name: 'B' })]);
    await variables.put([variable({ value: Uint8Array.of(7), updatedMs: 9 })]);
    assert.deepEqual(plain(await variables.list('acme', 'hello')), [
      variable({ name: 'B' }),
      variable({ value: Uint8Array.of(7), updatedMs: 9 }),
      own,
    ]);
    assert.equal((await variables.list('acme')).length, 2);
    assert.deepEqual(await variables.remove('acme', null, ['KEY', 'NO', 'B']), ['KEY', 'B']);
    assert.deepEqual(await variables.remove('acme', 'hello', []), []);
    assert.deepEqual(plain(await variables.list('acme', 'hello')), [own]);
    assert.equal((await variables.list('rival')).length, 1);
  });

  test('values are sealed anew only where they are what was read', async (t) => {
    const { variables } = await open(engine, t);
    await variables.put([variable(), variable({ name: 'B' }), variable({ name: 'C', keyId: null })]);
    const [b, key] = plain(await variables.sealedBy('k1', 9)) as [
      ReturnType<typeof variable>,
      ReturnType<typeof variable>,
    ];
    assert.deepEqual([b.name, key.name], ['B', 'KEY']);
    assert.equal((await variables.sealedBy('k1', 1)).length, 1);
    await variables.put([variable({ name: 'B', value: Uint8Array.of(1) })]);
    const resealed = (before: typeof b): { before: typeof b; after: typeof b } => ({
      before,
      after: { ...before, keyId: 'k2', value: Uint8Array.of(4) },
    });
    assert.equal(await variables.reseal([resealed(b), resealed(key)]), 1);
    assert.deepEqual(plain(await variables.sealedBy('k2', 9)), [{ ...key, keyId: 'k2', value: Uint8Array.of(4) }]);
    assert.deepEqual(
      (await variables.sealedBy('k1', 9)).map(({ name }) => name),
      ['B'],
    );
  });

  test('data keys are kept, changed and removed', async (t) => {
    const { variables } = await open(engine, t);
    await variables.putKey(dataKey({ id: 'k2', createdMs: 2 }));
    await variables.putKey(dataKey());
    await variables.putKey(dataKey({ retiredMs: 9 }));
    assert.deepEqual(plain(await variables.keys()), [dataKey({ retiredMs: 9 }), dataKey({ id: 'k2', createdMs: 2 })]);
    await variables.removeKey('k1');
    assert.equal((await variables.keys()).length, 1);
  });

  test('audit entries come newest first, in pages, by tenant; the old ones go', async (t) => {
    const { audit } = await open(engine, t);
    const entry = { actor: 'operator', action: 'x.y', target: 'z', outcome: 'ok', details: { a: [1] } } as const;
    await audit.append([]);
    await audit.append(
      Array.from({ length: 600 }, (_, i) => ({ ...entry, timeMs: i, tenant: i % 2 === 0 ? 'acme' : null })),
    );
    const newest = await audit.read({ tenant: null, beforeId: null, limit: 2 });
    assert.deepEqual(
      newest.map(({ timeMs }) => timeMs),
      [599, 598],
    );
    assert.deepEqual(plain(newest[1]), { ...entry, timeMs: 598, tenant: 'acme', id: newest[1]!.id });
    const acme = await audit.read({ tenant: 'acme', beforeId: newest[1]!.id, limit: 1 });
    assert.deepEqual(
      acme.map(({ timeMs }) => timeMs),
      [596],
    );
    assert.equal(await audit.prune(500), 500);
    assert.equal((await audit.read({ tenant: null, beforeId: null, limit: 999 })).length, 100);
  });

  test('one of many claims of a key gets it, and the others its answer', async (t) => {
    const { idempotency } = await open(engine, t);
    const claims = await Promise.all(Array.from({ length: 8 }, () => idempotency.claim('acme', 'k', 'f', 1_000)));
    assert.deepEqual(claims.map(({ state }) => state).sort(), ['claimed', ...Array<string>(7).fill('running')]);
    assert.equal((await idempotency.claim('acme', 'k', 'other', 1_000)).state, 'mismatch');
    assert.equal((await idempotency.claim('rival', 'k', 'other', 1_000)).state, 'claimed');
    const answer = { status: 201, body: '{"a":1}', headers: { etag: '"1"' } };
    await idempotency.settle('acme', 'k', answer);
    assert.deepEqual(plain(await idempotency.claim('acme', 'k', 'f', 1_000)), { state: 'answered', answer });
    await idempotency.settle('acme', 'k', null);
    assert.equal((await idempotency.claim('acme', 'k', 'f', 1_000)).state, 'answered', 'an answer stays');
    await idempotency.settle('rival', 'k', null);
    assert.equal((await idempotency.claim('rival', 'k', 'f', 1_000)).state, 'claimed', 'it was given back');
    assert.equal(await idempotency.prune(1_001), 2);
  });

  test('a claim that a dead process left can be claimed again after a minute, one of a live process not', async (t) => {
    const place = await engine.place(t);
    const first = await openAt(engine, place);
    await first.idempotency.claim('acme', 'k', 'f', 0);
    assert.equal((await first.idempotency.claim('acme', 'k', 'f', 61_000)).state, 'running');
    await first.close();
    const next = await open(engine, t, place);
    assert.equal((await next.idempotency.claim('acme', 'k', 'f', 59_000)).state, 'running');
    assert.equal((await next.idempotency.claim('acme', 'k', 'f', 61_000)).state, 'claimed');
    assert.equal((await next.idempotency.claim('acme', 'k', 'f', 121_500)).state, 'running');
  });

  test('results come back as they were, to their own tenant only', async (t) => {
    const { results } = await open(engine, t);
    const running = result({ status: 'running', response: null, finishedMs: null });
    await results.put(running);
    assert.deepEqual(plain(await results.find('acme', 'r1')), running);
    await results.put(result());
    await results.put(result({ tenant: 'rival', response: null }));
    assert.deepEqual(plain(await results.find('acme', 'r1')), result());
    assert.equal(await results.find('rival', 'r1'), null);
    const failed = result({ id: 'r2', status: 'failed', response: null, fault: { code: 'X', message: 'a\0b' } });
    await results.put(failed);
    assert.deepEqual((await results.find('acme', 'r2'))?.fault, { code: 'X', message: 'a\ufffdb' });
    assert.equal(await results.prune(2), 2);
  });

  test('lines come back as they were: the newest without a cursor, the following with one, in order', async (t) => {
    const { logs } = await open(engine, t);
    const lines = Array.from({ length: 600 }, (_, i) =>
      logLine(i + 1, { invocation: i === 0 ? null : 'i', level: 'error' }),
    );
    await logs.append(lines);
    await logs.append([]);
    const read = async (afterId: number | null, limit: number): Promise<LogLine[]> =>
      plain(await logs.read({ tenant: 'acme', name: 'hello', afterId, limit }));
    assert.deepEqual(await read(null, 2), lines.slice(-2));
    assert.deepEqual(await read(0, 2), lines.slice(0, 2));
    assert.deepEqual(await read(599, 9), lines.slice(-1));
    assert.equal(await logs.lastId(), 600);
    await logs.remove('acme', 'other');
    assert.equal((await read(0, 999)).length, 600);
    await logs.remove('acme', 'hello');
    assert.deepEqual(await read(0, 999), []);
  });

  test('one line that a database refuses takes no other with it, and an id that is taken loses no line', async (t) => {
    const { logs } = await open(engine, t);
    const large = 2 ** 52;
    await logs.append([logLine(large), logLine(large + 1, { message: 'a\0b' })]);
    await logs.append([logLine(large, { tenant: 'rival' }), logLine(large + 1, { tenant: 'rival' })]);
    const mine = await logs.read({ tenant: 'acme', name: 'hello', afterId: null, limit: 9 });
    assert.deepEqual(
      mine.map(({ message }) => message),
      [`line ${large}`, 'a\ufffdb'],
    );
    const rivals = await logs.read({ tenant: 'rival', name: 'hello', afterId: null, limit: 9 });
    assert.deepEqual(
      rivals.map(({ id }) => id - large),
      [2, 3],
    );
  });

  test('retention takes the old lines, and the oldest of whoever has too many', async (t) => {
    const { logs } = await open(engine, t);
    assert.equal(await logs.lastId(), 0);
    await logs.append(Array.from({ length: 5000 }, (_, i) => logLine(i + 1, { timeMs: i < 4990 ? 1 : 3 })));
    await logs.append([logLine(5001, { name: 'quiet', timeMs: 3 })]);
    assert.equal(await logs.prune({ beforeMs: 2, maxLines: 4 }), 4996);
    const left = await logs.read({ tenant: 'acme', name: 'hello', afterId: 0, limit: 99 });
    assert.deepEqual(
      left.map(({ id }) => id),
      [4997, 4998, 4999, 5000],
    );
    assert.equal((await logs.read({ tenant: 'acme', name: 'quiet', afterId: 0, limit: 99 })).length, 1);
  });
}
