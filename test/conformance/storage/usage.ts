/** What every storage promises of usage. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FIRST_HOUR_MS as FIRST_MS,
  HOUR_MS,
  open,
  plain,
  usageHour,
  usageTotals,
  type StorageEngine,
} from './fixtures.ts';

export function usageConformance(engine: StorageEngine): void {
  test('usage of the same hour adds up, whoever adds it, and is told by function and hour', async (t) => {
    const { usage } = await open(engine, t);
    await usage.add([usageHour(), usageHour({ name: 'a', faultsByCode: {} })]);
    await Promise.all([
      usage.add([usageHour({ faultsByCode: { TIMED_OUT: 2, OUT_OF_MEMORY: 1 } })]),
      usage.add([usageHour({ hourMs: FIRST_MS + HOUR_MS }), usageHour()]),
    ]);
    const { sinceMs, functions } = plain(await usage.read('acme', FIRST_MS + HOUR_MS));
    assert.equal(sinceMs, FIRST_MS);
    assert.deepEqual(
      functions.map(({ name }) => name),
      ['a', 'hello'],
    );
    const [, hello] = functions;
    assert.deepEqual(
      [hello?.invocations, hello?.wallMs, hello?.cpuMs, hello?.sentBytes, hello?.faults],
      [4, 10, 5, 12_000_000_000, 4],
    );
    assert.deepEqual(hello?.faultsByCode, { TIMED_OUT: 5, OUT_OF_MEMORY: 1 });
    assert.deepEqual(
      hello?.hours,
      [{ timeMs: FIRST_MS + HOUR_MS, ...usageTotals() }],
      'of hours, only those asked for',
    );
    assert.deepEqual(plain(await usage.read('other', 0)), { sinceMs: null, functions: [] });
  });

  test('many hours at once are kept, and the oldest go when their time is over', async (t) => {
    const { usage } = await open(engine, t);
    await usage.add(Array.from({ length: 1_000 }, (_, i) => usageHour({ hourMs: FIRST_MS + i * HOUR_MS })));
    assert.equal((await usage.read('acme', Number.MAX_SAFE_INTEGER)).functions[0]?.invocations, 1_000);
    assert.equal(await usage.prune(FIRST_MS + 900 * HOUR_MS), 900);
    const { sinceMs, functions } = await usage.read('acme', Number.MAX_SAFE_INTEGER);
    assert.deepEqual(
      [sinceMs, functions[0]?.invocations, functions[0]?.faultsByCode],
      [FIRST_MS + 900 * HOUR_MS, 100, { TIMED_OUT: 100 }],
    );
  });

  test('of an erased tenant nothing is left, nor comes again', async (t) => {
    const { usage, tenants } = await open(engine, t);
    await tenants.create('acme');
    await usage.add([usageHour(), usageHour({ tenant: 'anonymous' })]);
    await tenants.erase('acme');
    await usage.add([usageHour(), usageHour({ tenant: 'anonymous' })]);
    assert.deepEqual((await usage.read('acme', 0)).functions, []);
    assert.equal((await usage.read('anonymous', 0)).functions[0]?.invocations, 2);
  });
}
