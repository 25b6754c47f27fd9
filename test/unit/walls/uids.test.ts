import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UidAllocator } from '../../../src/walls/uids.ts';

test('every uid of the range is handed out once before any is refused', () => {
  const uids = new UidAllocator({ first: 5_000, count: 4 });
  const taken = [1, 2, 3, 4].map(() => uids.acquire());
  assert.deepEqual(
    taken.toSorted((a, b) => a - b),
    [5_000, 5_001, 5_002, 5_003],
  );
  assert.throws(() => uids.acquire(), { code: 'OVERLOADED' });
});

test('a released uid can be had again, but is not the next one', () => {
  const uids = new UidAllocator({ first: 5_000, count: 2 });
  const first = uids.acquire();
  uids.release(first);
  assert.notEqual(uids.acquire(), first);
  assert.equal(uids.acquire(), first);
});

test('a range that holds root or the kernel’s "no uid" is refused', () => {
  for (const range of [
    { first: 0, count: 10 },
    { first: -1, count: 10 },
    { first: 1_000, count: 0 },
    { first: 0xffff_fff0, count: 15 },
    { first: 1.5, count: 1 },
  ]) {
    assert.throws(() => new UidAllocator(range), RangeError);
  }
});
