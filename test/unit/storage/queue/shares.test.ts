import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shareOut } from '../../../../src/storage/queue/shares.ts';

const lanes = (...names: readonly string[]) => names.map((lane, dueMs) => ({ lane, dueMs }));
const counts = (shares: ReturnType<typeof shareOut>): Record<string, number> =>
  Object.fromEntries(shares.map(({ lane, count }) => [lane, count]));

test('tenants share equally, whatever the number of their functions', () => {
  const shares = shareOut(8, lanes('a/1', 'a/2', 'a/3', 'b/1'), '');
  assert.deepEqual(counts(shares), { 'a/1': 2, 'a/2': 1, 'a/3': 1, 'b/1': 4 });
});

test('where there is less than one each, the turn goes on after the tenant that was last', () => {
  const all = lanes('a/1', 'b/1', 'c/1');
  assert.deepEqual(counts(shareOut(1, all, '')), { 'a/1': 1 });
  assert.deepEqual(counts(shareOut(1, all, 'a')), { 'b/1': 1 });
  assert.deepEqual(counts(shareOut(2, all, 'b')), { 'c/1': 1, 'a/1': 1 });
  assert.deepEqual(counts(shareOut(1, all, 'c')), { 'a/1': 1 });
  assert.deepEqual(counts(shareOut(1, all, 'bb')), { 'c/1': 1 }, 'also where that one has nothing any more');
});

test('of one tenant’s functions the one that has waited longest comes first', () => {
  assert.deepEqual(
    counts(
      shareOut(
        1,
        [
          { lane: 'a/1', dueMs: 5 },
          { lane: 'a/2', dueMs: 3 },
        ],
        '',
      ),
    ),
    { 'a/2': 1 },
  );
});

test('the last share is the last turn’s', () => {
  assert.equal(shareOut(4, lanes('a/1', 'b/1', 'c/1'), '').at(-1)!.lane, 'a/1');
  assert.equal(shareOut(3, lanes('a/1', 'b/1', 'c/1'), 'a').at(-1)!.lane, 'a/1');
});

test('nothing is shared where there is nothing to share, and no more than a statement takes', () => {
  assert.deepEqual(shareOut(9, [], ''), []);
  assert.deepEqual(shareOut(0, lanes('a/1'), ''), []);
  const many = Array.from({ length: 300 }, (_, i) => ({ lane: `t${i}/f`, dueMs: 0 }));
  assert.equal(shareOut(500, many, '').length, 100);
});
