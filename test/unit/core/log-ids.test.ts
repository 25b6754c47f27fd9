import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogIds } from '../../../src/core/log-ids.ts';

const NOW = Date.UTC(2026, 5);

test('ids grow with every line, also of one ms, and when the clock goes back', () => {
  const ids = new LogIds(0, 5);
  let last = 0;
  for (let i = 0; i < 1_000; i += 1) {
    const id = ids.next(i < 500 ? NOW : NOW - 60_000);
    assert.ok(id > last && Number.isSafeInteger(id));
    assert.equal(ids.last, id);
    last = id;
  }
});

test('the ids of two nodes never meet, and are in the order of their times', () => {
  const [a, b] = [new LogIds(0, 1), new LogIds(0, 2)];
  const given = new Set<number>();
  for (let i = 0; i < 500; i += 1) given.add(a.next(NOW)).add(b.next(NOW));
  assert.equal(given.size, 1_000);
  assert.ok(b.next(NOW + 1_000) > a.next(NOW + 900));
  assert.ok(a.next(NOW + 1_001) > b.last);
});

test('they follow whatever was there before, also another node’s and one of the future', () => {
  const before = new LogIds(0, 63).next(NOW + 5);
  for (const last of [7, before]) assert.ok(new LogIds(last, 0).next(NOW) > last);
});

test('they stay safe integers for decades', () => {
  assert.ok(Number.isSafeInteger(new LogIds(0, 63).next(Date.UTC(2093, 11))));
});
