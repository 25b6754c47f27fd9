/** Cron job: one tick of one function, as the queue keeps it. Its id names the tick, so that several nodes add it once. */

import { randomUUID } from 'node:crypto';
import type { CronKey, CronOptions, CronState } from '../core/cron.ts';
import type { CronPayload } from '../core/event.ts';
import type { NewJob } from '../core/queue.ts';

/** Ticks of one function, one after the other. */
const TICKS_KEY = 'ticks';

interface CronJobPayload extends CronPayload {
  /** Null: nobody's tick, somebody asked for it. */
  readonly tickMs: number | null;
  readonly overlap: CronOptions['overlap'];
}

export function tickJob(state: CronState, tickMs: number, maxAttempts: number): NewJob {
  const { overlap, pattern } = state;
  const id = `cron:${keyText(state)}:${new Date(tickMs).toISOString()}`;
  return jobOf(state, id, { firedAt: new Date(tickMs).toISOString(), pattern, tickMs, overlap }, tickMs, maxAttempts);
}

/** Beside the ticks: it waits for none of them, and none for it. */
export function manualJob(
  state: Pick<CronState, 'tenant' | 'name' | 'pattern'>,
  nowMs: number,
  maxAttempts: number,
): NewJob {
  const firedAt = new Date(nowMs).toISOString();
  const payload: CronJobPayload = { firedAt, pattern: state.pattern, tickMs: null, overlap: 'allow' };
  return jobOf(state, `cron:${keyText(state)}:manual:${randomUUID()}`, payload, nowMs, maxAttempts);
}

export const keyText = ({ tenant, name }: CronKey): string => `${tenant}/${name}`;

/** Ours, as it was kept. */
export const readCronPayload = (payload: string): CronJobPayload => JSON.parse(payload) as CronJobPayload;

function jobOf(
  { tenant, name }: CronKey,
  id: string,
  payload: CronJobPayload,
  runAtMs: number,
  maxAttempts: number,
): NewJob {
  return {
    id,
    tenant,
    kind: 'cron',
    functionName: name,
    payload: JSON.stringify(payload),
    key: payload.overlap === 'skip' ? TICKS_KEY : null,
    runAtMs,
    maxAttempts,
  };
}
