import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { after, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Client } from 'pg';
import type { QueryResult } from 'pg';
import { StartError } from '../../../src/core/start-error.ts';
import { openPostgresStorage } from '../../../src/storage/postgres-storage.ts';
import type { Change, Storage } from '../../../src/storage/storage.ts';
import { FILES, deployment, fill, newVersion, plain, token, variable } from '../../conformance/storage/fixtures.ts';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';

// Held, so that the cluster stays for all tests of this file.
const postgres = await startPostgres();
after(() => postgres?.stop());
const options = postgres === null ? { skip: NO_POSTGRES } : {};

async function database(t: TestContext): Promise<string> {
  const { url, stop } = (await startPostgres())!;
  t.after(stop);
  return url;
}

async function open(t: TestContext, url: string): Promise<Storage> {
  const storage = await openPostgresStorage(url);
  t.after(() => storage.close());
  return storage;
}

async function query(url: string, text: string): Promise<QueryResult> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

const refusedWith =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof StartError && pattern.test(error.message);

test('what can’t be reached is refused with its address, and without its password', async () => {
  await assert.rejects(openPostgresStorage('postgres://me:hush@127.0.0.1:1/cordon?password=hush'), (error) => {
    assert.ok(error instanceof StartError);
    assert.match(
      error.message,
      /^postgres:\/\/me@127\.0\.0\.1:1\/cordon can't be opened: PostgreSQL says ".*ECONNREFUSED/,
    );
    assert.ok(!error.message.includes('hush'));
    return true;
  });
  await assert.rejects(openPostgresStorage('mysql://x'), refusedWith(/begins with postgres:/));
});

test('a database that is not in UTF-8 is refused', options, async (t) => {
  const url = await database(t);
  const name = 'latin';
  await query(url, `create database ${name} encoding 'LATIN1' locale 'C' template template0`);
  t.after(() => query(postgres!.url, `drop database ${name}`));
  await assert.rejects(openPostgresStorage(url.replace(/[^/]+$/, name)), refusedWith(/encoding is LATIN1/));
});

test('a schema from the future is refused', options, async (t) => {
  const url = await database(t);
  await (await openPostgresStorage(url)).close();
  await query(url, `insert into cordon_migration (name, timestamp) values ('9999_tomorrow', '')`);
  await assert.rejects(openPostgresStorage(url), refusedWith(/later Cordon \(9999_tomorrow\)/));
});

test('several nodes may start at once on an empty database', options, async (t) => {
  const url = await database(t);
  const nodes = await Promise.all(Array.from({ length: 4 }, () => open(t, url)));
  for (const { tenants } of nodes) assert.equal((await tenants.list()).length, 1);
});

test('tables of the same names in another schema are another’s', options, async (t) => {
  const url = await database(t);
  await query(
    url,
    `create schema other; create table other.cordon_migration (name text); create table other.functions (id int)`,
  );
  const { functions } = await open(t, url);
  await functions.addVersion(newVersion(), FILES);
  await (await open(t, url)).functions.addVersion(newVersion(), FILES);
});

