import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CronState } from '../../../src/core/cron.ts';
import { parseSchedule } from '../../../src/lib/schedule.ts';
import { newState } from '../../../src/triggers/cron-scheduler.ts';
import { dueTicks } from '../../../src/triggers/due-ticks.ts';

const ms = (iso: string): number => Date.parse(`2026-01-01T${iso}Z`);

function due(
  pattern: string,
  last: string,
  now: string,
  catchUp: CronState['catchUp'] = 'once',
): { fired: string[]; last: string | null } {
  const state = { ...newState({ tenant: 'acme', name: 'x', pattern }, ms(last)), catchUp };
  const { fired, lastTickMs } = dueTicks(parseSchedule(pattern), state, ms(now));
  const shown = (time: number): string => new Date(time).toISOString().slice(11, 19);
  return { fired: fired.map(shown), last: lastTickMs === null ? null : shown(lastTickMs) };
}

test('a tick is fired when it is due, and not again', () => {
  assert.deepEqual(due('*/5 * * * *', '10:00:00', '10:04:59.999'), { fired: [], last: null });
  assert.deepEqual(due('*/5 * * * *', '10:00:00', '10:05:00'), { fired: ['10:05:00'], last: '10:05:00' });
  assert.deepEqual(due('*/5 * * * *', '10:05:00', '10:05:00.500'), { fired: [], last: null });
});

test('a clock that was set back fires nothing until it is where it was', () => {
  assert.deepEqual(due('* * * * *', '10:05:00', '09:30:00'), { fired: [], last: null });
  assert.deepEqual(due('* * * * *', '10:05:00', '10:06:00').fired, ['10:06:00']);
});

test('ticks that are a little late are all fired, whatever is to happen to those that were missed', () => {
  for (const catchUp of ['once', 'all', 'none'] as const)
    assert.deepEqual(due('* * * * * *', '10:00:00', '10:00:03.200', catchUp), {
      fired: ['10:00:01', '10:00:02', '10:00:03'],
      last: '10:00:03',
    });
});

test('of ticks that were missed the last one is fired, all of them, or none', () => {
  assert.deepEqual(due('*/10 * * * *', '10:00:00', '11:05:00', 'once'), { fired: ['11:00:00'], last: '11:00:00' });
  assert.deepEqual(due('*/10 * * * *', '10:00:00', '10:35:00', 'all'), {
    fired: ['10:10:00', '10:20:00', '10:30:00'],
    last: '10:30:00',
  });
  assert.deepEqual(due('*/10 * * * *', '10:00:00', '11:05:00', 'none'), { fired: [], last: '11:00:00' });
});

test('however long nobody looked, only so many are caught up, and it takes no time to find them', () => {
  const state = newState({ tenant: 'acme', name: 'x', pattern: '* * * * * *' }, 0);
  const schedule = parseSchedule('* * * * * *');
  const all = dueTicks(schedule, { ...state, catchUp: 'all' }, ms('10:00:00'));
  assert.equal(all.fired.length, 100);
  assert.equal(all.fired.at(-1), ms('10:00:00'));
  const once = dueTicks(schedule, state, ms('10:00:00'));
  assert.deepEqual(once.fired, [ms('10:00:00')]);
  const none = dueTicks(schedule, { ...state, catchUp: 'none' }, ms('10:00:00'));
  assert.deepEqual(none, { fired: [], lastTickMs: ms('10:00:00') });
});
