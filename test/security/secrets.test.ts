/** Attacks on secrets at rest and on their way into what people read. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { keyWrapper, loadMasterKey } from '../../src/capabilities/secrets/master-key.ts';
import { Variables } from '../../src/capabilities/secrets/variables.ts';
import { openVault } from '../../src/capabilities/secrets/vault.ts';
import type { LogLine } from '../../src/core/log-line.ts';
import type { StoredVariable } from '../../src/core/variable.ts';
import { createLogs } from '../../src/observe/logs.ts';
import { createOutput } from '../../src/observe/output.ts';
import { makeVersion } from '../support/calls.ts';
import { memoryVariables, type MemoryVariables } from '../support/memory-variables.ts';

const MASTER = keyWrapper(Buffer.alloc(32, 1));
const VALUE = 'hunter2-hunter2';
const BOUND = 'sk_live_bound_to_its_host';

interface Bench {
  readonly store: MemoryVariables;
  readonly variables: Variables;
}

async function open(store: MemoryVariables = memoryVariables()): Promise<Bench> {
  const vault = await openVault({ store, master: MASTER, graceMs: 0 });
  return { store, variables: new Variables({ store, vault, platform: {} }) };
}

/** Acme's two secrets, and one of its function's. */
async function withSecrets(): Promise<Bench> {
  const bench = await open();
  const secret = { isSecret: true, hosts: [] };
  await bench.variables.set('acme', null, [
    { ...secret, name: 'KEY', value: VALUE },
    { ...secret, name: 'BOUND', value: BOUND, hosts: ['api.example.com'] },
  ]);
  await bench.variables.set('acme', 'hello', [{ ...secret, name: 'OWN', value: VALUE }]);
  return bench;
}

const refusesToOpen = async (store: MemoryVariables, tenant: string, what: string): Promise<void> => {
  const { variables } = await open(store);
  await assert.rejects(
    variables.resolve(tenant, 'hello', {}, null),
    (error: Error) => /can't be opened/.test(error.message) && !error.message.includes('hunter2'),
    what,
  );
};

test('attack: a sealed value is copied to another tenant, function or name of the attacker’s', async () => {
  const places: [string, Partial<StoredVariable>][] = [
    ['rival', { tenant: 'rival' }],
    ['acme', { name: 'SHOWN' }],
    ['acme', { functionName: 'hello' }],
    ['rival', { tenant: 'rival', functionName: 'hello', name: 'KEY' }],
  ];
  for (const [tenant, place] of places) {
    const { store } = await withSecrets();
    await store.put([{ ...store.rows.get('acme//KEY')!, ...place }]);
    await refusesToOpen(store, tenant, JSON.stringify(place));
  }
});

test('attack: a secret that is bound to a host is given the attacker’s host, or none, in the database', async () => {
  for (const hosts of [['evil.example'], ['api.example.com', 'evil.example'], []]) {
    const { store } = await withSecrets();
    await store.put([{ ...store.rows.get('acme//BOUND')!, hosts }]);
    await refusesToOpen(store, 'acme', JSON.stringify(hosts));
  }
});

test('attack: a secret is passed off as no secret, to have it listed or logged', async () => {
  const { store } = await withSecrets();
  await store.put([{ ...store.rows.get('acme//KEY')!, isSecret: false }]);
  const { variables } = await open(store);
  const [, key] = await variables.list('acme', null);
  assert.deepEqual([key?.name, key?.value], ['KEY', null]);
  assert.ok((await variables.resolve('acme', 'hello', {}, null)).secrets.includes(VALUE));
});

test('attack: bits of the sealed value are flipped, or it is cut', async () => {
  const { store } = await withSecrets();
  const row = structuredClone(store.rows.get('acme//KEY')!);
  for (let index = 0; index < row.value.length; index += 1) {
    const value = Uint8Array.from(row.value);
    value[index]! ^= 1 << (index % 8);
    await store.put([{ ...row, value }]);
    await refusesToOpen(store, 'acme', `byte ${index}`);
  }
  for (const length of [0, 1, 12, 28, row.value.length - 1]) {
    await store.put([{ ...row, value: row.value.subarray(0, length) }]);
    await refusesToOpen(store, 'acme', `${length} bytes`);
  }
});

test('attack: the keys of two rows are exchanged', async () => {
  const { store } = await withSecrets();
  const before = [...store.dataKeys.values()][0]!;
  const { variables } = await open(store);
  await variables.rotate();
  const after = [...store.dataKeys.values()][0]!;
  await store.putKey({ ...after, sealed: before.sealed });
  await assert.rejects(open(store), { name: 'StartError', message: /is not the key that it is said to be/ });
});

