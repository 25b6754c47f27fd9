import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSchedule } from '../../../src/lib/schedule.ts';

const ms = (iso: string): number => Date.parse(iso);

function next(pattern: string, fromIso: string, count: number): string[] {
  const schedule = parseSchedule(pattern);
  const found: string[] = [];
  for (let time = schedule.after(ms(fromIso)); time !== null && found.length < count; time = schedule.after(time))
    found.push(new Date(time).toISOString().replace('.000Z', 'Z'));
  return found;
}

test('times are of UTC unless a zone is named', () => {
  assert.deepEqual(next('0 9 * * *', '2026-06-01T00:00:00Z', 1), ['2026-06-01T09:00:00Z']);
  assert.deepEqual(next('CRON_TZ=Europe/Berlin 0 9 * * *', '2026-06-01T00:00:00Z', 1), ['2026-06-01T07:00:00Z']);
  assert.deepEqual(next('TZ=America/New_York 0 9 * * *', '2026-12-01T00:00:00Z', 1), ['2026-12-01T14:00:00Z']);
  assert.equal(parseSchedule('@daily').timeZone, 'UTC');
  assert.equal(parseSchedule('CRON_TZ=Asia/Kolkata @daily').timeZone, 'Asia/Kolkata');
});

test('@daily and its like, and seconds', () => {
  assert.deepEqual(next('@hourly', '2026-01-01T00:10:00Z', 2), ['2026-01-01T01:00:00Z', '2026-01-01T02:00:00Z']);
  assert.deepEqual(next('@weekly', '2026-01-01T00:00:00Z', 1), ['2026-01-04T00:00:00Z']);
  assert.deepEqual(next('@monthly', '2026-01-01T00:00:00Z', 1), ['2026-02-01T00:00:00Z']);
  assert.deepEqual(next('@yearly', '2026-01-01T00:00:00Z', 1), ['2027-01-01T00:00:00Z']);
  assert.deepEqual(next('*/20 * * * * *', '2026-01-01T00:00:00Z', 3), [
    '2026-01-01T00:00:20Z',
    '2026-01-01T00:00:40Z',
    '2026-01-01T00:01:00Z',
  ]);
});

test('in spring, a time that the clock leaps over runs when it has', () => {
  assert.deepEqual(next('CRON_TZ=Europe/Berlin 30 2 * * *', '2026-03-28T12:00:00Z', 2), [
    '2026-03-29T01:00:00Z',
    '2026-03-30T00:30:00Z',
  ]);
  assert.deepEqual(next('CRON_TZ=Europe/Berlin 0 * * * *', '2026-03-28T23:30:00Z', 3), [
    '2026-03-29T00:00:00Z',
    '2026-03-29T01:00:00Z',
    '2026-03-29T02:00:00Z',
  ]);
});

test('in autumn, a time that comes twice runs once, and every hour runs in each hour', () => {
  assert.deepEqual(next('CRON_TZ=Europe/Berlin 30 2 * * *', '2026-10-24T12:00:00Z', 2), [
    '2026-10-25T00:30:00Z',
    '2026-10-26T01:30:00Z',
  ]);
  assert.deepEqual(next('CRON_TZ=Europe/Berlin 0 * * * *', '2026-10-24T23:30:00Z', 4), [
    '2026-10-25T00:00:00Z',
    '2026-10-25T01:00:00Z',
    '2026-10-25T02:00:00Z',
    '2026-10-25T03:00:00Z',
  ]);
});

test('the way back finds the same times as the way there', () => {
  const patterns = ['*/7 * * * *', '30 2 * * *', '0 0 1 * *', '15 10 * * 1-5', '*/11 */3 * * * *', '0 12 L * *'];
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'];
  const from = [
    '2026-03-08T05:00:00Z',
    '2026-03-28T22:00:00Z',
    '2026-10-03T12:00:00Z',
    '2026-10-24T22:00:00Z',
    '2026-11-01T04:00:00Z',
  ];
  for (const zone of zones)
    for (const pattern of patterns)
      for (const start of from) {
        const schedule = parseSchedule(`CRON_TZ=${zone} ${pattern}`);
        const there: number[] = [];
        for (let time = schedule.after(ms(start)); time !== null && there.length < 12; time = schedule.after(time))
          there.push(time);
        const back = schedule.upTo(there.at(-1)!, there.length);
        assert.deepEqual(back, there, `${zone} ${pattern} from ${start}`);
      }
});

test('the last time up to a moment may be that moment', () => {
  const schedule = parseSchedule('*/5 * * * *');
  assert.deepEqual(schedule.upTo(ms('2026-01-01T00:10:00Z'), 2), [
    ms('2026-01-01T00:05:00Z'),
    ms('2026-01-01T00:10:00Z'),
  ]);
  assert.deepEqual(schedule.upTo(ms('2026-01-01T00:10:00.999Z'), 1), [ms('2026-01-01T00:10:00Z')]);
  assert.deepEqual(schedule.upTo(ms('2026-01-01T00:09:59.999Z'), 1), [ms('2026-01-01T00:05:00Z')]);
});
