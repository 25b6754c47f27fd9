/**
 * Events: from what is published to one job for each function that listens. They are durable before the publisher is
 * answered, who can forget the event then; one who wasn't answered can send it again under the same id.
 */

import { randomUUID } from 'node:crypto';
import { requireChannel } from '../core/event-pattern.ts';
import type { Events, NewEvent } from '../core/event.ts';
import { Fault } from '../core/faults.ts';
import { requireName } from '../core/function.ts';
import type { NewJob, Queue } from '../core/queue.ts';
import type { RateRule } from '../core/rate-limit.ts';
import { addAll } from './add-all.ts';
import { Backlog } from './backlog.ts';
import { jobsOfEvent, type ValidEvent } from './event-job.ts';
import type { Matches } from './pattern-index.ts';
import { TokenBuckets } from './token-buckets.ts';

export interface EventsOptions {
  readonly queue: Pick<Queue, 'add' | 'counts'>;
  readonly subscriptions: { matching(tenant: string, channel: string): Matches };
  /** What one tenant may publish; one with many listeners counts as many. */
  readonly rate: RateRule;
  /** Jobs that one tenant may have in the queue, dead letters included. */
  readonly maxJobs: number;
  /** How often a delivery is tried. */
  readonly maxAttempts: number;
  isSuspended(tenant: string): boolean;
  readonly nowMs?: () => number;
}

export interface EventPublisher extends Events {
  /** The jobs of an event that something else adds to the queue. Throws BAD_REQUEST. */
  jobsOf(event: NewEvent): NewJob[];
}

/** An event that is the consequence of more events than this is taken for a loop. */
const MAX_HOPS = 8;
const MAX_DATA_BYTES = 256 * 1024;
const STEPS_OF_ONE = 100;
const MAX_DELAY_MS = 30 * 86_400_000;

export function createEvents(options: EventsOptions): EventPublisher {
  const { queue, subscriptions, maxAttempts, nowMs = Date.now } = options;
  const buckets = new TokenBuckets(options.rate);
  const backlog = new Backlog(queue);
  const find = ({ tenant, channel }: ValidEvent): Matches => subscriptions.matching(tenant, channel);
  return {
    jobsOf(given) {
      const event = requireEvent(given, nowMs());
      return jobsOfEvent(event, find(event).subscriptions, maxAttempts);
    },
    async publish(given) {
      const event = requireEvent(given, nowMs());
      const { tenant, id } = event;
      if (options.isSuspended(tenant)) throw new Fault('TENANT_SUSPENDED', `The tenant ${tenant} is suspended`);
      requireRate(buckets, tenant, options.rate);
      const matches = find(event);
      buckets.charge(tenant, costOf(matches) - 1);
      const jobs = jobsOfEvent(event, matches.subscriptions, maxAttempts);
      if (jobs.length === 0) return { id, deliveries: 0, duplicate: false };
      await requireRoom(backlog, tenant, jobs.length, options.maxJobs);
      const deliveries = await addAll(queue, jobs);
      backlog.added(tenant, deliveries);
      return { id, deliveries, duplicate: deliveries === 0 };
    },
  };
}

/** In events: each delivery costs as much as one, and so does a long search for who listens. */
function costOf({ subscriptions, steps }: Matches): number {
  return Math.max(1, subscriptions.length, Math.floor(steps / STEPS_OF_ONE));
}

function requireEvent(given: NewEvent, nowMs: number): ValidEvent {
  const { tenant, channel, data, id, key, source, delayMs = 0, hops = 0 } = given;
  if (!Number.isInteger(hops) || hops < 0) throw expected('hops', 'a whole number', hops);
  if (hops > MAX_HOPS)
    throw new Fault(
      'BAD_REQUEST',
      `This event is the consequence of ${hops} others, one after the other: that is a loop, and ends at ${MAX_HOPS}`,
    );
  if (!Number.isInteger(delayMs) || delayMs < 0 || delayMs > MAX_DELAY_MS)
    throw expected('delayMs', `a whole number from 0 to ${MAX_DELAY_MS}`, delayMs);
  return {
    tenant: requireName('tenant', tenant),
    channel: requireChannel(channel),
    id: id === undefined ? randomUUID() : requireLabel('id', id),
    key: key === undefined ? null : requireLabel('key', key),
    source: source === undefined ? null : requireLabel('source', source),
    hops,
    timeMs: nowMs,
    runAtMs: nowMs + delayMs,
    data: requireData(data),
  };
}

/** They become headers and keys of rows. */
function requireLabel(field: string, text: string): string {
  if (/^\P{C}{1,256}$/u.test(text)) return text;
  throw expected(field, '1 to 256 characters, none of them a control character', text);
}

function requireData(data: unknown): string {
  const text = jsonOf(data);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_DATA_BYTES) return text;
  throw new Fault('BAD_REQUEST', `data: expected at most ${MAX_DATA_BYTES} bytes of JSON, but it has ${bytes}`);
}

function jsonOf(data: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    throw new Fault('BAD_REQUEST', `data: expected what JSON can say, but: ${(error as Error).message.slice(0, 200)}`);
  }
  if (text === undefined) throw new Fault('BAD_REQUEST', `data: expected what JSON can say, but it is ${typeof data}`);
  return text;
}

function expected(field: string, what: string, came: unknown): Fault {
  return new Fault('BAD_REQUEST', `${field}: expected ${what}, but it is ${JSON.stringify(came)?.slice(0, 120)}`);
}

function requireRate(buckets: TokenBuckets, tenant: string, { limit, windowSeconds }: RateRule): void {
  const waitMs = buckets.take(tenant);
  if (waitMs === 0) return;
  throw new Fault('THROTTLED', `At most ${limit} events in ${windowSeconds} seconds are taken from one tenant`, {
    retryAfterSeconds: waitMs / 1000,
  });
}

async function requireRoom(backlog: Backlog, tenant: string, jobs: number, maxJobs: number): Promise<void> {
  const before = await backlog.of(tenant);
  if (before + jobs <= maxJobs) return;
  throw new Fault(
    'QUOTA_EXCEEDED',
    `The tenant ${tenant} has ${before} deliveries that wait or failed, and may have ${maxJobs}`,
  );
}
