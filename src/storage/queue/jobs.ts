/** Jobs: what may be queued, and how a row becomes a job. */

import type { Selectable } from 'kysely';
import type { DeadJob, LeasedJob, NewJob, QueuedJob } from '../../core/queue.ts';
import type { QueueJobsTable } from '../schema.ts';

export type JobRow = Selectable<QueueJobsTable>;

const MAX_ID_CHARS = 200;
const MAX_NAME_CHARS = 200;
const MAX_KEY_CHARS = 256;
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;
const MAX_ATTEMPTS = 1_000;
const MAX_ERROR_CHARS = 4_000;

/** Throws a RangeError that says what of which job is wrong. */
export function requireJob(job: NewJob): void {
  requireText(job, 'id', MAX_ID_CHARS);
  requireText(job, 'tenant', MAX_NAME_CHARS);
  requireText(job, 'functionName', MAX_NAME_CHARS);
  if (job.key !== null) requireText(job, 'key', MAX_KEY_CHARS);
  if (job.tenant.includes('/')) refuse(job, 'tenant', 'has no slash');
  if (job.kind !== 'event' && job.kind !== 'cron') refuse(job, 'kind', 'is event or cron');
  if (!isText(job.payload)) refuse(job, 'payload', 'is text without NUL and without half a surrogate pair');
  if (bytesOf(job) > MAX_PAYLOAD_BYTES) refuse(job, 'payload', `has at most ${MAX_PAYLOAD_BYTES} bytes`);
  if (!Number.isSafeInteger(job.runAtMs) || job.runAtMs < 0) refuse(job, 'runAtMs', 'is a time in whole ms');
  if (!Number.isInteger(job.maxAttempts) || job.maxAttempts < 1 || job.maxAttempts > MAX_ATTEMPTS)
    refuse(job, 'maxAttempts', `is 1 to ${MAX_ATTEMPTS}`);
}

export const bytesOf = ({ payload }: NewJob): number => Buffer.byteLength(payload);

/** Throws a RangeError. */
export function requireDuration(name: string, ms: number): void {
  if (!Number.isSafeInteger(ms) || ms < 1) throw new RangeError(`${name} is a number of whole ms from 1, not ${ms}`);
}

/** Throws a RangeError. */
export function requireTime(name: string, ms: number): void {
  if (!Number.isSafeInteger(ms) || ms < 0) throw new RangeError(`${name} is a time in whole ms, not ${ms}`);
}

function requireText(job: NewJob, field: 'id' | 'tenant' | 'functionName' | 'key', maxChars: number): void {
  const value = job[field];
  if (isText(value) && value !== '' && value.length <= maxChars) return;
  refuse(job, field, `has 1 to ${maxChars} characters, none of them NUL or half a surrogate pair`);
}

/** What both engines keep as it is. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.isWellFormed() && !value.includes('\0');

function refuse({ id }: NewJob, field: keyof NewJob, rule: string): never {
  throw new RangeError(`The ${field} of a job ${rule} (${JSON.stringify({ id }).slice(0, 2 * MAX_ID_CHARS)})`);
}

/** An error as it is kept: a guest may have written it. */
export function errorText(error: string): string {
  return error.slice(0, MAX_ERROR_CHARS).replaceAll('\0', '\ufffd').toWellFormed();
}

/** All jobs of one function are in one lane. No tenant's name has a slash. */
export const laneOf = (tenant: string, functionName: string): string => `${tenant}/${functionName}`;

export const tenantOf = (lane: string): string => lane.slice(0, lane.indexOf('/'));

/** Jobs of which only one at a time may run. */
export interface KeyOfLane {
  readonly lane: string;
  readonly key: string;
}

export function keysOf(jobs: Iterable<Pick<NewJob, 'tenant' | 'functionName' | 'key'>>): KeyOfLane[] {
  const found = new Map<string, KeyOfLane>();
  for (const { tenant, functionName, key } of jobs) {
    if (key === null) continue;
    const lane = laneOf(tenant, functionName);
    found.set(JSON.stringify([lane, key]), { lane, key });
  }
  return [...found.values()];
}

function queuedJobOf(row: JobRow): QueuedJob {
  return {
    id: row.id,
    tenant: row.tenant,
    kind: row.kind as NewJob['kind'],
    functionName: row.function_name,
    payload: row.payload,
    key: row.key,
    runAtMs: row.run_at_ms,
    maxAttempts: row.max_attempts,
    attempts: row.attempts,
    addedMs: row.added_ms,
  };
}

export const leasedJobOf = (row: JobRow): LeasedJob => ({ ...queuedJobOf(row), lease: row.lease! });

export const deadJobOf = (row: JobRow): DeadJob => ({
  ...queuedJobOf(row),
  diedMs: row.ended_ms!,
  lastError: row.last_error ?? '',
});
