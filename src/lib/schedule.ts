/**
 * Schedule: the times that a pattern of cron names: five fields, or six with the second before them, or `@daily` and its
 * like; in UTC, unless `CRON_TZ=Europe/Berlin` stands before it.
 *
 * Where clocks change, a time that is skipped runs when the clock has jumped, and one that comes twice runs once; a pattern
 * that names every hour or minute runs in each of them that there is.
 */

import { Cron } from 'croner';

export interface Schedule {
  readonly timeZone: string;
  /** The first time after this one, in Unix ms; null: there is none. */
  after(timeMs: number): number | null;
  /** The last so many up to and with this time, oldest first. */
  upTo(timeMs: number, count: number): number[];
}

const MAX_CHARS = 256;
const ZONE = /^(?:CRON_)?TZ=([A-Za-z0-9_+/-]{1,64}) /;
const NICKNAME = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/i;
const FIELDS = /^[A-Za-z0-9*,/#?+-]+(?: [A-Za-z0-9*,/#?+-]+){4,5}$/;

/** Throws an Error whose message says what is wrong with the pattern. */
export function parseSchedule(pattern: string): Schedule {
  if (pattern.length > MAX_CHARS) throw new Error(`it has more than ${MAX_CHARS} characters`);
  const timeZone = ZONE.exec(pattern)?.[1] ?? 'UTC';
  const fields = pattern.replace(ZONE, '');
  if (!NICKNAME.test(fields) && !FIELDS.test(fields))
    throw new Error('it has not five or six fields with one blank between them');
  requireZone(timeZone);
  // The library would take a list that ends with a comma.
  if (/(?:^|[ ,]),|,(?: |$)/.test(fields)) throw new Error('a list in it has an empty item');
  const cron = parse(fields, timeZone);
  return {
    timeZone,
    after: (timeMs) => cron.nextRun(new Date(timeMs))?.getTime() ?? null,
    upTo: (timeMs, count) => timesOf(cron.previousRuns(count, new Date(secondAfter(timeMs)))).reverse(),
  };
}

const timesOf = (dates: readonly Date[]): number[] => dates.map((date) => date.getTime());

/** The library counts in whole seconds, and leaves the one out that it is given. */
const secondAfter = (timeMs: number): number => (Math.floor(timeMs / 1000) + 1) * 1000;

function requireZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new Error(`there is no time zone ${timeZone}`);
  }
}

/** Paused, because no timer is wanted of it: it only computes. */
function parse(fields: string, timezone: string): Cron {
  try {
    return new Cron(fields, { paused: true, timezone, mode: '5-or-6-parts' });
  } catch (error) {
    throw new Error((error as Error).message.replace(/^CronPattern: /, ''), { cause: error });
  }
}
