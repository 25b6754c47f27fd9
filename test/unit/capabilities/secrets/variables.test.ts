import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyWrapper } from '../../../../src/capabilities/secrets/master-key.ts';
import type { VariableChange } from '../../../../src/capabilities/secrets/variable-rules.ts';
import { Variables } from '../../../../src/capabilities/secrets/variables.ts';
import { openVault } from '../../../../src/capabilities/secrets/vault.ts';
import { memoryVariables } from '../../../support/memory-variables.ts';
import type { MemoryVariables } from '../../../support/memory-variables.ts';

interface Bench {
  readonly variables: Variables;
  readonly store: MemoryVariables;
  /** How often the store was asked for a list. */
  readonly lists: () => number;
}

async function start(platform: Record<string, string> = {}): Promise<Bench> {
  const store = memoryVariables();
  let lists = 0;
  const counted = {
    ...store,
    list: (...args: Parameters<MemoryVariables['list']>) => ((lists += 1), store.list(...args)),
  };
  const vault = await openVault({ store: counted, master: keyWrapper(Buffer.alloc(32, 1)), graceMs: 0 });
  return { variables: new Variables({ store: counted, vault, platform }), store, lists: () => lists };
}

const plain = (name: string, value: string): VariableChange => ({ name, value, isSecret: false, hosts: [] });
const secret = (name: string, value: string, hosts: readonly string[] = []): VariableChange => ({
  name,
  value,
  isSecret: true,
  hosts,
});

const refuses = async (change: VariableChange, message: RegExp): Promise<void> => {
  const { variables } = await start();
  await assert.rejects(variables.set('acme', null, [change]), { code: 'BAD_REQUEST', message });
};

test('the version’s variables win over the function’s, those over the tenant’s, and those over the platform’s', async () => {
  const { variables } = await start({ A: 'platform', B: 'platform', C: 'platform', D: 'platform' });
  await variables.set('acme', null, [plain('A', 'tenant'), plain('B', 'tenant'), plain('C', 'tenant')]);
  await variables.set('acme', 'hello', [plain('A', 'function'), plain('B', 'function')]);
  const { env } = await variables.resolve('acme', 'hello', { A: 'version' }, null);
  assert.deepEqual(env, { A: 'version', B: 'function', C: 'tenant', D: 'platform' });
});

test('a grant narrows what comes from the platform and the tenant, and nothing else', async () => {
  const { variables } = await start({ P1: '1', P2: '2' });
  await variables.set('acme', null, [plain('T1', '1'), secret('T2', 'tenant secret')]);
  await variables.set('acme', 'hello', [plain('F', '1')]);
  const resolved = await variables.resolve('acme', 'hello', { V: '1' }, ['P1', 'T1', 'ABSENT']);
  assert.deepEqual(resolved.env, { P1: '1', T1: '1', F: '1', V: '1' });
  assert.deepEqual(resolved.secrets, []);
  assert.deepEqual((await variables.resolve('acme', 'hello', {}, [])).env, { F: '1' });
});

test('nothing of another tenant or another function is in it', async () => {
  const { variables } = await start();
  await variables.set('rival', null, [plain('R', '1')]);
  await variables.set('rival', 'hello', [plain('RF', '1')]);
  await variables.set('acme', 'other', [plain('O', '1')]);
  assert.deepEqual((await variables.resolve('acme', 'hello', {}, null)).env, {});
});

test('values are passed verbatim', async () => {
  const { variables } = await start();
  const value = ' two\r\nlines "$HOME" \u{1F5DD} \\n ';
  await variables.set('acme', null, [secret('S', value), plain('P', value), plain('E', '')]);
  assert.deepEqual((await variables.resolve('acme', 'hello', {}, null)).env, { S: value, P: value, E: '' });
});

test('the secrets that a version is given are named for redaction, once, and those that are overridden are not', async () => {
  const { variables } = await start();
  await variables.set('acme', null, [secret('A', 'value-a'), secret('B', 'value-a'), secret('C', 'value-c')]);
  const { secrets } = await variables.resolve('acme', 'hello', { C: 'mine' }, null);
  assert.deepEqual(secrets, ['value-a']);
});

test('a secret that is bound to hosts is a placeholder, the same for the same value', async () => {
  const { variables } = await start();
  await variables.set('acme', null, [secret('TOKEN', 'tk_live_1', ['API.example.com', '*.cdn.io'])]);
  const first = await variables.resolve('acme', 'hello', {}, null);
  const placeholder = first.env['TOKEN']!;
  assert.match(placeholder, /^cordon-secret-[A-Za-z0-9_-]{24}$/);
  assert.deepEqual(first.boundSecrets, [{ placeholder, value: 'tk_live_1', hosts: ['api.example.com', '*.cdn.io'] }]);
  assert.deepEqual(first.secrets, ['tk_live_1']);
  variables.forget('acme');
  assert.equal((await variables.resolve('acme', 'other', {}, null)).env['TOKEN'], placeholder);
  await variables.set('acme', null, [secret('TOKEN', 'tk_live_2', ['api.example.com'])]);
  assert.notEqual((await variables.resolve('acme', 'hello', {}, null)).env['TOKEN'], placeholder);
  await variables.set('rival', null, [secret('TOKEN', 'tk_live_1', ['API.example.com', '*.cdn.io'])]);
  assert.notEqual((await variables.resolve('rival', 'hello', {}, null)).env['TOKEN'], placeholder);
});

