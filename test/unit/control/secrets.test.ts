import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { keyWrapper } from '../../../src/capabilities/secrets/master-key.ts';
import { Variables } from '../../../src/capabilities/secrets/variables.ts';
import { openVault } from '../../../src/capabilities/secrets/vault.ts';
import { addSecrets, type SecretsDeps } from '../../../src/control/secrets.ts';
import type { AuditEntry } from '../../../src/core/audit.ts';
import type { FunctionRecord } from '../../../src/core/function-record.ts';
import { memoryVariables, type MemoryVariables } from '../../support/memory-variables.ts';
import { startOperatorServer, type Answer } from './operator-server.ts';

const OF_TENANT = '/api/v1/secrets';
const OF_FUNCTION = '/api/v1/functions/hello/secrets';
const VALUE = 'hunter2-hunter2';

interface Bench {
  readonly store: MemoryVariables;
  readonly variables: Variables;
  readonly audited: Omit<AuditEntry, 'timeMs'>[];
  /** `tenant` or `tenant/function`, in the order of the changes. */
  readonly changes: string[];
  readonly reported: readonly unknown[];
  call(as: string, method: string, path: string, body?: unknown): Promise<Answer>;
}

async function open(t: TestContext, options: Partial<SecretsDeps> = {}): Promise<Bench> {
  const store = memoryVariables();
  const vault = await openVault({ store, master: keyWrapper(Buffer.alloc(32, 1)), graceMs: 0 });
  const variables = new Variables({ store, vault, platform: {} });
  const audited: Bench['audited'] = [];
  const changes: string[] = [];
  const quotas = { functions: null, concurrency: null };
  const { call, close, reported } = await startOperatorServer((app) =>
    addSecrets(app, {
      variables,
      functions: {
        find: async (tenant, name) => (name === 'hello' ? ({ tenant, name } as unknown as FunctionRecord) : null),
      },
      tenants: {
        find: async (name) =>
          ['acme', 'default', 'rival'].includes(name) ? { name, quotas, suspendedMs: null, createdMs: 0 } : null,
      },
      audit: { record: (entry) => void audited.push(entry) },
      changed: (tenant, name) => void changes.push(name === null ? tenant : `${tenant}/${name}`),
      ...options,
    }),
  );
  t.after(close);
  return { store, variables, audited, changes, reported, call };
}

const put = (...variables: Record<string, unknown>[]): unknown => ({ variables });

test('a secret goes in, is listed masked with the time of its change, and never comes back', async (t) => {
  const { call, variables } = await open(t);
  const answer = await call(
    'acme',
    'PUT',
    OF_TENANT,
    put({ name: 'KEY', value: VALUE }, { name: 'SITE', value: 'a', secret: false }),
  );
  assert.equal(answer.status, 200);
  const listed = await call('acme', 'GET', OF_TENANT);
  assert.deepEqual(listed.body, answer.body);
  const [key, site] = listed.body.variables;
  assert.deepEqual({ ...key, updatedAt: '' }, { name: 'KEY', value: '••••', secret: true, hosts: [], updatedAt: '' });
  assert.ok(Math.abs(Date.parse(key.updatedAt) - Date.now()) < 60_000);
  assert.equal(site.value, 'a');
  assert.deepEqual((await variables.resolve('acme', 'hello', {}, null)).env, { KEY: VALUE, SITE: 'a' });
});

test('a function has its own, and the tenant’s are not among them', async (t) => {
  const { call } = await open(t);
  await call('acme', 'PUT', OF_TENANT, put({ name: 'T', value: 'x' }));
  await call('acme', 'PUT', OF_FUNCTION, put({ name: 'F', value: 'x', hosts: ['API.example.com'] }));
  const { body } = await call('acme', 'GET', OF_FUNCTION);
  assert.deepEqual(
    body.variables.map((variable: Record<string, unknown>) => [variable['name'], variable['hosts']]),
    [['F', ['api.example.com']]],
  );
});

test('removing says what was there', async (t) => {
  const { call, changes } = await open(t);
  await call('acme', 'PUT', OF_FUNCTION, put({ name: 'A', value: 'x' }, { name: 'B', value: 'x' }));
  const removed = await call('acme', 'DELETE', OF_FUNCTION, { names: ['A', 'ABSENT'] });
  assert.deepEqual([removed.status, removed.body], [200, { removed: ['A'] }]);
  assert.deepEqual((await call('acme', 'DELETE', OF_FUNCTION, { names: ['A'] })).body, { removed: [] });
  assert.deepEqual(changes, ['acme/hello', 'acme/hello']);
});

test('what runs is told of each change, and the audit has names and no values', async (t) => {
  const { call, audited, changes } = await open(t);
  await call('acme', 'PUT', OF_TENANT, put({ name: 'KEY', value: VALUE }));
  await call('operator', 'PUT', `${OF_FUNCTION}?tenant=acme`, put({ name: 'KEY', value: VALUE, secret: false }));
  await call('acme', 'DELETE', OF_TENANT, { names: ['KEY'] });
  assert.deepEqual(changes, ['acme', 'acme/hello', 'acme']);
  assert.deepEqual(
    audited.map(({ actor, action, tenant, target, details }) => [actor, action, tenant, target, details['names']]),
    [
      ['acme-admin', 'secret.set', 'acme', 'acme', ['KEY']],
      ['operator', 'secret.set', 'acme', 'hello', ['KEY']],
      ['acme-admin', 'secret.remove', 'acme', 'acme', ['KEY']],
    ],
  );
  assert.ok(!JSON.stringify(audited).includes(VALUE));
});

