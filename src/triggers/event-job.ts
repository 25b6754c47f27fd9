/** Event job: one event on its way to one function, as the queue keeps it. */

import { createHash } from 'node:crypto';
import type { Subscription } from '../core/event.ts';
import type { NewJob } from '../core/queue.ts';

/** An event that was found valid. */
export interface ValidEvent {
  readonly tenant: string;
  readonly id: string;
  readonly source: string | null;
  readonly channel: string;
  readonly key: string | null;
  readonly hops: number;
  readonly timeMs: number;
  readonly runAtMs: number;
  /** JSON. */
  readonly data: string;
}

/** The payload of its jobs. */
export interface EventJobPayload extends Pick<ValidEvent, 'id' | 'source' | 'channel' | 'hops' | 'timeMs'> {
  readonly data: unknown;
}

/** One for each function; the text is made once. */
export function jobsOfEvent(event: ValidEvent, to: readonly Subscription[], maxAttempts: number): NewJob[] {
  const { tenant, id, source, channel, key, hops, timeMs, runAtMs, data } = event;
  const head = JSON.stringify({ id, source, channel, hops, timeMs });
  const payload = `${head.slice(0, -1)},"data":${data}}`;
  return to.map(({ name }) => ({
    id: jobId(event, name),
    tenant,
    kind: 'event',
    functionName: name,
    payload,
    key,
    runAtMs,
    maxAttempts,
  }));
}

/** The same for the same event and function, so that what is published twice is delivered once. */
function jobId({ tenant, source, id }: ValidEvent, functionName: string): string {
  const text = JSON.stringify([tenant, source, id, functionName]);
  return `event:${createHash('sha256').update(text).digest('base64url')}`;
}

/** Ours, as it was kept. */
export const readEventPayload = (payload: string): EventJobPayload => JSON.parse(payload) as EventJobPayload;
