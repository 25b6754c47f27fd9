import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { addAuditLog } from '../../../src/control/audit-log.ts';
import { addTenants } from '../../../src/control/tenants.ts';
import { createAudit } from '../../../src/observe/audit.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { MemoryTenants } from '../../support/memory-control.ts';
import { startOperatorServer, type OperatorServer } from './operator-server.ts';

const TENANTS = '/api/v1/tenants';

interface Setup extends OperatorServer {
  readonly tenants: MemoryTenants;
  /** What was told to the hooks, and what the store held then. */
  readonly steps: string[];
}

async function setup(t: TestContext, failing = ''): Promise<Setup> {
  const tenants = new MemoryTenants();
  await tenants.create('default');
  const steps: string[] = [];
  const audit = createAudit({ store: new MemoryAudit(), retentionDays: 1, report: () => undefined });
  const step = async (name: string, tenant: string): Promise<void> => {
    if (name === failing) throw new Error('the disk is full');
    const record = await tenants.find(tenant);
    steps.push(`${name} ${tenant} ${record === null ? 'gone' : record.suspendedMs === null ? 'running' : 'suspended'}`);
  };
  const server = await startOperatorServer((app) => {
    addTenants(app, {
      tenants,
      audit,
      tenantHooks: {
        changed: (name) => step('changed', name),
        closing: (name) => step('closing', name),
        erased: (name) => step('erased', name),
      },
    });
    addAuditLog(app, { auditLog: audit });
  });
  t.after(async () => {
    await server.close();
    await audit.close();
  });
  return { ...server, tenants, steps };
}

test('the operator creates, limits, suspends and resumes a tenant', async (t) => {
  const { call, steps } = await setup(t);
  const made = await call('operator', 'POST', `${TENANTS}/`, { name: 'acme', quotas: { functions: 5 } });
  assert.equal(made.status, 201);
  assert.deepEqual(made.body.quotas, { functions: 5, concurrency: null });
  const limited = await call('operator', 'PATCH', `${TENANTS}/acme`, { quotas: { concurrency: 9 }, suspended: true });
  assert.deepEqual([limited.body.quotas, limited.body.suspended], [{ functions: 5, concurrency: 9 }, true]);
  const resumed = await call('operator', 'PATCH', `${TENANTS}/acme/`, {
    suspended: false,
    quotas: { functions: null },
  });
  assert.deepEqual(
    [resumed.body.quotas, resumed.body.suspended, resumed.body.suspendedAt],
    [{ functions: null, concurrency: 9 }, false, null],
  );
  assert.deepEqual(steps, ['changed acme running', 'changed acme suspended', 'changed acme running']);
  const names = (await call('operator', 'GET', TENANTS)).body.tenants.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ['acme', 'default']);
  assert.equal((await call('operator', 'GET', `${TENANTS}/acme`)).body.name, 'acme');
});

test('a tenant is erased only after nothing of it can start any more', async (t) => {
  const { call, steps, tenants } = await setup(t);
  await tenants.create('acme');
  assert.equal((await call('operator', 'DELETE', `${TENANTS}/acme/`)).status, 204);
  assert.deepEqual(steps, ['changed acme suspended', 'closing acme suspended', 'erased acme gone']);
  assert.equal((await call('operator', 'DELETE', `${TENANTS}/acme`)).status, 404);
});

test('a tenant whose erasure fails stays suspended, and the failure is on record', async (t) => {
  const { call, tenants, reported } = await setup(t, 'closing');
  await tenants.create('acme');
  const failed = await call('operator', 'DELETE', `${TENANTS}/acme`);
  assert.deepEqual([failed.status, failed.body.code], [500, 'INTERNAL']);
  assert.ok(!JSON.stringify(failed.body).includes('disk'));
  assert.equal(reported.length, 1);
  assert.notEqual((await tenants.find('acme'))?.suspendedMs, null);
  const [entry] = (await call('operator', 'GET', '/api/v1/audit')).body.entries;
  assert.deepEqual([entry.action, entry.outcome, entry.target], ['tenant.delete', 'failed', 'acme']);
});

test('the default tenant can not be deleted', async (t) => {
  const { call, tenants } = await setup(t);
  assert.equal((await call('operator', 'DELETE', `${TENANTS}/default`)).status, 409);
  assert.equal((await tenants.find('default'))?.suspendedMs, null);
});

test('what is wrong with a tenant is refused', async (t) => {
  const { call } = await setup(t);
  for (const body of [
    {},
    { name: '../x' },
    { name: 'A' },
    { name: 'x', quotas: { functions: -1 } },
    { name: 'x', quotas: { functions: 1.5 } },
    { name: 'x', quotas: { cpu: 1 } },
    { name: 'x', owner: 'me' },
  ])
    assert.equal((await call('operator', 'POST', TENANTS, body)).status, 400, JSON.stringify(body));
  assert.equal((await call('operator', 'POST', TENANTS, { name: 'default' })).status, 409);
  assert.equal((await call('operator', 'PATCH', `${TENANTS}/nope`, { suspended: true })).status, 404);
});

test('nobody but the operator sees or changes tenants', async (t) => {
  const { call, steps } = await setup(t);
  for (const as of ['acme', 'user', 'service', 'jwt', '']) {
    for (const [method, path, body] of [
      ['GET', TENANTS, undefined],
      ['POST', TENANTS, { name: 'mine' }],
      ['GET', `${TENANTS}/acme`, undefined],
      ['PATCH', `${TENANTS}/acme`, { suspended: false }],
      ['DELETE', `${TENANTS}/acme`, undefined],
    ] as const)
      assert.equal((await call(as, method, path, body)).status, as === '' ? 401 : 403, `${as} ${method} ${path}`);
  }
  assert.deepEqual(steps, []);
});

test('the audit log is paged newest first, and shows an admin of a tenant its own alone', async (t) => {
  const { call } = await setup(t);
  for (const name of ['acme', 'other', 'third']) await call('operator', 'POST', TENANTS, { name });
  const first = (await call('operator', 'GET', '/api/v1/audit/?limit=2')).body;
  assert.deepEqual(
    first.entries.map((entry: { target: string; actor: string }) => [entry.target, entry.actor]),
    [
      ['third', 'operator'],
      ['other', 'operator'],
    ],
  );
  const rest = (await call('operator', 'GET', `/api/v1/audit?limit=2&before=${first.next}`)).body;
  assert.deepEqual([rest.entries.length, rest.next], [1, null]);
  const own = (await call('acme', 'GET', '/api/v1/audit')).body.entries;
  assert.deepEqual(
    own.map(({ tenant }: { tenant: string }) => tenant),
    ['acme'],
  );
  assert.equal((await call('acme', 'GET', '/api/v1/audit?tenant=other')).status, 404);
  assert.equal((await call('user', 'GET', '/api/v1/audit')).status, 403);
  assert.equal((await call('operator', 'GET', '/api/v1/audit?limit=0')).status, 400);
});
