/** What a channel and a pattern of channels may be. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEventPattern, requireChannel } from '../../../src/core/event-pattern.ts';

test('what is no pattern or no channel is refused', () => {
  const neither = [
    '',
    ':',
    'a:',
    ':a',
    'a::b',
    'a b',
    'ä',
    'a\n',
    'a\0',
    'x'.repeat(257),
    Array(17).fill('a').join(':'),
  ];
  for (const text of neither) {
    assert.equal(isEventPattern(text), false, text);
    assert.throws(() => requireChannel(text), { code: 'BAD_REQUEST', message: /^channel: expected 1 to 16 segments/ });
  }
  for (const text of ['**:a', 'a:**:b', 'a*', '***', 'a:b**']) assert.equal(isEventPattern(text), false, text);
  for (const text of ['*', 'a:*', '**', '*:b:**']) {
    assert.equal(isEventPattern(text), true, text);
    assert.throws(() => requireChannel(text), /channel/);
  }
  assert.equal(requireChannel(Array(16).fill('a').join(':')).length, 31);
});
