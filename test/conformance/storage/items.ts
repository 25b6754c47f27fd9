/** What every engine must do with collections of items: the same answer to the same query. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import { MAX_ITEM_BYTES } from '../../../src/core/items.ts';
import type { ItemFilter, ItemQuery, ItemScope, ItemStore, NewItem } from '../../../src/core/items.ts';
import { open } from './fixtures.ts';
import type { StorageEngine } from './fixtures.ts';

const NOW = 1_800_000_000_000;
const QUOTA = { entries: 1_000, bytes: 10_000_000 };
const MANY = 4_000_000;
const OPEN = { read: 'public', create: 'public', update: 'owner', delete: 'none' };
const SCOPE: ItemScope = { tenant: 'acme', slug: 'posts', owner: null };

const item = (id: string, data: Record<string, unknown>, changes: Partial<NewItem> = {}): NewItem => ({
  tenant: 'acme',
  slug: 'posts',
  id,
  owner: null,
  data,
  createdMs: NOW,
  updatedMs: NOW,
  ...changes,
});

const query = (changes: Partial<ItemQuery> = {}): ItemQuery => ({
  filter: { kind: 'all', filters: [] },
  sort: [],
  fields: null,
  limit: 100,
  offset: 0,
  ...changes,
});

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code;

/** One of each kind of value, and none. */
const VALUES: Readonly<Record<string, unknown>> = {
  a: 'apple',
  b: 'Banana',
  c: '10',
  d: 10,
  e: -2.5,
  f: true,
  g: false,
  h: null,
  i: { deep: 1 },
  j: ['apple'],
  k: 'é%_',
  l: '',
};