test('attack: another master key is put in place; Cordon says so and does not go on with garbage', async () => {
  const { store } = await withSecrets();
  const other = keyWrapper(Buffer.alloc(32, 2));
  const start = (master: typeof MASTER): Promise<unknown> => openVault({ store, master });
  await assert.rejects(start(other), (error: Error) => {
    assert.equal(error.name, 'StartError');
    assert.match(
      error.message,
      new RegExp(`sealed by the master key ${MASTER.id}, but this is the master key ${other.id}`),
    );
    return true;
  });
  // The same by a row that claims to be the other key's.
  const [key] = store.dataKeys.values();
  await store.putKey({ ...key!, masterKeyId: other.id });
  await assert.rejects(start(other), { name: 'StartError', message: /can't be opened by the master key/ });
});

test('attack: the database is exported, or its file is stolen', async () => {
  const { store } = await withSecrets();
  const stolen = store.dump();
  assert.match(stolen, /BOUND/);
  for (const value of [VALUE, BOUND]) {
    const forms = [value, Buffer.from(value).toString('base64').slice(0, 16), Buffer.from(value).toString('hex')];
    for (const form of forms) assert.ok(!stolen.includes(form), form);
  }
  for (const key of store.dataKeys.values()) assert.equal(key.sealed.length, 1 + 12 + 16 + 32);
});

test('attack: the data directory is copied; the master key is not in it', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'cordon-secrets-'));
  t.after(() => rmSync(root, { recursive: true }));
  const dataDir = join(root, 'data');
  mkdirSync(dataDir);
  const { path } = loadMasterKey({ key: null, file: null, dataDir });
  assert.ok(path !== null && existsSync(path) && !path.startsWith(`${dataDir}/`));
  assert.deepEqual(readdirSync(dataDir, { recursive: true }), []);
  assert.equal(Buffer.from(readFileSync(path, 'utf8'), 'base64').length, 32);
});

test('attack: secrets are fished for in listings and errors', async () => {
  const { variables } = await withSecrets();
  const listed = JSON.stringify([await variables.list('acme', null), await variables.list('acme', 'hello')]);
  assert.match(listed, /KEY.*OWN/);
  assert.doesNotMatch(listed, /hunter2|sk_live/);
  const change = { name: 'KEY', value: `${VALUE}\0`, isSecret: true, hosts: ['*'] };
  await assert.rejects(variables.set('acme', null, [change]), (error: Error) => {
    assert.doesNotMatch(`${error.message} ${JSON.stringify(error)} ${error.stack}`, /hunter2/);
    return true;
  });
});

test('attack: a function prints its secrets, in every dress', async (t) => {
  const { variables } = await withSecrets();
  const lines = await printed(t, await variables.resolve('acme', 'hello', {}, null), (env) => [
    env['KEY']!,
    JSON.stringify(env),
    `Basic ${Buffer.from(`user:${env['KEY']}`).toString('base64')}`,
    encodeURIComponent(`${env['KEY']} ${BOUND}`),
    Buffer.from(env['OWN']!).toString('hex'),
    `Error: connect to https://${env['KEY']}@db.example\n    at handler (index.ts:1:1)`,
    `${'.'.repeat(8_180)}${env['KEY']}`,
    // What it should not know, but a host that echoes may have told it.
    BOUND,
  ]);
  assert.equal(lines.kept.length, 8);
  for (const text of [...lines.kept, lines.stdout]) {
    assert.doesNotMatch(text, /hunter|sk_live|68756e746572/);
    assert.ok(!text.includes(Buffer.from('hunter2-hunter').toString('base64').slice(2, 14)));
  }
});

test('attack: a function without a grant asks for a secret of its tenant', async () => {
  const { variables } = await withSecrets();
  const { env, secrets, boundSecrets } = await variables.resolve('acme', 'hello', {}, []);
  assert.deepEqual(env, { OWN: VALUE });
  assert.deepEqual([secrets, boundSecrets], [[VALUE], []]);
});

test('attack: a function reads the environment for a secret that is bound to a host, and finds a placeholder', async () => {
  const { variables } = await withSecrets();
  const { env } = await variables.resolve('acme', 'hello', {}, null);
  assert.match(env['BOUND']!, /^cordon-secret-[A-Za-z0-9_-]{24}$/);
  assert.ok(!JSON.stringify(env).includes(BOUND));
});

async function printed(
  t: TestContext,
  environment: Awaited<ReturnType<Variables['resolve']>>,
  print: (env: Readonly<Record<string, string>>) => string[],
): Promise<{ kept: string[]; stdout: string }> {
  const stdout = new PassThrough();
  const output = createOutput(stdout);
  const table: LogLine[] = [];
  const logs = await createLogs({
    stdout: output,
    retentionDays: 1,
    store: {
      append: async (lines) => void table.push(...lines),
      read: async () => table,
      lastId: async () => 0,
      prune: async () => 0,
    },
  });
  t.after(() => logs.close());
  const version = makeVersion('hello', environment);
  for (const message of print(environment.env)) logs.write(version, 'i1', { level: 'info', message, timeMs: 0 });
  await logs.flush();
  output.flush();
  return { kept: table.map(({ message }) => message), stdout: String(stdout.read()) };
}