test('a list has no value of a secret', async () => {
  const { variables } = await start();
  await variables.set('acme', null, [secret('S', 'hidden'), plain('P', 'shown')]);
  await variables.set('acme', 'hello', [plain('F', 'function')]);
  const listed = await variables.list('acme', null);
  assert.deepEqual(
    listed.map(({ name, value, isSecret }) => [name, value, isSecret]),
    [
      ['P', 'shown', false],
      ['S', null, true],
    ],
  );
  assert.deepEqual(
    (await variables.list('acme', 'hello')).map(({ name }) => name),
    ['F'],
  );
});

test('removing says what was there', async () => {
  const { variables } = await start();
  await variables.set('acme', null, [plain('A', '1'), plain('B', '1')]);
  assert.deepEqual(await variables.remove('acme', null, ['A', 'ABSENT']), ['A']);
  assert.deepEqual((await variables.resolve('acme', 'hello', {}, null)).env, { B: '1' });
});

test('a tenant is read once for all its functions, and again after a change', async () => {
  const { variables, lists } = await start();
  await variables.set('acme', null, [plain('A', '1')]);
  await variables.set('acme', 'f1', [plain('B', '1')]);
  const before = lists();
  await Promise.all(['f1', 'f2', 'f3', 'f1'].map((name) => variables.resolve('acme', name, {}, null)));
  assert.equal(lists() - before, 2, 'the tenant, and the one function that has variables of its own');
  await variables.resolve('acme', 'f1', {}, null);
  assert.equal(lists() - before, 2);
  await variables.set('acme', null, [plain('A', '2')]);
  assert.equal((await variables.resolve('acme', 'f1', {}, null)).env['A'], '2');
});

test('a store that failed once is asked again', async () => {
  const { variables, store } = await start();
  await variables.set('acme', null, [secret('A', 'value')]);
  const row = store.rows.get('acme//A')!;
  const good = row.value[30]!;
  row.value[30] = good ^ 1;
  await assert.rejects(variables.resolve('acme', 'hello', {}, null), /The secret acme\/A can't be opened/);
  row.value[30] = good;
  assert.equal((await variables.resolve('acme', 'hello', {}, null)).env['A'], 'value');
});

test('names that no environment can have, and Cordon’s own, are refused', async () => {
  for (const name of ['', '1A', 'A-B', 'A B', 'Ä', '__proto__', 'A'.repeat(129)])
    await refuses(plain(name, 'x'), /not a name/);
  for (const name of ['CORDON_X', 'cordon_x']) await refuses(plain(name, 'x'), /Cordon’s own/);
  await (await start()).variables.set('acme', null, [plain('constructor', 'x'), plain('A'.repeat(128), 'x')]);
});

test('values that are too long or can’t be in an environment are refused without being shown', async () => {
  await refuses(secret('A', 'x'.repeat(65_537)), /^"A": its value has 65537 bytes, but may have 65536$/);
  await refuses(secret('A', 'é'.repeat(32_769)), /65538 bytes/);
  await refuses(secret('A', 'hunter2\0'), /^"A": its value has a NUL character/);
  await refuses(secret('A', 'hunter2\ud800'), /^"A": its value is not well-formed Unicode$/);
});

test('hosts are names, of secrets that can stand in a header', async () => {
  await refuses({ ...plain('A', 'x'), hosts: ['a.io'] }, /only a secret/);
  for (const host of ['*', '', 'a b', 'a.io/path', '*.*.io', 'http://'])
    await refuses(secret('A', 'x', [host]), /is not a host/);
  await refuses(
    secret(
      'A',
      'x',
      Array.from({ length: 21 }, (_, i) => `h${i}.io`),
    ),
    /bound to 21 hosts/,
  );
  for (const value of ['a\r\nx-evil: 1', '🗝', ''])
    await refuses(secret('A', value, ['a.io']), /must be able to stand in a header/);
});

test('a name that is there twice is refused', async () => {
  const { variables } = await start();
  await assert.rejects(variables.set('acme', null, [plain('A', '1'), plain('A', '2')]), /"A": named twice/);
});

test('a function and a tenant have room for 200 variables and 256 KB each, also for changes that come at once', async () => {
  const { variables, store } = await start();
  const many = (from: number, count: number): VariableChange[] =>
    Array.from({ length: count }, (_, i) => plain(`V${from + i}`, 'x'));
  const results = await Promise.allSettled(
    [0, 100, 200, 300].map((from) => variables.set('acme', 'hello', many(from, 100))),
  );
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
  assert.equal(store.rows.size, 200);
  await variables.set('acme', 'hello', [plain('V1', 'again')]);
  await assert.rejects(variables.set('acme', 'hello', many(999, 1)), {
    code: 'QUOTA_EXCEEDED',
    message: /201 variables, but may have 200/,
  });
  await variables.set('acme', null, many(0, 200));
  const large = ['A', 'B', 'C', 'D', 'E'].map((name) => plain(name, 'x'.repeat(64 * 1024)));
  await assert.rejects(variables.set('rival', null, large), {
    code: 'QUOTA_EXCEEDED',
    message: /327680 bytes, but may take 262144/,
  });
});