test('a change that is kept is in the audit also where what runs could not follow', async (t) => {
  const { call, audited, reported } = await open(t, { changed: () => Promise.reject(new Error('no database')) });
  const answer = await call('acme', 'PUT', OF_TENANT, put({ name: 'KEY', value: VALUE }));
  assert.deepEqual([answer.status, answer.body.code], [500, 'INTERNAL']);
  assert.equal(audited.length, 1);
  assert.equal(reported.length, 1);
});

test('only admins come near: not users of the tenant, not services, not another tenant’s admin', async (t) => {
  const { call, store } = await open(t);
  await call('operator', 'PUT', `${OF_TENANT}?tenant=rival`, put({ name: 'KEY', value: VALUE }));
  const body = put({ name: 'KEY', value: 'stolen' });
  for (const [as, status] of [
    ['user', 403],
    ['service', 403],
    ['jwt', 403],
    ['', 401],
  ] as const) {
    for (const path of [OF_TENANT, OF_FUNCTION]) {
      assert.equal((await call(as, 'GET', path)).status, status, `${as} ${path}`);
      assert.equal((await call(as, 'PUT', path, body)).status, status, `${as} ${path}`);
      assert.equal((await call(as, 'DELETE', path, { names: ['KEY'] })).status, status, `${as} ${path}`);
    }
  }
  for (const path of [`${OF_TENANT}?tenant=rival`, `${OF_FUNCTION}?tenant=rival`]) {
    assert.equal((await call('acme', 'GET', path)).status, 404);
    assert.equal((await call('acme', 'PUT', path, body)).status, 404);
    assert.equal((await call('acme', 'DELETE', path, { names: ['KEY'] })).status, 404);
  }
  assert.deepEqual([...store.rows.keys()], ['rival//KEY']);
});

test('a tenant or function that is not there has no variables', async (t) => {
  const { call, store } = await open(t);
  const body = put({ name: 'KEY', value: 'x' });
  assert.equal((await call('operator', 'PUT', `${OF_TENANT}?tenant=invented`, body)).status, 404);
  assert.equal((await call('acme', 'PUT', '/api/v1/functions/invented/secrets', body)).status, 404);
  assert.equal((await call('acme', 'PUT', '/api/v1/functions/__proto__/secrets', body)).status, 400);
  assert.equal(store.rows.size, 0);
});

test('what is wrong is said by name, and no value is in the answer', async (t) => {
  const { call, store } = await open(t);
  const wrong: [unknown, RegExp][] = [
    [put({ name: 'CORDON_KEY', value: VALUE }), /"CORDON_KEY": names that begin with CORDON_/],
    [put({ name: '__proto__', value: VALUE }), /"__proto__": not a name/],
    [put({ name: 'KEY', value: 7_700_077 }), /^"KEY": its value must be a string$/],
    [put({ name: 'KEY' }), /variables\.0\.value: .*it is missing/],
    [put({ name: 'KEY', value: '••••' }), /"KEY": its value is the mask of a secret/],
    [put({ name: 'KEY', value: `${VALUE}\0` }), /"KEY": its value has a NUL character/],
    [put({ name: 'KEY', value: VALUE, hosts: ['*'] }), /"\*" is not a host/],
    [put({ name: 'KEY', value: VALUE, secret: false, hosts: ['a.io'] }), /only a secret/],
    [put({ name: 'KEY', value: VALUE, host: 'a.io' }), /there is no field "host"/],
    [put({ name: 'KEY', value: VALUE }, { name: 'KEY', value: VALUE }), /named twice/],
  ];
  for (const [body, message] of wrong) {
    const answer = await call('acme', 'PUT', OF_TENANT, body);
    assert.equal(answer.status, 400, String(message));
    assert.match(answer.body.detail, message);
    assert.doesNotMatch(JSON.stringify(answer.body), /hunter2|7700077/);
  }
  const many = Array.from({ length: 201 }, (_, i) => ({ name: `V${i}`, value: 'x' }));
  assert.equal((await call('acme', 'PUT', OF_TENANT, put(...many))).status, 400);
  assert.equal(store.rows.size, 0);
});

test('an operator rotates the key; a tenant’s admin may not', async (t) => {
  const { call, store, variables, audited } = await open(t);
  await call('acme', 'PUT', OF_TENANT, put({ name: 'KEY', value: VALUE }));
  const [before] = store.dataKeys.keys();
  assert.equal((await call('acme', 'POST', `${OF_TENANT}/rotate-key`, {})).status, 403);
  const answer = await call('operator', 'POST', `${OF_TENANT}/rotate-key`);
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.body.resealed, answer.body.removedKeys, answer.body.unreadable], [1, 1, []]);
  assert.ok(!store.dataKeys.has(before!) && store.dataKeys.has(answer.body.keyId));
  assert.equal((await variables.resolve('acme', 'hello', {}, null)).env['KEY'], VALUE);
  assert.deepEqual([audited.at(-1)!.action, audited.at(-1)!.outcome], ['secret.rotate-key', 'ok']);
});
