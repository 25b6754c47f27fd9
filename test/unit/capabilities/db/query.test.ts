/** What `ctx.db.list` may ask: every operator, every bound, and nothing else. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { documentOf, HOST_FIELDS } from '../../../../src/capabilities/db/document.ts';
import { resolveNow } from '../../../../src/capabilities/db/now.ts';
import { queryOf, slugOf } from '../../../../src/capabilities/db/query.ts';
import { Fault } from '../../../../src/core/faults.ts';
import type { ItemFilter } from '../../../../src/core/items.ts';

const NOW = Date.parse('2026-03-31T12:00:00Z');
const filterOf = (filter: unknown): ItemFilter => queryOf({ filter }, NOW).filter;
const refuses = (work: () => unknown, words: RegExp | string, what?: string): void =>
  assert.throws(
    work,
    (error) => error instanceof Fault && error.code === 'BAD_REQUEST' && new RegExp(words).test(error.message),
    what,
  );

describe('a query', () => {
  test('has defaults', () => {
    const all = { filter: { kind: 'all', filters: [] }, sort: [], fields: null, limit: 100, offset: 0 };
    for (const given of [undefined, null, {}, { filter: null, sort: null, fields: null }, { filter: {} }])
      assert.deepEqual(queryOf(given, NOW), all);
  });

  test('knows every operator', () => {
    const compare = (comparison: string) => ({ kind: 'compare', field: 'a', comparison, value: 1 });
    const cases: readonly (readonly [unknown, unknown])[] = [
      [{ a: { _eq: 1 } }, compare('=')],
      [{ a: 1 }, compare('=')],
      [{ a: { _neq: 1 } }, compare('<>')],
      [{ a: { _gt: 1 } }, compare('>')],
      [{ a: { _gte: 1 } }, compare('>=')],
      [{ a: { _lt: 1 } }, compare('<')],
      [{ a: { _lte: 1 } }, compare('<=')],
      [{ a: { _in: [1, 'x', true] } }, { kind: 'in', field: 'a', values: [1, 'x', true], negated: false }],
      [{ a: { _nin: [] } }, { kind: 'in', field: 'a', values: [], negated: true }],
      [{ a: { _contains: '%' } }, { kind: 'contains', field: 'a', text: '%' }],
      [{ a: { _null: true } }, { kind: 'null', field: 'a', isNull: true }],
      [{ a: null }, { kind: 'null', field: 'a', isNull: true }],
      [{ a: { _eq: null } }, { kind: 'null', field: 'a', isNull: true }],
      [{ a: { _neq: null } }, { kind: 'null', field: 'a', isNull: false }],
      [{ a: { _gt: 1, _lt: 1 } }, { kind: 'all', filters: [compare('>'), compare('<')] }],
      [{ _and: [{ a: 1 }] }, { kind: 'all', filters: [compare('=')] }],
      [{ _or: [{ a: 1 }, {}] }, { kind: 'any', filters: [compare('='), { kind: 'all', filters: [] }] }],
      [{ a: { _gt: '$now' } }, { ...compare('>'), value: '2026-03-31T12:00:00.000Z' }],
      [{ a: '$now(-1 day)' }, { ...compare('='), value: '2026-03-30T12:00:00.000Z' }],
    ];
    for (const [given, read] of cases) assert.deepEqual(filterOf(given), read, JSON.stringify(given));
  });

  test('sorts by fields, the last first with a minus', () => {
    const { sort } = queryOf({ sort: ['-created_at', 'title'] }, NOW);
    assert.deepEqual(sort, [
      { field: 'created_at', descending: true },
      { field: 'title', descending: false },
    ]);
    assert.equal(queryOf({ sort: 'title' }, NOW).sort.length, 1);
  });

  const HOSTILE_NAMES = [
    'a b',
    'a;b',
    'a"b',
    "a'b",
    'a.b',
    'a-b',
    '$a',
    '1a',
    '',
    'a'.repeat(64),
    'é',
    'a\0',
    'a\n',
    '--a',
  ];
  test('takes no name that is more than letters, digits and _', () => {
    for (const name of HOSTILE_NAMES) {
      refuses(() => slugOf(name), '^slug: expected a name', name);
      refuses(() => queryOf({ sort: name }, NOW), 'sort', name);
      refuses(() => queryOf({ fields: [name] }, NOW), 'fields', name);
      refuses(() => filterOf({ [name]: 1 }), 'filter', name);
    }
    for (const name of [null, 1, {}, [], undefined, { toString: 'a' }]) refuses(() => slugOf(name), 'slug');
  });

  test('takes no operator that is not in the list, and no value that is none', () => {
    for (const operator of ['_like', '_regex', '__proto__', 'constructor', '_and', 'toString', '', '$gt', '_sql'])
      refuses(() => filterOf(JSON.parse(`{"a":{${JSON.stringify(operator)}:1}}`)), 'expected one of _eq', operator);
    for (const value of [
      {},
      [],
      [1],
      { _gt: {} },
      { _gt: [] },
      { _gt: null },
      { _gt: true },
      { _in: 1 },
      { _in: [null] },
    ])
      refuses(() => filterOf({ a: value }), 'filter.a', JSON.stringify(value));
    for (const value of [{ _contains: 1 }, { _contains: null }, { _null: 1 }, { _null: 'true' }, { _in: [[1]] }])
      refuses(() => filterOf({ a: value }), 'filter.a', JSON.stringify(value));
    for (const filter of [1, 'x', [], true, { _and: {} }, { _or: 1 }, { _and: [1] }, { _or: [null] }])
      refuses(() => filterOf(filter), 'filter', JSON.stringify(filter));
    for (const text of [
      '$now(',
      '$now()',
      '$now(1)',
      '$nowhere',
      '$now(-1 eon)',
      '$now(-1 day); drop',
      '$now(1e9 day)',
    ])
      refuses(() => filterOf({ a: text }), '\\$now', text);
  });

  test('is bounded in every direction', () => {
    const nested = (depth: number): unknown => (depth === 0 ? { a: 1 } : { _and: [nested(depth - 1)] });
    filterOf(nested(8));
    refuses(() => filterOf(nested(9)), 'at most 8 of _and and _or');
    refuses(() => filterOf(JSON.parse(`${'{"_or":['.repeat(5000)}{}${']}'.repeat(5000)}`)), 'at most 8');
    refuses(() => filterOf({ a: { _in: Array.from({ length: 251 }, () => 1) } }), 'at most 250');
    refuses(() => filterOf({ _or: Array.from({ length: 41 }, () => ({})) }), 'at most 40 conditions');
    refuses(() => filterOf(Object.fromEntries(Array.from({ length: 41 }, (_, i) => [`a${i}`, 1]))), '40 conditions');
    refuses(
      () => filterOf(Object.fromEntries(Array.from({ length: 3 }, (_, i) => [`a${i}`, { _in: Array(200).fill(1) }]))),
      'at most 500 values',
    );
    refuses(() => filterOf({ a: 'x'.repeat(4097) }), 'at most 4096 bytes');
    refuses(() => filterOf({ a: '\0' }), 'without NUL');
    refuses(() => filterOf({ a: '\ud800' }), 'surrogate');
    for (const limit of [1001, -1, 1.5, '10', null as never, NaN, 1e99])
      if (limit !== null) refuses(() => queryOf({ limit }, NOW), 'limit');
    refuses(() => queryOf({ offset: 1e9 }, NOW), 'offset');
    refuses(() => queryOf({ sort: Array(5).fill('a') }, NOW), 'at most 4');
    refuses(() => queryOf({ fields: Array(101).fill('a') }, NOW), 'at most 100');
    for (const given of [1, 'x', [], true, { where: 1 }, JSON.parse('{"__proto__":1}')])
      refuses(() => queryOf(given, NOW), 'query');
  });
});

test('$now is shifted by every unit, over the ends of months too', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['$now', '2026-03-31T12:00:00.000Z'],
    ['$now(-1 day)', '2026-03-30T12:00:00.000Z'],
    ['$now(+2 hours)', '2026-03-31T14:00:00.000Z'],
    ['$now(90 seconds)', '2026-03-31T12:01:30.000Z'],
    ['$now( - 1 week )', '2026-03-24T12:00:00.000Z'],
    ['$now(-1 month)', '2026-02-28T12:00:00.000Z'],
    ['$now(1 month)', '2026-04-30T12:00:00.000Z'],
    ['$now(-1 year)', '2025-03-31T12:00:00.000Z'],
    ['$now(15 minutes)', '2026-03-31T12:15:00.000Z'],
  ];
  for (const [text, time] of cases) assert.equal(resolveNow(text, NOW), time, text);
  assert.equal(resolveNow('$now(999999 years)', NOW), null);
});

test('a document has fields of its own, all of which every database can keep', () => {
  const read = (given: unknown): unknown => documentOf(given, HOST_FIELDS);
  const given = { title: 'é', n: 1.5, list: [{ deep: [null] }], x: { 'any name "': 1 } };
  assert.equal(read(given), given);
  for (const name of ['id', 'owner', 'created_at', 'updated_at', '__proto__', 'a b', 'a"', ''])
    refuses(() => read(JSON.parse(`{${JSON.stringify(name)}:1}`)), 'data', name);
  for (const none of [null, 1, 'x', [], undefined]) refuses(() => read(none), 'data: expected an object');
  for (const value of ['\0', '\udc00', ['\0'], { a: { '\0': 1 } }]) refuses(() => read({ a: value }), 'data.a');
  refuses(() => read({ a: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) }), 'at most 32');
  refuses(() => read({ a: JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) }), 'at most 32');
  refuses(() => read({ a: 'x'.repeat(65_536) }), 'at most 65536 bytes');
  refuses(() => read(Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`a${i}`, 1]))), 'at most 200');
});
