import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { addMetrics } from '../../../src/control/metrics.ts';
import { addQuarantine } from '../../../src/control/quarantine.ts';
import { addUsage } from '../../../src/control/usage.ts';
import type { FunctionRecord } from '../../../src/core/function-record.ts';
import type { FunctionUsage, UsageTotals } from '../../../src/core/usage.ts';
import { startOperatorServer, type OperatorServer } from './operator-server.ts';

const TOTALS: UsageTotals = {
  invocations: 1,
  coldStarts: 1,
  wallMs: 10.4,
  cpuMs: 3.6,
  mbSeconds: 0.66564,
  sentBytes: 5,
  receivedBytes: 6,
  faults: 1,
};
const SHOWN = { ...TOTALS, wallMs: 10, cpuMs: 4, mbSeconds: 0.666 };

const usageOf = (tenant: string, name: string): FunctionUsage => ({
  tenant,
  name,
  ...TOTALS,
  faultsByCode: { TIMED_OUT: 1 },
  hours: [{ timeMs: 3_600_000, ...TOTALS }],
});

async function operator(t: TestContext): Promise<OperatorServer> {
  const server = await startOperatorServer((app) => {
    const read = (tenant: string): { total: UsageTotals; functions: FunctionUsage[] } => ({
      total: TOTALS,
      functions: tenant === 'acme' ? ['c', 'a', 'b'].map((name) => usageOf(tenant, name)) : [],
    });
    addUsage(app, { usage: { startedMs: 0, read } });
    addMetrics(app, { metrics: { text: () => 'm 1\n' } });
    addQuarantine(app, {
      functions: { find: async (_, name) => (name === 'known' ? ({ name } as FunctionRecord) : null) },
      quarantine: {
        of: (tenant, name) => [
          {
            tenant,
            name,
            version: 3,
            state: 'refused',
            cause: 'crash',
            refusals: 2,
            sinceMs: 0,
            refusedUntilMs: 1_000,
            freeMs: 2_000,
          },
        ],
      },
    });
  });
  t.after(() => server.close());
  return server;
}

test('usage is read in pages, in the order of the names', async (t) => {
  const { call } = await operator(t);
  const { body } = await call('acme', 'GET', '/api/v1/usage?limit=2');
  const { functions, ...rest } = body;
  assert.deepEqual(rest, { tenant: 'acme', since: '1970-01-01T00:00:00.000Z', total: SHOWN, next: 'b' });
  assert.deepEqual(functions[0], {
    name: 'a',
    ...SHOWN,
    faultsByCode: { TIMED_OUT: 1 },
    hours: [{ time: '1970-01-01T01:00:00.000Z', ...SHOWN }],
  });
  const second = (await call('acme', 'GET', '/api/v1/usage?limit=2&after=b')).body;
  assert.deepEqual([second.functions.length, second.functions[0].name, second.next], [1, 'c', null]);
  const one = (await call('user', 'GET', '/api/v1/usage?function=b')).body;
  assert.deepEqual([one.functions.length, one.functions[0].name], [1, 'b']);
});

test('another tenant’s usage is not there', async (t) => {
  const { call } = await operator(t);
  assert.equal((await call('acme', 'GET', '/api/v1/usage?tenant=other')).status, 404);
  assert.equal((await call('operator', 'GET', '/api/v1/usage?tenant=other')).body.tenant, 'other');
  assert.equal((await call('service', 'GET', '/api/v1/usage')).status, 403);
  assert.equal((await call('', 'GET', '/api/v1/usage')).status, 401);
});

test('metrics name every tenant, so that only the operator may read them', async (t) => {
  const { call } = await operator(t);
  assert.equal((await call('operator', 'GET', '/metrics')).body, 'm 1\n');
  for (const caller of ['acme', 'user', 'service', 'jwt'])
    assert.equal((await call(caller, 'GET', '/metrics')).status, 403);
});

test('quarantine is told of a known function', async (t) => {
  const { call } = await operator(t);
  const { body } = await call('user', 'GET', '/api/v1/functions/known/quarantine');
  assert.deepEqual(body.versions, [
    {
      version: 3,
      state: 'refused',
      cause: 'crash',
      refusals: 2,
      since: '1970-01-01T00:00:00.000Z',
      refusedUntil: '1970-01-01T00:00:01.000Z',
      free: '1970-01-01T00:00:02.000Z',
    },
  ]);
  assert.equal((await call('user', 'GET', '/api/v1/functions/unknown/quarantine')).status, 404);
  assert.equal((await call('user', 'GET', '/api/v1/functions/known/quarantine?tenant=other')).status, 404);
});
