import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuCount } from '../../../../src/guest/executor/cpu-count.ts';

test('running time is told once, from the beginning of the first call on', () => {
  const count = new CpuCount();
  count.start(100, 0);
  assert.equal(count.sinceLast(140), 40);
  assert.equal(count.sinceLast(140), 0);
  assert.equal(count.sinceLast(90), 0, 'an isolate that is gone ran for no time');
});

test('a call that is alone is charged with all that was used', () => {
  const count = new CpuCount();
  count.start(0, 0);
  assert.equal(count.charge(40, 50, 'alone'), 40);
  assert.equal(count.charge(1, 1_000, 'alone'), 1);
});

test('among several, who is found running is charged with the time since the last look', () => {
  const count = new CpuCount();
  count.start(0, 0);
  assert.equal(count.charge(8, 10, 'running'), 8, 'never with more than was used');
  assert.equal(count.charge(22, 20, 'running'), 10, 'never with more than has passed');
  assert.equal(count.charge(0, 30, 'running'), 10, 'what was left over waits for the next look');
});

test('what nobody was found running for is not all held against the one who is found at last', () => {
  const count = new CpuCount();
  count.start(0, 0);
  for (let ms = 10; ms <= 1_000; ms += 10) assert.equal(count.charge(10, ms, 'nobody'), 0);
  assert.equal(count.charge(0, 1_010, 'running'), 10);
  assert.equal(count.charge(0, 1_020, 'alone'), 40, 'no more than a little waits');
});
