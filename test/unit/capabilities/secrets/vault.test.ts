import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { keyWrapper } from '../../../../src/capabilities/secrets/master-key.ts';
import type { KeyWrapper } from '../../../../src/capabilities/secrets/master-key.ts';
import { openVault } from '../../../../src/capabilities/secrets/vault.ts';
import type { Draft, Vault } from '../../../../src/capabilities/secrets/vault.ts';
import type { VariableStore } from '../../../../src/core/variable.ts';
import { memoryVariables } from '../../../support/memory-variables.ts';

const MASTER = keyWrapper(Buffer.alloc(32, 1));

const open = (
  store: VariableStore,
  master: KeyWrapper = MASTER,
  previous: readonly KeyWrapper[] = [],
): Promise<Vault> => openVault({ store, master, previous, graceMs: 0 });

const draft = (name: string, text: string, change: Partial<Draft> = {}): Draft => ({
  tenant: 'acme',
  functionName: null,
  name,
  isSecret: true,
  hosts: [],
  updatedMs: 1,
  text,
  ...change,
});

async function values(vault: Vault, store: VariableStore): Promise<Record<string, string>> {
  const rows = await store.list('acme', 'hello');
  return Object.fromEntries(await Promise.all(rows.map(async (row) => [row.name, await vault.open(row)] as const)));
}

test('a secret is sealed and opens again; what is not secret is kept as it is', async () => {
  const store = memoryVariables();
  const vault = await open(store);
  await vault.put([draft('KEY', 'grüße 🗝'), draft('EMPTY', ''), draft('SITE', 'https://a', { isSecret: false })]);
  assert.deepEqual(await values(vault, store), { KEY: 'grüße 🗝', EMPTY: '', SITE: 'https://a' });
  assert.equal(store.rows.get('acme//SITE')?.keyId, null);
  assert.equal(store.rows.get('acme//KEY')?.value[0], 1);
  assert.deepEqual(await values(await open(store), store), { KEY: 'grüße 🗝', EMPTY: '', SITE: 'https://a' });
});

test('no data key is made before there is a secret', async () => {
  const store = memoryVariables();
  const vault = await open(store);
  await vault.put([draft('SITE', 'https://a', { isSecret: false })]);
  assert.equal(store.dataKeys.size, 0);
});

test('the same value is sealed differently each time', async () => {
  const store = memoryVariables();
  const vault = await open(store);
  await vault.put([draft('A', 'same'), draft('B', 'same')]);
  assert.notDeepEqual(store.rows.get('acme//A')!.value.slice(13), store.rows.get('acme//B')!.value.slice(13));
});

test('a rotation seals everything by a new key, removes the old one, and changes nothing that is read', async () => {
  const store = memoryVariables();
  const vault = await open(store);
  const drafts = Array.from({ length: 250 }, (_, i) => draft(`S${i}`, `value ${i}`));
  await vault.put([...drafts, draft('SITE', 'https://a', { isSecret: false })]);
  const [before] = store.dataKeys.keys();
  const held = await store.list('acme');
  const rotation = await vault.rotate();
  assert.deepEqual([...store.dataKeys.keys()], [rotation.keyId]);
  assert.notEqual(rotation.keyId, before);
  assert.deepEqual([rotation.resealed, rotation.removedKeys, rotation.unreadable], [250, 1, []]);
  assert.equal((await store.sealedBy(rotation.keyId, 1000)).length, 250);
  assert.equal((await values(vault, store))['S249'], 'value 249');
  assert.equal(store.rows.get('acme//S0')?.updatedMs, 1);
  // Whoever read a row before it was sealed anew can still open it.
  assert.equal(await vault.open(held[0]!), 'value 0');
});

test('writes and reads go on during a rotation, and none is lost', async () => {
  const store = memoryVariables();
  const [vault, other] = [await open(store), await open(store)];
  await vault.put(Array.from({ length: 300 }, (_, i) => draft(`S${i}`, 'before')));
  let isOver = false;
  const rotation = Promise.all([vault.rotate(), other.rotate(), vault.rotate()]).finally(() => (isOver = true));
  for (let i = 0; !isOver; i = (i + 1) % 300) {
    await (i % 2 === 0 ? vault : other).put([draft(`S${i}`, 'during')]);
    assert.equal(Object.keys(await values(other, store)).length, 300);
    // Memory answers in microtasks, which would keep every timer waiting.
    await setImmediate();
  }
  await rotation;
  for (const row of await store.list('acme')) assert.ok(store.dataKeys.has(row.keyId!), row.name);
  assert.equal(Object.keys(await values(await open(store), store)).length, 300);
  assert.equal([...store.dataKeys.values()].filter(({ retiredMs }) => retiredMs === null).length, 1);
});

test('a write that another node’s rotation overtakes is sealed again by the new key', async () => {
  const store = memoryVariables();
  const [vault, other] = [await open(store), await open(store)];
  await vault.put([draft('A', 'first')]);
  let isOvertaken = false;
  const late = await open({
    ...store,
    async put(rows) {
      if (!isOvertaken) await other.rotate();
      isOvertaken = true;
      await store.put(rows);
    },
  });
  await late.put([draft('A', 'second')]);
  assert.ok(store.dataKeys.has(store.rows.get('acme//A')!.keyId!));
  assert.equal((await values(await open(store), store))['A'], 'second');
});

test('a row that no key opens does not stop a rotation; it is named, and its key stays', async () => {
  const store = memoryVariables();
  const vault = await open(store);
  await vault.put(Array.from({ length: 120 }, (_, i) => draft(`S${i}`, `value ${i}`)));
  for (let i = 0; i < 110; i += 1) store.rows.get(`acme//S${i}`)!.value[20]! ^= 1;
  const rotation = await vault.rotate();
  assert.deepEqual([rotation.resealed, rotation.removedKeys, rotation.unreadable.length], [10, 0, 110]);
  assert.ok(rotation.unreadable.includes('acme/S109'));
  assert.equal(store.dataKeys.size, 2);
  await assert.rejects(values(vault, store), {
    code: 'INTERNAL',
    message: /The secret acme\/S0 can't be opened.*Set it again/,
  });
});

test('with the master key before it, a new one wraps the data keys, and then is enough', async () => {
  const store = memoryVariables();
  await (await open(store)).put([draft('A', 'value')]);
  const next = keyWrapper(Buffer.alloc(32, 2));
  await assert.rejects(open(store, next), { name: 'StartError', message: /CORDON_PREVIOUS_MASTER_KEY_FILE/ });
  await open(store, next, [MASTER]);
  assert.deepEqual(await values(await open(store, next), store), { A: 'value' });
  await assert.rejects(open(store), { name: 'StartError' });
});

test('a program may bring a key service of its own', async () => {
  const store = memoryVariables();
  const calls: string[] = [];
  const service: KeyWrapper = {
    id: 'kms/1',
    wrap: async (dataKey) => (calls.push('wrap'), Buffer.from(dataKey).reverse()),
    unwrap: async (sealed) => (calls.push('unwrap'), Buffer.from(sealed).reverse()),
  };
  await (await open(store, service)).put([draft('A', 'value')]);
  const vault = await open(store, service);
  assert.deepEqual(await values(vault, store), { A: 'value' });
  assert.deepEqual(calls, ['wrap', 'unwrap']);
  const wrong: KeyWrapper = { ...service, unwrap: async () => Buffer.alloc(32) };
  await assert.rejects(open(store, wrong), { name: 'StartError', message: /is not the key that it is said to be/ });
});
