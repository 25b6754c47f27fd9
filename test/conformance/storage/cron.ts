/** What every engine must do with the states of cron's functions. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronState } from '../../../src/core/cron.ts';
import { newVersion, open, plain } from './fixtures.ts';
import type { StorageEngine } from './fixtures.ts';

const state = (changes: Partial<CronState> = {}): CronState => ({
  tenant: 'acme',
  name: 'hello',
  pattern: 'CRON_TZ=Europe/Berlin @daily',
  paused: false,
  overlap: 'skip',
  catchUp: 'once',
  lastTickMs: 1_000,
  finishedMs: null,
  ...changes,
});

export function cronConformance(engine: StorageEngine): void {
  test('the state of a cron function is made once, and changed in its parts', async (t) => {
    const { cron } = await open(engine, t);
    const others = Array.from({ length: 250 }, (_, i) => state({ name: `f${i}` }));
    await cron.create([state(), ...others, state({ tenant: 'rival', lastTickMs: 5 })]);
    await cron.create([state({ lastTickMs: 9_000, paused: true })]);
    assert.deepEqual(plain(await cron.find([state()])), [state()]);
    assert.equal((await cron.find([...others, state({ name: 'nothing' })])).length, 250);
    assert.deepEqual(await cron.find([]), []);
    await cron.change(state(), {
      paused: true,
      overlap: 'allow',
      catchUp: 'none',
      pattern: '@hourly',
      lastTickMs: 2_000,
    });
    await cron.change(state(), {});
    await cron.change(state({ name: 'nothing' }), { paused: true });
    assert.deepEqual(plain(await cron.find([state()])), [
      state({ paused: true, overlap: 'allow', catchUp: 'none', pattern: '@hourly', lastTickMs: 2_000 }),
    ]);
    assert.deepEqual(plain(await cron.find([state({ tenant: 'rival' })])), [state({ tenant: 'rival', lastTickMs: 5 })]);
  });

  test('the last tick of a cron function and the end of its last run never go back', async (t) => {
    const { cron } = await open(engine, t);
    await cron.create([state(), state({ name: 'other' })]);
    const [first, second] = await Promise.all([
      cron.advance([state({ lastTickMs: 5_000 }), state({ name: 'other', lastTickMs: 4_000 })]),
      cron.advance([state({ name: 'other', lastTickMs: 6_000 }), state({ lastTickMs: 3_000 })]),
    ]);
    assert.deepEqual([first, second], [undefined, undefined]);
    await cron.finish(state(), 7_000);
    await cron.finish(state(), 6_500);
    const found = await cron.find([state(), state({ name: 'other' })]);
    assert.deepEqual(
      new Map(found.map(({ name, lastTickMs, finishedMs }) => [name, [lastTickMs, finishedMs]])),
      new Map([
        ['hello', [5_000, 7_000]],
        ['other', [6_000, null]],
      ]),
    );
  });

  test('the state of a cron function goes with the function, and with the tenant', async (t) => {
    const { cron, functions, tenants } = await open(engine, t);
    await functions.addVersion(newVersion(), new Map());
    await functions.addVersion(newVersion({ tenant: 'rival' }), new Map());
    await cron.create([state(), state({ tenant: 'rival' })]);
    assert.equal(await functions.remove('acme', 'hello'), true);
    assert.deepEqual(await cron.find([state()]), []);
    assert.equal((await cron.find([state({ tenant: 'rival' })])).length, 1);
    await tenants.erase('rival');
    assert.deepEqual(await cron.find([state({ tenant: 'rival' })]), []);
    await cron.create([state({ tenant: 'rival' })]);
    assert.deepEqual(await cron.find([state({ tenant: 'rival' })]), []);
  });
}
