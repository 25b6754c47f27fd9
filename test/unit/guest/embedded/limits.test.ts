import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitsOf } from '../../../../src/guest/embedded/limits.ts';
import { Stopwatch } from '../../../../src/guest/embedded/stopwatch.ts';

test('limits that are not given have a value, and those that are must lie within bounds', () => {
  assert.deepEqual(limitsOf({ timeoutMs: 7 }), { ...limitsOf({}), timeoutMs: 7 });
  for (const wrong of [{ memoryMb: 1 }, { memoryMb: 1e6 }, { timeoutMs: Number.NaN }, { logBytes: '5' as never }])
    assert.throws(() => limitsOf(wrong), /limits\.\w+ must be a number from/);
  assert.throws(() => limitsOf({ toString: 1 } as never), /There is no limit/);
});

test('where the clock stands still, time is up after so many questions', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000 });
  const stopwatch = new Stopwatch(10);
  stopwatch.begin();
  let asked = 0;
  while (!stopwatch.isOver() && asked < 1_000) asked++;
  assert.ok(asked > 10 && asked < 1_000, `${asked}`);
});

test('where the clock goes on, it decides', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000 });
  const stopwatch = new Stopwatch(100);
  stopwatch.begin();
  for (let ms = 0; ms < 100; ms++) {
    t.mock.timers.tick(1);
    for (let i = 0; i < 100; i++) assert.equal(stopwatch.isOver(), false);
  }
  t.mock.timers.tick(1);
  assert.equal(stopwatch.isOver(), true);
});
