import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Suspects } from '../../../src/supervisor/suspects.ts';
import { makeVersion } from '../../support/calls.ts';

test('a version is suspected by its key', () => {
  const suspects = new Suspects();
  assert.equal(suspects.has(makeVersion('a')), false);
  suspects.add('acme/a@1');
  assert.equal(suspects.has(makeVersion('a')), true);
  assert.equal(suspects.has(makeVersion('b')), false);
  assert.equal(suspects.has(makeVersion('a', { key: 'acme/a@2' })), false);
});

test('suspicion ends after ten minutes, and begins anew with each cause', (t) => {
  const suspects = new Suspects();
  let nowMs = 1_000;
  t.mock.method(performance, 'now', () => nowMs);
  suspects.add('acme/a@1');
  nowMs += 599_000;
  assert.equal(suspects.has(makeVersion('a')), true);
  suspects.add('acme/a@1');
  nowMs += 599_000;
  assert.equal(suspects.has(makeVersion('a')), true);
  nowMs += 2_000;
  assert.equal(suspects.has(makeVersion('a')), false);
});

test('the list is bounded: the oldest suspects are forgotten first', () => {
  const suspects = new Suspects();
  for (let i = 0; i <= 10_000; i++) suspects.add(`acme/f${i}@1`);
  assert.equal(suspects.has(makeVersion('f0')), false);
  assert.equal(suspects.has(makeVersion('f1')), true);
  assert.equal(suspects.has(makeVersion('f10000')), true);
});