test('versions that two nodes add at the same time get a number each', options, async (t) => {
  const url = await database(t);
  const nodes = [await open(t, url), await open(t, url)];
  const added = await Promise.all(
    Array.from({ length: 20 }, (_, i) => nodes[i % 2]!.functions.addVersion(newVersion(), FILES)),
  );
  assert.deepEqual(
    added.map((each) => each.added.number).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  const record = await nodes[0]!.functions.find('acme', 'hello');
  assert.deepEqual([record?.live?.number, record?.revision], [20, 20]);
});

test('of changes that two nodes make of one revision, one is refused', options, async (t) => {
  const url = await database(t);
  const nodes = [await open(t, url), await open(t, url)];
  await nodes[0]!.functions.addVersion(newVersion(), FILES);
  const outcomes = await Promise.allSettled(
    nodes.map(({ functions }) => functions.change('acme', 'hello', { active: false }, 1)),
  );
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const domain = { publicDomain: 'one.example' };
  await nodes[0]!.functions.addVersion(newVersion({ tenant: 'rival' }), FILES);
  const claims = await Promise.allSettled([
    nodes[0]!.functions.change('acme', 'hello', domain, null),
    nodes[1]!.functions.change('rival', 'hello', domain, null),
  ]);
  const refused = claims.filter((claim) => claim.status === 'rejected');
  assert.deepEqual(
    refused.map(({ reason }) => (reason as { code: string }).code),
    ['CONFLICT'],
  );
});

test('of one key that two nodes claim, one gets it', options, async (t) => {
  const url = await database(t);
  const nodes = [await open(t, url), await open(t, url)];
  const claims = await Promise.all(
    Array.from({ length: 20 }, (_, i) => nodes[i % 2]!.idempotency.claim('acme', 'k', 'f', 1)),
  );
  assert.equal(claims.filter(({ state }) => state === 'claimed').length, 1);
});

test('a tenant that is erased while others write for it leaves nothing', options, async (t) => {
  const url = await database(t);
  const nodes = [await open(t, url), await open(t, url)];
  await fill(nodes[0]!, 'acme');
  const writes = Array.from({ length: 20 }, (_, i) =>
    nodes[1]!.functions.addVersion(newVersion({ name: `f${i % 3}` }), FILES),
  );
  const [erased] = await Promise.all([nodes[0]!.tenants.erase('acme'), Promise.allSettled(writes)]);
  assert.equal(erased, true);
  for (const table of ['functions', 'versions', 'sources', 'variables', 'logs', 'audit', 'tokens']) {
    const { rows } = await query(url, `select count(*)::int as count from ${table} where tenant = 'acme'`);
    assert.equal((rows[0] as { count: number }).count, 0, table);
  }
});

test('what a live node runs is not failed by another that starts', options, async (t) => {
  const url = await database(t);
  const first = await openPostgresStorage(url);
  await first.deployments.put(deployment());
  await first.idempotency.claim('acme', 'k', 'f', 0);
  const second = await open(t, url);
  assert.equal(await second.deployments.failRunning('gone'), 0);
  assert.equal((await second.idempotency.claim('acme', 'k', 'f', 61_000)).state, 'running');
  await first.close();
  assert.equal(await second.deployments.failRunning('gone'), 1);
});

/** The changes that a storage is told of, one after the other. */
function changesOf({ changes }: Storage): () => Promise<Change> {
  const told: Change[] = [];
  let wake: (() => void) | undefined;
  changes.subscribe((change) => {
    told.push(change);
    wake?.();
  });
  return async () => {
    if (told.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return told.shift()!;
  };
}

test('a node is told of what others change, when it is done, and not of its own', options, async (t) => {
  const url = await database(t);
  const [mine, other] = [await open(t, url), await open(t, url)];
  await mine.tenants.create('acme');
  const next = changesOf(mine);
  const target = { tenant: 'acme', name: 'hello' };
  const { functions, variables, tokens, tenants } = other;
  await mine.functions.addVersion(newVersion({ name: 'mine' }), FILES);
  await assert.rejects(functions.addVersion(newVersion(), new Map([['a', null as unknown as Uint8Array]])));
  await functions.addVersion(newVersion(), FILES);
  assert.deepEqual(await next(), { kind: 'function', ...target });
  await functions.change('acme', 'hello', { active: false }, null);
  assert.deepEqual(await next(), { kind: 'function', ...target });
  await variables.put([variable(), variable({ name: 'B' })]);
  assert.deepEqual(await next(), { kind: 'variables', tenant: 'acme', name: null });
  await variables.remove('acme', null, ['B', 'none']);
  assert.deepEqual(await next(), { kind: 'variables', tenant: 'acme', name: null });
  const [before] = await variables.sealedBy('k1', 9);
  await variables.reseal([{ before: before!, after: { ...before!, keyId: 'k2' } }]);
  assert.deepEqual(await next(), { kind: 'variables', tenant: 'acme', name: null });
  await tokens.add(token());
  assert.deepEqual(await next(), { kind: 'tokens' });
  await tokens.revoke('t1', 5);
  assert.deepEqual(await next(), { kind: 'tokens' });
  await tenants.update('acme', { suspendedMs: 5 });
  assert.deepEqual(await next(), { kind: 'tenants' });
  await functions.remove('acme', 'hello');
  assert.deepEqual(await next(), { kind: 'function', ...target });
  assert.deepEqual(await next(), { kind: 'variables', ...target });
  await tenants.erase('acme');
  assert.deepEqual(await next(), { kind: 'all' });
  assert.equal(mine.changes.staleMs(), 0);
});

test('what another Cordon says and this one does not understand may mean anything', options, async (t) => {
  const url = await database(t);
  const next = changesOf(await open(t, url));
  for (const payload of ['', 'null', '{"node":1,"change":{"kind":"weather"}}', '{"node":1}']) {
    await query(url, `select pg_notify('cordon_changes', '${payload}')`);
    assert.deepEqual(await next(), { kind: 'all' }, payload);
  }
});

test('a listener that lost its connection says `all` when it is back', options, async (t) => {
  const url = await database(t);
  const storage = await open(t, url);
  const next = changesOf(storage);
  await query(url, `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cordon'`);
  assert.deepEqual(await next(), { kind: 'all' });
  assert.equal(storage.changes.staleMs(), 0);
  const other = await open(t, url);
  await other.tenants.create('acme');
  assert.deepEqual(await next(), { kind: 'tenants' });
  assert.equal((await storage.tenants.list()).length, 2, 'queries find another connection');
});

test('a feed that hears nothing grows stale, and recovers', { ...options, timeout: 40_000 }, async (t) => {
  const url = new URL(await database(t));
  const far = { host: url.hostname, port: Number(url.port) };
  const relay = await startRelay(t, far);
  url.port = String(relay.port);
  const storage = await open(t, url.href);
  const next = changesOf(storage);
  // The connection stays and says nothing, as behind a firewall that has forgotten it.
  relay.freeze();
  await waitUntil(() => storage.changes.staleMs() > 4_000);
  relay.thaw();
  assert.deepEqual(plain(await next()), { kind: 'all' });
  assert.equal(storage.changes.staleMs(), 0);
});

interface Relay {
  readonly port: number;
  freeze(): void;
  /** For new connections; those that were frozen stay so. */
  thaw(): void;
}

async function startRelay(t: TestContext, far: { host: string; port: number }): Promise<Relay> {
  const sockets = new Set<Socket>();
  let isFrozen = false;
  const server = createServer((near) => {
    const there = connect(far);
    for (const socket of [near, there]) sockets.add(socket.on('error', () => socket.destroy()));
    near.on('close', () => there.destroy());
    there.on('close', () => near.destroy());
    if (isFrozen) return;
    near.pipe(there).pipe(near);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      isFrozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    thaw() {
      isFrozen = false;
    },
  };
}

async function waitUntil(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 50));
}
