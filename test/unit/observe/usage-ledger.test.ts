import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeptUsage, UsageHour, UsageStore } from '../../../src/core/usage.ts';
import { UsageLedger } from '../../../src/observe/usage-ledger.ts';
import { NOTHING } from '../../../src/observe/usage-totals.ts';
import { createUsage } from '../../../src/observe/usage.ts';
import { openSqliteStorage } from '../../../src/storage/sqlite-storage.ts';
import { makeVersion } from '../../support/calls.ts';
import { temporaryFolder } from '../../conformance/storage/fixtures.ts';

const RUN = { invocations: 2, coldStarts: 1, wallMs: 100, cpuMs: 10, faults: new Map([['TIMED_OUT', 1] as const]) };

class BrokenStore implements UsageStore {
  readonly added: (readonly UsageHour[])[] = [];
  fails = true;

  add(hours: readonly UsageHour[]): Promise<void> {
    if (this.fails) return Promise.reject(new Error('no disk'));
    this.added.push(hours);
    return Promise.resolve();
  }

  read(): Promise<KeptUsage> {
    return Promise.resolve({ sinceMs: null, functions: [] });
  }

  prune(): Promise<number> {
    return Promise.resolve(0);
  }
}

const options = { retentionDays: 400, report: (error: unknown): void => assert.fail(String(error)) };

test('what is counted is read at once, and again after a restart', async (t) => {
  const folder = temporaryFolder(t);
  for (const runs of [1, 2, 3]) {
    const storage = await openSqliteStorage(folder);
    const ledger = new UsageLedger({ store: storage.usage, ...options });
    const usage = createUsage({ ledger });
    usage.add(makeVersion('f', { limits: { memoryMb: 64 } }), RUN);
    usage.addEgress(makeVersion('f'), 5, 6);
    const { functions, sinceMs } = await ledger.read('acme');
    assert.equal(functions.length, 1);
    const [{ name, invocations, wallMs, mbSeconds, sentBytes, faults, faultsByCode, hours } = assert.fail()] =
      functions;
    assert.deepEqual([name, invocations, wallMs, sentBytes], ['f', 2 * runs, 100 * runs, 5 * runs]);
    assert.ok(Math.abs(mbSeconds - 6.4 * runs) < 1e-9);
    assert.deepEqual([faults, faultsByCode], [runs, { TIMED_OUT: runs }]);
    assert.equal(
      hours.reduce((sum, hour) => sum + hour.invocations, 0),
      2 * runs,
    );
    assert.ok(sinceMs <= Date.now() && sinceMs % 3_600_000 === 0);
    assert.equal(usage.all()[0]?.invocations, 2, 'a process counts for itself');
    await ledger.close();
    await storage.close();
  }
});

test('what storage could not take waits, and is added once', async () => {
  const store = new BrokenStore();
  const ledger = new UsageLedger({ store, ...options });
  ledger.count('acme', 'f', { ...NOTHING, invocations: 1 });
  await assert.rejects(ledger.flush(), /no disk/);
  ledger.count('acme', 'f', { ...NOTHING, invocations: 2 });
  ledger.countFaults('acme', 'f', 'TIMED_OUT', 1);
  assert.equal((await ledger.read('acme')).functions[0]?.invocations, 3);
  store.fails = false;
  await ledger.close();
  assert.equal(store.added.length, 1);
  assert.deepEqual(
    store.added[0]?.map(({ totals, faultsByCode }) => [totals.invocations, faultsByCode]),
    [[3, { TIMED_OUT: 1 }]],
  );
});

test('another tenant’s usage is not told, and an erased one’s does not come again', async () => {
  const store = new BrokenStore();
  store.fails = false;
  const ledger = new UsageLedger({ store, ...options });
  ledger.count('acme', 'f', { ...NOTHING, invocations: 1 });
  ledger.count('other', 'g', { ...NOTHING, invocations: 1 });
  assert.deepEqual(
    (await ledger.read('other')).functions.map(({ name }) => name),
    ['g'],
  );
  ledger.forget('acme');
  await ledger.close();
  assert.deepEqual(
    store.added[0]?.map(({ tenant }) => tenant),
    ['other'],
  );
});

test('while storage is away only so much waits, and that is said once', async () => {
  const reports: string[] = [];
  const store = new BrokenStore();
  const ledger = new UsageLedger({ store, retentionDays: 1, report: (error) => void reports.push(String(error)) });
  for (let i = 0; i < 50_100; i++) ledger.count('acme', `f${i}`, { ...NOTHING, invocations: 1 });
  assert.equal((await ledger.read('acme')).functions.length, 50_000);
  assert.deepEqual(reports.length, 1);
  store.fails = false;
  await ledger.close();
});