export function itemsConformance(engine: StorageEngine): void {
  const start = async (t: TestContext): Promise<ItemStore> => {
    const { items } = await open(engine, t);
    await items.putCollection({ tenant: 'acme', slug: 'posts', permissions: OPEN }, 10, NOW);
    return items;
  };
  const filled = async (t: TestContext): Promise<ItemStore> => {
    const items = await start(t);
    let createdMs = NOW;
    for (const [id, v] of Object.entries(VALUES))
      await items.insert(item(id, { v }, { createdMs: createdMs++, owner: id < 'c' ? 'ann' : null }), QUOTA);
    await items.insert(item('m', {}, { createdMs }), QUOTA);
    return items;
  };
  const ids = async (items: ItemStore, changes: Partial<ItemQuery>): Promise<string> =>
    (await items.select(SCOPE, query(changes), MANY))!.map(({ id }) => id).join('');

  test('collections are made, changed, listed and removed with all that is in them', async (t) => {
    const { items } = await open(engine, t);
    const made = await items.putCollection({ tenant: 'acme', slug: 'posts', permissions: OPEN }, 2, NOW);
    assert.deepEqual(made, { tenant: 'acme', slug: 'posts', permissions: OPEN, createdMs: NOW, updatedMs: NOW });
    const other = { ...OPEN, read: 'none' };
    await items.putCollection({ tenant: 'acme', slug: 'posts', permissions: other }, 2, NOW + 1);
    assert.deepEqual((await items.collection('acme', 'posts'))?.permissions, other);
    await items.putCollection({ tenant: 'acme', slug: 'authors', permissions: OPEN }, 2, NOW);
    await assert.rejects(
      items.putCollection({ tenant: 'acme', slug: 'more', permissions: OPEN }, 2, NOW),
      hasCode('QUOTA_EXCEEDED'),
    );
    assert.deepEqual(
      (await items.collections('acme')).map(({ slug }) => slug),
      ['authors', 'posts'],
    );
    assert.equal(await items.collection('rival', 'posts'), null);
    await items.insert(item('a', { x: 1 }), QUOTA);
    assert.equal(await items.removeCollection('rival', 'posts'), false);
    assert.equal(await items.removeCollection('acme', 'posts'), true);
    assert.equal(await items.find(SCOPE, 'a'), null);
    await assert.rejects(items.insert(item('b', {}), QUOTA), hasCode('NOT_FOUND'));
  });

  test('an item is found, changed field by field and removed', async (t) => {
    const items = await start(t);
    const data = { title: 'é"\'\\', n: 1.5, list: [1, { a: null }], ok: true };
    await items.insert(item('a', data, { owner: 'ann' }), QUOTA);
    assert.deepEqual(await items.find(SCOPE, 'a'), { id: 'a', owner: 'ann', data, createdMs: NOW, updatedMs: NOW });
    const changed = await items.update(SCOPE, 'a', { n: null, more: 2 }, QUOTA, NOW + 5);
    assert.deepEqual(changed?.data, { ...data, n: null, more: 2 });
    assert.deepEqual(await items.find(SCOPE, 'a'), changed);
    assert.equal(await items.update(SCOPE, 'gone', { n: 1 }, QUOTA, NOW), null);
    assert.deepEqual((await items.remove(SCOPE, 'a'))?.data, changed?.data);
    assert.equal(await items.remove(SCOPE, 'a'), null);
  });

  test('a scope of one owner has nobody else’s items, and another tenant none', async (t) => {
    const items = await filled(t);
    const own = { ...SCOPE, owner: 'ann' };
    assert.deepEqual(
      (await items.select(own, query(), MANY))?.map(({ id }) => id),
      ['a', 'b'],
    );
    assert.equal(await items.find(own, 'c'), null);
    assert.equal(await items.update(own, 'c', { v: 1 }, QUOTA, NOW), null);
    assert.equal(await items.remove(own, 'c'), null);
    assert.deepEqual(await items.select({ ...SCOPE, tenant: 'rival' }, query(), MANY), []);
    assert.equal(await items.find({ ...SCOPE, tenant: 'rival' }, 'a'), null);
  });

  const compare = (comparison: '=' | '<>' | '>' | '>=' | '<' | '<=', value: string | number | boolean): ItemFilter => ({
    kind: 'compare',
    field: 'v',
    comparison,
    value,
  });
  const among = (negated: boolean, ...values: (string | number | boolean)[]): ItemFilter => ({
    kind: 'in',
    field: 'v',
    values,
    negated,
  });
  const contains = (text: string): ItemFilter => ({ kind: 'contains', field: 'v', text });
  const FILTERS: readonly (readonly [what: string, filter: ItemFilter, found: string])[] = [
    ['equal text', compare('=', 'apple'), 'a'],
    ['text is not a number', compare('=', '10'), 'c'],
    ['a number is not text', compare('=', 10), 'd'],
    ['a number as JSON writes it otherwise', compare('=', 1e1), 'd'],
    ['true', compare('=', true), 'f'],
    ['false', compare('=', false), 'g'],
    ['empty text', compare('=', ''), 'l'],
    ['other than', compare('<>', 'apple'), 'bcdefgijkl'],
    ['other than true', compare('<>', true), 'abcdegijkl'],
    ['greater text, by its bytes', compare('>', 'Banana'), 'ak'],
    ['less or equal text', compare('<=', 'Banana'), 'bcl'],
    ['greater number', compare('>', -3), 'de'],
    ['less number', compare('<', 10), 'e'],
    ['at least', compare('>=', 10), 'd'],
    ['one of', among(false, 'apple', 10, true), 'adf'],
    ['one of none', among(false), ''],
    ['none of', among(true, 'apple', 10, true, ''), 'bcegijk'],
    ['none of none', among(true), 'abcdefgijkl'],
    ['contains', contains('an'), 'b'],
    ['contains, without wildcards', contains('%'), 'k'],
    ['contains, without wildcards for one character', contains('_'), 'k'],
    ['contains, not in a list', contains('apple'), 'a'],
    ['null', { kind: 'null', field: 'v', isNull: true }, 'hm'],
    ['not null', { kind: 'null', field: 'v', isNull: false }, 'abcdefgijkl'],
    ['a field that nobody has', { kind: 'compare', field: 'w', comparison: '<>', value: 1 }, ''],
    ['all of none', { kind: 'all', filters: [] }, 'abcdefghijklm'],
    ['any of none', { kind: 'any', filters: [] }, ''],
    ['all', { kind: 'all', filters: [compare('>', 'A'), contains('n')] }, 'b'],
    ['any', { kind: 'any', filters: [compare('=', 'apple'), { kind: 'all', filters: [compare('=', 10)] }] }, 'ad'],
    ['by id', { kind: 'in', field: 'id', values: ['a', 'b', 1], negated: false }, 'ab'],
    ['by owner', { kind: 'compare', field: 'owner', comparison: '=', value: 'ann' }, 'ab'],
    ['without an owner', { kind: 'null', field: 'owner', isNull: true }, 'cdefghijklm'],
    [
      'by a time as text',
      { kind: 'compare', field: 'created_at', comparison: '<', value: new Date(NOW + 2).toISOString() },
      'ab',
    ],
    ['by a time in ms', { kind: 'compare', field: 'created_at', comparison: '>=', value: NOW + 11 }, 'lm'],
  ];
  test('filters find the same on every engine', async (t) => {
    const items = await filled(t);
    for (const [what, filter, found] of FILTERS) assert.equal(await ids(items, { filter }), found, what);
    await assert.rejects(
      ids(items, { filter: { kind: 'compare', field: 'updated_at', comparison: '>', value: 'yesterday' } }),
      hasCode('BAD_REQUEST'),
    );
  });

  test('items are sorted alike: nothing, numbers, text, the rest; then the oldest first', async (t) => {
    const items = await filled(t);
    assert.equal(await ids(items, {}), 'abcdefghijklm');
    assert.equal(await ids(items, { sort: [{ field: 'v', descending: false }] }), 'hmegfdlcbakij');
    assert.equal(await ids(items, { sort: [{ field: 'v', descending: true }] }), 'ijkabcldfgehm');
    assert.equal(await ids(items, { sort: [{ field: 'created_at', descending: true }], limit: 3, offset: 1 }), 'lkj');
    assert.equal(await ids(items, { sort: [{ field: 'id', descending: true }], limit: 2 }), 'ml');
  });

  test('hostile names of fields and values are looked up, and never run', async (t) => {
    const items = await filled(t);
    for (const hostile of [`v') or 1=1 --`, `v" or "1"="1`, '$1', '*', '__proto__', 'data', 'v;drop table items']) {
      for (const filter of [
        { kind: 'compare', field: 'v', comparison: '=', value: hostile },
        { kind: 'compare', field: 'owner', comparison: '=', value: hostile },
        { kind: 'contains', field: 'v', text: hostile },
      ] as const)
        assert.equal(await ids(items, { filter }), '', hostile);
      assert.equal(await items.find(SCOPE, hostile), null);
      assert.deepEqual(await items.select({ ...SCOPE, slug: hostile }, query(), MANY), []);
    }
    assert.equal(await ids(items, { filter: { kind: 'null', field: '__proto__', isNull: false } }), '');
    assert.equal(await ids(items, { sort: [{ field: '__proto__', descending: true }] }), 'abcdefghijklm');
  });

  test('the largest query that is let through is answered', async (t) => {
    const items = await filled(t);
    const values = Array.from({ length: 250 }, (_, i) => (i % 2 === 0 ? `value ${i}` : i + 100));
    const none = { kind: 'in', field: 'v', values, negated: true } as const;
    const others = Array.from({ length: 37 }, (_, i) => ({ ...none, field: `f${i}`, values: [i], negated: false }));
    let filter: ItemFilter = { kind: 'all', filters: [none, none, { kind: 'any', filters: [none, ...others] }] };
    for (let depth = 0; depth < 8; depth++) filter = { kind: depth % 2 === 0 ? 'any' : 'all', filters: [filter] };
    const sort = Array.from({ length: 4 }, (_, i) => ({ field: `f${i}`, descending: true }));
    assert.equal(await ids(items, { filter, sort, limit: 1 }), 'a');
  });

  test('an answer that would be too large is none', async (t) => {
    const items = await start(t);
    for (const id of ['a', 'b', 'c']) await items.insert(item(id, { text: 'x'.repeat(10_000) }), QUOTA);
    assert.equal(await items.select(SCOPE, query(), 25_000), null);
    assert.equal((await items.select(SCOPE, query({ limit: 2 }), 25_000))?.length, 2);
  });

  test('an item has a bound, and a tenant a quota that every write keeps to', async (t) => {
    const items = await start(t);
    await assert.rejects(items.insert(item('a', { x: 'x'.repeat(MAX_ITEM_BYTES) }), QUOTA), hasCode('BAD_REQUEST'));
    const quota = { entries: 2, bytes: 100 };
    await items.insert(item('a', { x: 'x'.repeat(40) }), quota);
    await assert.rejects(items.insert(item('b', { x: 'x'.repeat(60) }), quota), hasCode('QUOTA_EXCEEDED'));
    await assert.rejects(items.update(SCOPE, 'a', { x: 'x'.repeat(99) }, quota, NOW), hasCode('QUOTA_EXCEEDED'));
    await items.update(SCOPE, 'a', { x: '' }, quota, NOW);
    await items.insert(item('b', { x: 'x'.repeat(60) }), quota);
    await assert.rejects(items.insert(item('c', {}), quota), hasCode('QUOTA_EXCEEDED'));
    await items.remove(SCOPE, 'a');
    await items.insert(item('c', {}), quota);
    await items.removeCollection('acme', 'posts');
    await items.putCollection({ tenant: 'acme', slug: 'posts', permissions: OPEN }, 10, NOW);
    await items.insert(item('d', { x: 'x'.repeat(80) }), quota);
  });

  test('a tenant that was erased has no collections', async (t) => {
    const storage = await open(engine, t);
    await storage.items.putCollection({ tenant: 'acme', slug: 'posts', permissions: OPEN }, 10, NOW);
    await storage.items.insert(item('a', {}), QUOTA);
    await storage.tenants.erase('acme');
    assert.deepEqual(await storage.items.collections('acme'), []);
    assert.equal(await storage.items.find(SCOPE, 'a'), null);
    await assert.rejects(storage.items.insert(item('a', {}), QUOTA), hasCode('NOT_FOUND'));
  });
}
