import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireTrigger } from '../../../src/control/trigger-rules.ts';

test('patterns that mean something are taken as they are', () => {
  const event = ['items:posts:*', '*', '**', 'a:**', 'a.b_c-d:*:deleted'];
  const cron = [
    '*/5 * * * *',
    '0 9 * * 1-5',
    '0 0 1,15 JAN-jun sun',
    '30 0 9 * * *',
    '5-55/10 0-23/2 * * 7',
    '@daily',
    '@hourly',
    '@weekly',
    '@monthly',
    '@yearly',
    'CRON_TZ=Europe/Berlin 0 9 * * *',
    'TZ=America/Argentina/Buenos_Aires @daily',
    'CRON_TZ=Etc/GMT+5 */10 * * * * *',
    '0 0 L * *',
    '0 0 * * MON#2',
  ];
  for (const pattern of event) assert.deepEqual(requireTrigger({ kind: 'event', pattern }), { kind: 'event', pattern });
  for (const pattern of cron) assert.deepEqual(requireTrigger({ kind: 'cron', pattern }), { kind: 'cron', pattern });
  assert.deepEqual(requireTrigger({ kind: 'http', pattern: null }), { kind: 'http', pattern: null });
});

test('all others are refused, with what was expected', () => {
  const event = ['', ':', 'a::b', 'a b', 'po*', '**:a', 'x'.repeat(300), Array(20).fill('a').join(':')];
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
    ',1 * * * *',
    '1,,2 * * * *',
    '@reboot',
    '@every 5s',
    '2030-01-01T00:00:00',
    `${'1,'.repeat(200)}1 * * * *`,
    'CRON_TZ=Nowhere/Else 0 9 * * *',
    'CRON_TZ= 0 9 * * *',
    'CRON_TZ=../../etc/passwd 0 9 * * *',
    'CRON_TZ=Europe/Berlin CRON_TZ=UTC 0 9 * * *',
    '0 9 * * * CRON_TZ=UTC',
    '\t* * * * *',
    '* * * * *\n',
  ];
  const refused = (kind: 'event' | 'cron', pattern: string | null): void =>
    assert.throws(
      () => requireTrigger({ kind, pattern }),
      { code: 'BAD_REQUEST', message: /^trigger\.pattern: expected / },
      String(pattern),
    );
  for (const pattern of event) refused('event', pattern);
  for (const pattern of cron) refused('cron', pattern);
  refused('cron', null);
  assert.throws(() => requireTrigger({ kind: 'http', pattern: '*' }), /http has no pattern/);
});

test('a refusal says why, and a time that never comes is one', () => {
  const refusal = (pattern: string, message: RegExp): void =>
    assert.throws(() => requireTrigger({ kind: 'cron', pattern }), { message });
  refusal('60 * * * *', /"60 \* \* \* \*": .*60/);
  refusal('CRON_TZ=Mars/Base 0 9 * * *', /there is no time zone Mars\/Base$/);
  refusal('0 0 31 2 *', /no such time will ever come$/);
});
