import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { AuditEntry } from '../../../src/core/audit.ts';
import { createAudit, type AuditTrail } from '../../../src/observe/audit.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';

const entry = (target: string, more: Partial<AuditEntry> = {}): Omit<AuditEntry, 'timeMs'> => ({
  actor: 'operator',
  action: 'function.deploy',
  tenant: 'acme',
  target,
  outcome: 'ok',
  details: {},
  ...more,
});

function setup(t: TestContext): { audit: AuditTrail; store: MemoryAudit; reports: string[] } {
  const store = new MemoryAudit();
  const reports: string[] = [];
  const audit = createAudit({
    store,
    retentionDays: 30,
    report: (line) => void reports.push(line),
    refusals: { perSecond: 0, burst: 3 },
  });
  t.after(() => audit.close());
  return { audit, store, reports };
}

test('entries are written in lots, in their order, and are read before that', async (t) => {
  const { audit, store } = setup(t);
  for (let i = 0; i < 1200; i++) audit.record(entry(`f${i}`));
  assert.equal(store.records.length, 0);
  const newest = await audit.read({ tenant: 'acme', beforeId: null, limit: 2 });
  assert.deepEqual(
    newest.map(({ target }) => target),
    ['f1199', 'f1198'],
  );
  assert.equal(store.appends, 3);
});

test('closing writes what waits', async (t) => {
  const { audit, store } = setup(t);
  audit.record(entry('f'));
  await audit.close();
  assert.equal(store.records[0]?.target, 'f');
});

test('a lot that the table does not take is written later, once and in its place', async (t) => {
  const { audit, store, reports } = setup(t);
  store.failures.push(new Error('the disk is full'));
  audit.record(entry('one'));
  await audit.flush();
  assert.equal(store.records.length, 0);
  assert.match(reports[0] ?? '', /the disk is full/);
  audit.record(entry('two'));
  await audit.flush();
  assert.deepEqual(
    store.records.map(({ target }) => target),
    ['one', 'two'],
  );
});

test('what can never be written ends in the log of the server', async (t) => {
  const { audit, store, reports } = setup(t);
  audit.record(entry('precious'));
  store.failures.push(new Error('gone'), new Error('gone'));
  await audit.close();
  assert.ok(reports.some((line) => line.includes('"precious"')));
});

test("a tenant's refusals have an allowance, which takes nothing from an operator's actions or another tenant", async (t) => {
  const { audit, store } = setup(t);
  for (let i = 0; i < 50; i++) audit.record(entry('host', { action: 'egress.refused', outcome: 'refused' }));
  audit.record(entry('host', { action: 'egress.refused', outcome: 'refused', tenant: 'other' }));
  audit.record(entry('f'));
  await audit.flush();
  const count = (tenant: string, action: string): number =>
    store.records.filter((record) => record.tenant === tenant && record.action === action).length;
  assert.deepEqual(
    [count('acme', 'egress.refused'), count('other', 'egress.refused'), count('acme', 'function.deploy')],
    [3, 1, 1],
  );
});

test('entries that are too old go', async (t) => {
  const store = new MemoryAudit();
  await store.append([{ ...entry('old'), timeMs: 1 }]);
  await store.append([{ ...entry('new'), timeMs: Date.now() }]);
  const audit = createAudit({ store, retentionDays: 1, report: () => undefined });
  t.after(() => audit.close());
  assert.deepEqual(
    (await audit.read({ tenant: null, beforeId: null, limit: 9 })).map(({ target }) => target),
    ['new'],
  );
});
