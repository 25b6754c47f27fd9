/** An error that comes again and again is heard once in a while, with how often it came. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seldom } from '../../../src/lib/seldom.ts';

test('each message is heard at once, and then not for a while', () => {
  const heard: unknown[] = [];
  const listen = seldom((error) => heard.push(error));
  const first = new Error('a');
  for (const error of [first, new Error('a'), 'b', new Error('a'), 'b']) listen(error);
  assert.deepEqual(heard, [first, 'b']);
});

test('after that while it says how often it came', () => {
  const heard: string[] = [];
  const listen = seldom((error) => heard.push((error as Error).message), 0);
  listen(new Error('a'));
  listen(new Error('a'));
  assert.deepEqual(heard, ['a', 'a']);
  const later: string[] = [];
  const slow = seldom((error) => later.push((error as Error).message), 30);
  const untilMs = performance.now() + 5_000;
  while (later.length < 2 && performance.now() < untilMs) slow(new Error('a'));
  assert.equal(later[0], 'a');
  assert.match(later[1] ?? '', /^a \(\d+ more times meanwhile\)$/);
});

test('ever new messages take no more memory', () => {
  let count = 0;
  const listen = seldom(() => count++);
  for (let i = 0; i < 1_000; i++) listen(`message ${i}`);
  assert.equal(count, 1_000);
  // The first was forgotten for the last, and is heard again.
  listen('message 0');
  listen('message 999');
  assert.equal(count, 1_001);
});
