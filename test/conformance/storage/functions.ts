/** What every engine must do with functions and versions. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionRecord } from '../../../src/core/function-record.ts';
import { FILES, bytes, keyOf, newVersion, notLive, open, plain } from './fixtures.ts';
import type { StorageEngine } from './fixtures.ts';

const ascending = (a: number, b: number): number => a - b;

export function functionsConformance(engine: StorageEngine): void {
  test('a version that is added comes back as it was, with its code and its sources', async (t) => {
    const { functions } = await open(engine, t);
    const { added, ...record } = await functions.addVersion(newVersion(), FILES);
    const { tenant, name, artifact, initial, change: _change, ...settings } = newVersion();
    assert.deepEqual(plain(added), { ...settings, number: 1, codeBytes: 4, createdMs: added.createdMs });
    assert.match(record.id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(plain(record), {
      ...{ id: record.id, tenant, name, ...initial, publicDomain: null, publicDomainApproved: false },
      ...{ live: added, canary: null, aliases: {}, previousNumber: null, revision: 1 },
      ...{ createdMs: record.createdMs, updatedMs: record.createdMs },
    });
    assert.deepEqual(plain(await functions.find(tenant, name)), plain(record));
    assert.deepEqual(plain(await functions.version(tenant, name, 1)), { ...plain(added), tenant, name, artifact });
    assert.deepEqual(
      plain([...(await functions.sources(tenant, name, 1))]),
      plain([...FILES].sort(([a], [b]) => (a < b ? -1 : 1))),
    );
  });

  test('what may be missing of a version is missing when it comes back', async (t) => {
    const { functions } = await open(engine, t);
    const artifact = { format: 'module', code: new Uint8Array(), cache: null, interleaves: false } as const;
    await functions.addVersion(newVersion({ artifact, grant: null, cors: null, env: {} }), new Map());
    const stored = plain((await functions.version('acme', 'hello', 1))!);
    assert.deepEqual([stored.artifact, stored.grant, stored.cors, stored.env], [artifact, null, null, {}]);
    assert.equal((await functions.sources('acme', 'hello', 1)).size, 0);
    assert.equal(await functions.version('acme', 'hello', 2), null);
    assert.equal(await functions.find('acme', 'other'), null);
  });

  test('a version that is not to be live leaves the live one, and an alias may name it', async (t) => {
    const { functions } = await open(engine, t);
    const first = await functions.addVersion(notLive(), FILES);
    assert.deepEqual([first.live, first.added.number, first.revision], [null, 1, 1]);
    await functions.addVersion(newVersion({ hash: 'two' }), FILES);
    const third = await functions.addVersion(newVersion({ change: { live: false, alias: 'next' } }), FILES);
    assert.deepEqual([third.live?.number, third.aliases, third.previousNumber], [2, { next: 3 }, null]);
    assert.equal(third.createdMs, first.createdMs);
    assert.equal(third.id, first.id);
  });

  test('versions that are added at the same time get a number each', async (t) => {
    const { functions } = await open(engine, t);
    const added = await Promise.all(Array.from({ length: 8 }, () => functions.addVersion(newVersion(), FILES)));
    assert.deepEqual(added.map((each) => each.added.number).sort(ascending), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(added.map(({ revision }) => revision).sort(ascending), [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('a version that fails midway leaves no trace', async (t) => {
    const { functions } = await open(engine, t);
    await functions.addVersion(newVersion(), FILES);
    const broken = new Map([...FILES, ['c.ts', null as unknown as Uint8Array]]);
    await assert.rejects(functions.addVersion(newVersion({ hash: 'broken' }), broken));
    const record = await functions.find('acme', 'hello');
    assert.deepEqual([record?.live?.number, record?.revision], [1, 1]);
    assert.equal((await functions.sources('acme', 'hello', 2)).size, 0);
    assert.equal((await functions.addVersion(newVersion(), FILES)).added.number, 2);
  });

  test('a change without a new version grows the revision, and a stale one is refused', async (t) => {
    const { functions } = await open(engine, t);
    await functions.addVersion(newVersion(), FILES);
    const trigger = { kind: 'cron', pattern: '* * * * *' } as const;
    const changed = await functions.change('acme', 'hello', { active: false, trigger }, 1);
    assert.deepEqual([changed.active, changed.trigger, changed.revision], [false, trigger, 2]);
    await assert.rejects(functions.change('acme', 'hello', { active: true }, 1), { code: 'PRECONDITION_FAILED' });
    assert.equal((await functions.change('acme', 'hello', { active: true }, null)).revision, 3);
    await assert.rejects(functions.change('rival', 'hello', { active: true }, null), { code: 'NOT_FOUND' });
  });

  test('one that goes live remembers the one before and ends a canary', async (t) => {
    const { functions } = await open(engine, t);
    for (let i = 0; i < 3; i += 1) await functions.addVersion(i === 0 ? newVersion() : notLive(), FILES);
    const canary = { number: 2, weight: 0.05, startedMs: 1_795_000_000_123 };
    assert.deepEqual(plain((await functions.change('acme', 'hello', { canary }, null)).canary), canary);
    const promoted = await functions.change('acme', 'hello', { live: 2 }, null);
    assert.deepEqual([promoted.live?.number, promoted.canary, promoted.previousNumber], [2, null, 1]);
    const again = await functions.change('acme', 'hello', { live: 2 }, null);
    assert.deepEqual([again.previousNumber, again.revision], [1, promoted.revision + 1]);
    await functions.change('acme', 'hello', { canary: { ...canary, number: 3 } }, null);
    assert.equal((await functions.change('acme', 'hello', { canary: null }, null)).canary, null);
  });

  test('nothing can point at a version that is not there', async (t) => {
    const { functions } = await open(engine, t);
    await functions.addVersion(newVersion(), FILES);
    const canary = { number: 9, weight: 1, startedMs: 1 };
    for (const change of [{ live: 9 }, { canary }, { aliases: { a: 1, b: 9 } }]) {
      await assert.rejects(functions.change('acme', 'hello', change, null), {
        code: 'NOT_FOUND',
        message: /version 9/,
      });
    }
    assert.deepEqual((await functions.find('acme', 'hello'))?.aliases, {});
  });

  test('an alias can be moved and removed', async (t) => {
    const { functions } = await open(engine, t);
    for (let i = 0; i < 2; i += 1) await functions.addVersion(newVersion(), FILES);
    const alias = async (aliases: Record<string, number | null>): Promise<FunctionRecord['aliases']> =>
      (await functions.change('acme', 'hello', { aliases }, null)).aliases;
    assert.deepEqual(plain(await alias({ a: 1, b: 2 })), { a: 1, b: 2 });
    assert.deepEqual(plain(await alias({ a: 2 })), { a: 2, b: 2 });
    assert.deepEqual(plain(await alias({ a: null, c: null })), { b: 2 });
  });

  test('a public domain is one function’s, and a new one has to be approved anew', async (t) => {
    const { functions } = await open(engine, t);
    const domain = { publicDomain: 'shop.example', publicDomainApproved: true };
    const first = await functions.addVersion(newVersion({ change: { live: true, alias: null, ...domain } }), FILES);
    assert.deepEqual([first.publicDomain, first.publicDomainApproved], ['shop.example', true]);
    assert.deepEqual(plain(await functions.domainOwner('shop.example')), { tenant: 'acme', name: 'hello' });
    assert.equal(await functions.domainOwner('other.example'), null);
    await functions.addVersion(newVersion({ tenant: 'rival' }), FILES);
    await assert.rejects(functions.change('rival', 'hello', domain, null), { code: 'CONFLICT' });
    const taken = newVersion({ tenant: 'rival', name: 'new', change: { live: true, alias: null, ...domain } });
    await assert.rejects(functions.addVersion(taken, FILES), { code: 'CONFLICT' });
    assert.equal(await functions.find('rival', 'new'), null);
    const moved = await functions.change('acme', 'hello', { publicDomain: 'b.example' }, null);
    assert.deepEqual([moved.publicDomain, moved.publicDomainApproved], ['b.example', false]);
    assert.equal((await functions.change('rival', 'hello', domain, null)).publicDomainApproved, true);
  });

  test('a tenant’s functions come in the order of their names, a page at a time', async (t) => {
    const { functions } = await open(engine, t);
    for (const name of ['b_b', 'ab', 'b-a', 'a', 'ba']) await functions.addVersion(newVersion({ name }), FILES);
    await functions.addVersion(newVersion({ tenant: 'rival', name: 'c' }), FILES);
    const page = async (after: string | null, search?: string): Promise<unknown> => {
      const { items, next } = await functions.list({
        ...{ tenant: 'acme', after, limit: 2 },
        ...(search === undefined ? {} : { search }),
      });
      return [items.map(({ name }) => name), next];
    };
    assert.deepEqual(await page(null), [['a', 'ab'], 'ab']);
    assert.deepEqual(await page('ab'), [['b-a', 'b_b'], 'b_b']);
    assert.deepEqual(await page('b_b'), [['ba'], null]);
    assert.deepEqual(await page(null, '_'), [['b_b'], null]);
    assert.deepEqual(await page(null, '%'), [[], null]);
    assert.deepEqual(await page(null, 'B-'), [['b-a'], null]);
    assert.equal(await functions.count('acme'), 5);
    assert.equal(await functions.count('nobody'), 0);
    const [record] = (await functions.list({ tenant: 'acme', after: null, limit: 1 })).items;
    assert.deepEqual(plain(record), plain(await functions.find('acme', 'a')));
  });

  test('versions come newest first, and the old ones go but for those that something points at', async (t) => {
    const { functions } = await open(engine, t);
    await functions.addVersion(newVersion({ change: { live: true, alias: 'kept' } }), FILES);
    for (let number = 2; number <= 5; number += 1) await functions.addVersion(newVersion(), FILES);
    await functions.change('acme', 'hello', { canary: { number: 3, weight: 0.5, startedMs: 1 } }, null);
    for (let number = 6; number <= 60; number += 1) await functions.addVersion(notLive(), FILES);
    const numbers: number[] = [];
    for (let before: number | null = null; ;) {
      const { items, next } = await functions.versions('acme', 'hello', before, 25);
      numbers.push(...items.map(({ number }) => number));
      if (next === null) break;
      before = Number(next);
    }
    // Number 5 is live, 4 was before it, 3 is the canary, 1 has an alias; 11 to 60 are the newest.
    assert.deepEqual(numbers, [...Array.from({ length: 50 }, (_, i) => 60 - i), 5, 4, 3, 1]);
    assert.equal(await functions.version('acme', 'hello', 2), null);
    assert.equal((await functions.sources('acme', 'hello', 2)).size, 0);
    assert.equal((await functions.sources('acme', 'hello', 1)).size, 2);
  });

  test('the routed versions are the live ones, the canaries and the aliased', async (t) => {
    const { functions } = await open(engine, t);
    for (let i = 0; i < 4; i += 1) await functions.addVersion(i === 0 ? newVersion() : notLive(), FILES);
    const canary = { number: 2, weight: 0.1, startedMs: 1 };
    await functions.change('acme', 'hello', { canary, aliases: { x: 3, y: 1 } }, null);
    await functions.addVersion(notLive({ name: 'asleep' }), FILES);
    await functions.addVersion(newVersion({ tenant: 'rival' }), FILES);
    const { records, versions } = await functions.routed();
    const expected = ['acme/hello@1', 'acme/hello@2', 'acme/hello@3', 'rival/hello@1'];
    assert.deepEqual(versions.map(keyOf).sort(), expected);
    assert.deepEqual(
      plain(records.toSorted((a, b) => (a.tenant + a.name < b.tenant + b.name ? -1 : 1))),
      plain([
        await functions.find('acme', 'asleep'),
        await functions.find('acme', 'hello'),
        await functions.find('rival', 'hello'),
      ]),
    );
    assert.deepEqual(plain(versions.find((each) => keyOf(each) === 'acme/hello@3')?.artifact), newVersion().artifact);
    const one = await functions.routed({ tenant: 'acme', name: 'hello' });
    assert.deepEqual([one.records.length, one.versions.map(keyOf).sort()], [1, expected.slice(0, 3)]);
    assert.deepEqual(plain(await functions.routed({ tenant: 'nobody', name: 'hello' })), { records: [], versions: [] });
  });

  test('a function that comes back after it was deleted is a new one whose numbers and revisions go on', async (t) => {
    const { functions } = await open(engine, t);
    const before = await functions.addVersion(newVersion({ change: { live: true, alias: 'a' } }), FILES);
    assert.equal(await functions.remove('rival', 'hello'), false);
    assert.equal(await functions.remove('acme', 'hello'), true);
    assert.equal(await functions.remove('acme', 'hello'), false);
    assert.equal(await functions.find('acme', 'hello'), null);
    assert.deepEqual(plain(await functions.routed()), { records: [], versions: [] });
    assert.equal(await functions.count('acme'), 0);
    await assert.rejects(functions.change('acme', 'hello', { active: true }, null), { code: 'NOT_FOUND' });
    const after = await functions.addVersion(
      newVersion({ initial: { ...newVersion().initial, active: false } }),
      FILES,
    );
    assert.deepEqual([after.added.number, after.active, after.aliases], [2, false, {}]);
    assert.ok(after.revision > before.revision && after.id !== before.id);
  });

  test('text is kept as it is, but for NUL', async (t) => {
    const { functions } = await open(engine, t);
    const env = { A: 'a\0b', __proto__x: '😀 \u2028' };
    const files = new Map([['a\0b.ts', bytes('1')]]);
    await functions.addVersion(newVersion({ env, handlerName: 'a\0b' }), files);
    const stored = (await functions.version('acme', 'hello', 1))!;
    assert.deepEqual(plain(stored.env), env);
    assert.equal(stored.handlerName, 'a\ufffdb');
    assert.deepEqual([...(await functions.sources('acme', 'hello', 1)).keys()], ['a\ufffdb.ts']);
  });
}
