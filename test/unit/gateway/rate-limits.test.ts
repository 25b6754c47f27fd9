import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RateDecision } from '../../../src/core/rate-limit.ts';
import { clientKey } from '../../../src/gateway/function-rates.ts';
import { createRateLimits } from '../../../src/gateway/rate-limits.ts';

const MINUTE = { limit: 2, windowSeconds: 60 };

test('so many in a window are allowed, and the rest is told when to come again', async () => {
  const limits = await createRateLimits(null);
  const decisions: RateDecision[] = [];
  for (let i = 0; i < 3; i++) decisions.push(await limits.take('invoke', 'alice', MINUTE));
  assert.deepEqual(
    decisions.map(({ allowed, remaining }) => [allowed, remaining]),
    [
      [true, 1],
      [true, 0],
      [false, 0],
    ],
  );
  assert.ok(decisions.every(({ resetSeconds }) => resetSeconds >= 59 && resetSeconds <= 60));
});

test('keys, scopes and rules are counted apart', async () => {
  const limits = await createRateLimits(null);
  for (let i = 0; i < 3; i++) await limits.take('invoke', 'alice', MINUTE);
  assert.equal((await limits.take('invoke', 'bob', MINUTE)).allowed, true);
  assert.equal((await limits.take('address', 'alice', MINUTE)).allowed, true);
  assert.equal((await limits.take('invoke', 'alice', { limit: 9, windowSeconds: 60 })).allowed, true);
});

test('a window that is over begins again', async (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: Date.now() });
  const limits = await createRateLimits(null);
  const second = { limit: 1, windowSeconds: 1 };
  await limits.take('s', 'k', second);
  const { allowed, resetSeconds } = await limits.take('s', 'k', second);
  assert.equal(allowed, false);
  assert.equal(resetSeconds, 1);
  t.mock.timers.tick(1_001);
  assert.equal((await limits.take('s', 'k', second)).allowed, true);
});

test('invented keys don’t fill the memory: the last ones share counters', async () => {
  const limits = await createRateLimits(null);
  const once = { limit: 1, windowSeconds: 600 };
  for (let i = 0; i < 100_000; i++) await limits.take('a', `key-${i}`, once);
  let allowed = 0;
  for (let i = 0; i < 20_000; i++) if ((await limits.take('a', `late-${i}`, once)).allowed) allowed++;
  assert.ok(allowed > 4_000 && allowed <= 4_096, String(allowed));
  assert.equal((await limits.take('a', 'key-0', once)).allowed, false);
});

test('an IPv6 client is its /64', () => {
  assert.equal(clientKey('192.0.2.1'), '192.0.2.1');
  assert.equal(clientKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2');
  assert.equal(clientKey('2001:db8:1:2::6'), '2001:db8:1:2');
  assert.equal(clientKey('2001:db8::6'), '2001:db8:0:0');
  assert.equal(clientKey('::1'), '0:0:0:0');
});
