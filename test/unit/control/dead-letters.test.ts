import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { addDeadLetters } from '../../../src/control/dead-letters.ts';
import type { AuditEntry } from '../../../src/core/audit.ts';
import { MemoryQueue } from '../../support/memory-queue.ts';
import { startOperatorServer, type OperatorServer } from './operator-server.ts';

interface Server extends OperatorServer {
  readonly queue: MemoryQueue;
  readonly audited: Omit<AuditEntry, 'timeMs'>[];
}

const PATH = '/api/v1/dead-letters';

/** With dead letters of two tenants: `acme-1` is the oldest of its tenant. */
async function start(t: TestContext, count = 5): Promise<Server> {
  const queue = new MemoryQueue();
  const audited: Omit<AuditEntry, 'timeMs'>[] = [];
  for (const tenant of ['acme', 'other'])
    for (let i = 1; i <= count; i++)
      await queue.add([
        {
          id: `${tenant}-${i}`,
          tenant,
          kind: 'event',
          functionName: i % 2 === 0 ? 'even' : 'odd',
          payload: '{"channel":"a:b","data":{"n":1}}',
          key: null,
          runAtMs: 0,
          maxAttempts: 1,
        },
      ]);
  for (const job of await queue.lease({ limit: 100, leaseMs: 60_000, except: new Set() }))
    await queue.fail(job, 'HANDLER_THREW: boom', null);
  const audit = { record: (entry: Omit<AuditEntry, 'timeMs'>) => void audited.push(entry) };
  const server = await startOperatorServer((app) => addDeadLetters(app, { queue, audit }));
  t.after(() => server.close());
  return { ...server, queue, audited };
}

const idsOf = (body: { deadLetters: { id: string }[] }): string[] => body.deadLetters.map(({ id }) => id);

test('the list has the pages of one tenant, newest first, or of one function', async (t) => {
  const { call } = await start(t);
  const first = (await call('user', 'GET', `${PATH}?limit=2`)).body;
  assert.deepEqual([idsOf(first), first.next], [['acme-5', 'acme-4'], 'acme-4']);
  const rest = (await call('user', 'GET', `${PATH}?limit=3&before=acme-4`)).body;
  assert.deepEqual([idsOf(rest), rest.next], [['acme-3', 'acme-2', 'acme-1'], null]);
  assert.deepEqual(idsOf((await call('acme', 'GET', `${PATH}?function=even`)).body), ['acme-4', 'acme-2']);
  const { id, kind, function: name, attempts, error, diedAt } = first.deadLetters[0];
  assert.deepEqual([id, kind, name, attempts, error], ['acme-5', 'event', 'odd', 1, 'HANDLER_THREW: boom']);
  assert.ok(Date.parse(diedAt) > 0);
  assert.equal((await call('user', 'GET', `${PATH}?limit=0`)).status, 400);
});

test('one is read with what is in it; that of another tenant is not there', async (t) => {
  const { call } = await start(t);
  assert.deepEqual((await call('acme', 'GET', `${PATH}/acme-1`)).body.payload, { channel: 'a:b', data: { n: 1 } });
  assert.equal((await call('acme', 'GET', `${PATH}/other-1`)).status, 404);
  assert.equal((await call('acme', 'GET', `${PATH}?tenant=other`)).status, 404);
  assert.equal((await call('operator', 'GET', `${PATH}/other-1?tenant=other`)).status, 200);
  assert.equal((await call('service', 'GET', PATH)).status, 403);
});

test('an admin replays and discards, and the audit says so', async (t) => {
  const { call, queue, audited } = await start(t);
  assert.deepEqual((await call('acme', 'POST', `${PATH}/replay`, { ids: ['acme-1', 'acme-2', 'other-1'] })).body, {
    count: 2,
  });
  assert.equal(queue.rows.get('acme-1')!.diedMs, null);
  assert.notEqual(queue.rows.get('other-1')!.diedMs, null);
  assert.deepEqual((await call('acme', 'POST', `${PATH}/discard`, { ids: ['acme-3'] })).body, { count: 1 });
  assert.equal(queue.rows.has('acme-3'), false);
  assert.deepEqual(
    audited.map(({ action, actor, tenant, target }) => [action, actor, tenant, target]),
    [
      ['dead-letter.replay', 'acme-admin', 'acme', '2 dead letters'],
      ['dead-letter.discard', 'acme-admin', 'acme', 'acme-3'],
    ],
  );
});

test('nobody else does, and what is not there is said', async (t) => {
  const { call, queue, audited } = await start(t);
  for (const verb of ['replay', 'discard']) {
    assert.equal((await call('user', 'POST', `${PATH}/${verb}`, { ids: ['acme-1'] })).status, 403);
    assert.equal((await call('acme', 'POST', `${PATH}/${verb}`, { ids: ['other-1'] })).status, 404);
    assert.equal((await call('acme', 'POST', `${PATH}/${verb}`, { tenant: 'other', ids: ['other-1'] })).status, 404);
    assert.equal((await call('acme', 'POST', `${PATH}/${verb}`, { ids: [] })).status, 400);
    assert.equal((await call('acme', 'POST', `${PATH}/${verb}`, { ids: Array(1001).fill('x') })).status, 400);
  }
  assert.equal([...queue.rows.values()].filter(({ diedMs }) => diedMs !== null).length, 10);
  assert.deepEqual(audited, []);
});
