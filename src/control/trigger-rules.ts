/** Trigger rules: which patterns a trigger may have. What they mean is decided where events and ticks come from. */

import { EVENT_PATTERN_EXPECTED, isEventPattern } from '../core/event-pattern.ts';
import { Fault } from '../core/faults.ts';
import type { Trigger } from '../core/function-record.ts';
import { parseSchedule } from '../lib/schedule.ts';

/** Throws BAD_REQUEST. */
export function requireTrigger({ kind, pattern }: Trigger): Trigger {
  if (kind === 'http') {
    if (pattern !== null) throw bad('nothing: http has no pattern', pattern);
    return { kind, pattern };
  }
  if (pattern === null) throw bad(EXPECTED[kind], null);
  if (kind === 'event') requireEventPattern(pattern);
  else requireCronPattern(pattern);
  return { kind, pattern };
}

const EXPECTED = {
  event: EVENT_PATTERN_EXPECTED,
  cron: 'five fields (minute, hour, day, month, day of the week), or six with the second before them, or @daily and its like, in UTC unless CRON_TZ=<time zone> stands before them, as in */5 * * * * or CRON_TZ=Europe/Berlin 0 9 * * 1-5',
} as const;

function requireEventPattern(pattern: string): void {
  if (!isEventPattern(pattern)) throw bad(EXPECTED.event, pattern);
}

function requireCronPattern(pattern: string): void {
  let isEverDue: boolean;
  try {
    isEverDue = parseSchedule(pattern).after(Date.now()) !== null;
  } catch (error) {
    throw bad(EXPECTED.cron, pattern, (error as Error).message);
  }
  if (!isEverDue) throw bad(EXPECTED.cron, pattern, 'no such time will ever come');
}

function bad(expected: string, came: string | null, why?: string): Fault {
  const shown = came === null ? 'it is missing' : `it is ${JSON.stringify(came.slice(0, 120))}`;
  const reason = why === undefined ? '' : `: ${why.slice(0, 200)}`;
  return new Fault('BAD_REQUEST', `trigger.pattern: expected ${expected}, but ${shown}${reason}`);
}
