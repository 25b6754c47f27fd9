import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEntry } from '../../../src/core/invocation.ts';
import { LogAllowance } from '../../../src/wire/log-allowance.ts';

const line = (message: string): LogEntry => ({ level: 'info', message, timeMs: 0 });

test('what is too much is told once, and the rest is dropped', () => {
  const allowance = new LogAllowance();
  const kept = Array.from({ length: 10 }, () => allowance.take(line('x'.repeat(84)), 1, 250)?.message ?? null);
  assert.deepEqual(kept.slice(0, 2), ['x'.repeat(84), 'x'.repeat(84)]);
  assert.match(kept[2] ?? '', /longer than 250 bytes/);
  assert.deepEqual(new Set(kept.slice(3)), new Set([null]));
});

test('empty lines cost something too', () => {
  const allowance = new LogAllowance();
  const kept = Array.from({ length: 100 }, () => allowance.take(line(''), 1, 160)).filter((entry) => entry !== null);
  assert.equal(kept.length, 11);
});

test('another invocation has an allowance of its own', () => {
  const allowance = new LogAllowance();
  while (allowance.take(line('x'), 1, 100) !== null);
  assert.equal(allowance.take(line('y'), 2, 100)?.message, 'y');
});
