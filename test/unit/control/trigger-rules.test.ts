import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireTrigger } from '../../../src/control/trigger-rules.ts';

test('patterns that mean something are taken as they are', () => {
  const event = ['items:posts:*', '*', 'a.b_c-d:*:deleted'];
  const cron = ['*/5 * * * *', '0 9 * * 1-5', '0 0 1,15 JAN-jun sun', '30 0 9 * * *', '5-55/10 0-23/2 * * 7'];
  for (const pattern of event) assert.deepEqual(requireTrigger({ kind: 'event', pattern }), { kind: 'event', pattern });
  for (const pattern of cron) assert.deepEqual(requireTrigger({ kind: 'cron', pattern }), { kind: 'cron', pattern });
  assert.deepEqual(requireTrigger({ kind: 'http', pattern: null }), { kind: 'http', pattern: null });
});

test('all others are refused, with what was expected', () => {
  const event = ['', ':', 'a::b', 'a b', 'po*', 'a:**', 'x'.repeat(300), Array(20).fill('a').join(':')];
  const cron = [
    '',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    '* * * foo *',
    '*  * * * *',
    '1, * * * *',
    '@daily',
    `${'1,'.repeat(200)}1 * * * *`,
  ];
  const refused = (kind: 'event' | 'cron', pattern: string | null): void =>
    assert.throws(() => requireTrigger({ kind, pattern }), {
      code: 'BAD_REQUEST',
      message: /^trigger\.pattern: expected /,
    });
  for (const pattern of event) refused('event', pattern);
  for (const pattern of cron) refused('cron', pattern);
  refused('cron', null);
  assert.throws(() => requireTrigger({ kind: 'http', pattern: '*' }), /http has no pattern/);
});
