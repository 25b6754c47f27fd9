import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { addCron } from '../../../src/control/cron.ts';
import type { AuditEntry } from '../../../src/core/audit.ts';
import type { Cron, CronFunction, CronOptions } from '../../../src/core/cron.ts';
import { Fault } from '../../../src/core/faults.ts';
import { startOperatorServer, type OperatorServer } from './operator-server.ts';

const DIGEST: CronFunction = {
  tenant: 'acme',
  name: 'digest',
  pattern: 'CRON_TZ=Europe/Berlin @daily',
  timeZone: 'Europe/Berlin',
  paused: false,
  overlap: 'skip',
  catchUp: 'once',
  finishedMs: null,
  nextMs: [Date.parse('2026-01-01T23:00:00Z')],
};
const SHOWN = {
  tenant: 'acme',
  name: 'digest',
  pattern: 'CRON_TZ=Europe/Berlin @daily',
  timeZone: 'Europe/Berlin',
  paused: false,
  overlap: 'skip',
  catchUp: 'once',
  finishedAt: null,
  next: ['2026-01-01T23:00:00.000Z'],
};

interface Server extends OperatorServer {
  readonly asked: unknown[][];
  readonly audited: Omit<AuditEntry, 'timeMs'>[];
}

/** One function of `acme`, `digest`. */
async function start(t: TestContext): Promise<Server> {
  const asked: unknown[][] = [];
  const audited: Omit<AuditEntry, 'timeMs'>[] = [];
  const of = (tenant: string, name: string): CronFunction => {
    if (tenant === 'acme' && name === 'digest') return DIGEST;
    throw new Fault('NOT_FOUND', 'there is none');
  };
  const cron: Cron = {
    list: async (query) => {
      asked.push(['list', query]);
      return { items: query.tenant === 'acme' ? [DIGEST] : [], next: null };
    },
    read: async (tenant, name) => of(tenant, name),
    change: async (tenant, name, change: Partial<CronOptions>) => {
      asked.push(['change', name, change]);
      return { ...of(tenant, name), ...change };
    },
    runNow: async (tenant, name) => `cron:${of(tenant, name).name}:manual`,
    tick: async (tenant) => {
      asked.push(['tick', tenant]);
      return 3;
    },
  };
  const audit = { record: (entry: Omit<AuditEntry, 'timeMs'>) => void audited.push(entry) };
  const server = await startOperatorServer((app) => addCron(app, { cron, audit }));
  t.after(() => server.close());
  return { ...server, asked, audited };
}

test('whoever may read sees what runs when', async (t) => {
  const { call, asked } = await start(t);
  assert.deepEqual((await call('user', 'GET', '/api/v1/cron?limit=5&after=a')).body, {
    functions: [SHOWN],
    next: null,
  });
  assert.deepEqual(asked, [['list', { tenant: 'acme', after: 'a', limit: 5 }]]);
  assert.deepEqual((await call('user', 'GET', '/api/v1/functions/digest/cron')).body, SHOWN);
  assert.equal((await call('user', 'GET', '/api/v1/functions/other/cron')).status, 404);
  assert.equal((await call('acme', 'GET', '/api/v1/cron?tenant=other')).status, 404);
  assert.equal((await call('acme', 'GET', '/api/v1/cron?limit=201')).status, 400);
});

test('an admin pauses, resumes, chooses policies and runs now', async (t) => {
  const { call, asked, audited } = await start(t);
  const path = '/api/v1/functions/digest/cron';
  assert.equal((await call('acme', 'PATCH', path, { paused: true })).body.paused, true);
  assert.equal((await call('acme', 'PATCH', path, { overlap: 'allow', catchUp: 'none' })).body.catchUp, 'none');
  const ran = await call('acme', 'POST', `${path}/run`);
  assert.deepEqual([ran.status, ran.body], [202, { id: 'cron:digest:manual' }]);
  assert.deepEqual(asked, [
    ['change', 'digest', { paused: true }],
    ['change', 'digest', { overlap: 'allow', catchUp: 'none' }],
  ]);
  assert.deepEqual(
    audited.map(({ action, target }) => [action, target]),
    [
      ['cron.update', 'digest'],
      ['cron.update', 'digest'],
      ['cron.run', 'digest'],
    ],
  );
  assert.equal((await call('acme', 'PATCH', path, { overlap: 'sometimes' })).status, 400);
  assert.equal((await call('acme', 'PATCH', path, { lastTickMs: 0 })).status, 400);
});

test('nobody else changes or runs anything, or drives ticks', async (t) => {
  const { call, asked, audited } = await start(t);
  const path = '/api/v1/functions/digest/cron';
  for (const as of ['user', 'service', 'jwt']) {
    assert.equal((await call(as, 'PATCH', path, { paused: true })).status, 403);
    assert.equal((await call(as, 'POST', `${path}/run`)).status, 403);
    assert.equal((await call(as, 'POST', '/api/v1/cron/tick')).status, 403);
  }
  assert.equal((await call('', 'POST', '/api/v1/cron/tick')).status, 401);
  assert.deepEqual([asked, audited], [[], []]);
});

test('an outside scheduler drives the ticks of its tenant, the operator all of them', async (t) => {
  const { call, asked } = await start(t);
  assert.deepEqual((await call('acme', 'POST', '/api/v1/cron/tick')).body, { fired: 3 });
  await call('operator', 'POST', '/api/v1/cron/tick', {});
  await call('operator', 'POST', '/api/v1/cron/tick?tenant=other');
  assert.equal((await call('acme', 'POST', '/api/v1/cron/tick?tenant=other')).status, 404);
  assert.deepEqual(asked, [
    ['tick', 'acme'],
    ['tick', null],
    ['tick', 'other'],
  ]);
});
