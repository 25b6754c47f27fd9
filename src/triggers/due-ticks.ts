/** Due ticks: which ticks of a function are fired now, after it was looked at for the last time. */

import type { CronState } from '../core/cron.ts';
import type { Schedule } from '../lib/schedule.ts';

/** A tick that is fired no later than this is not called missed. */
const ON_TIME_MS = 30_000;
/** Ticks that can be on time together: one a second. */
const MAX_ON_TIME = 32;
/** Of the ticks that were missed, the last so many can be caught up. */
const MAX_CAUGHT_UP = 100;

export interface DueTicks {
  /** Oldest first. */
  readonly fired: readonly number[];
  /** The last one that was due, fired or not; null: none was. */
  readonly lastTickMs: number | null;
}

export function dueTicks(schedule: Schedule, { lastTickMs, catchUp }: CronState, nowMs: number): DueTicks {
  const due = firstTicks(schedule, lastTickMs, nowMs);
  const first = due[0];
  if (first === undefined) return { fired: [], lastTickMs: null };
  if (first >= nowMs - ON_TIME_MS && due.length < MAX_ON_TIME) return { fired: due, lastTickMs: due.at(-1) as number };
  const last = schedule.upTo(nowMs, catchUp === 'all' ? MAX_CAUGHT_UP : 1).filter((tickMs) => tickMs > lastTickMs);
  return { fired: catchUp === 'none' ? [] : last, lastTickMs: last.at(-1) ?? (due.at(-1) as number) };
}

function firstTicks(schedule: Schedule, afterMs: number, nowMs: number): number[] {
  const due: number[] = [];
  for (let tick = schedule.after(afterMs); tick !== null && tick <= nowMs && due.length < MAX_ON_TIME;) {
    due.push(tick);
    tick = schedule.after(tick);
  }
  return due;
}
