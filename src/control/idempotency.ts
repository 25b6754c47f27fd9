/** Idempotency: a request with an `Idempotency-Key` happens once, however often it is sent; later ones get its answer. */

import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { Fault } from '../core/faults.ts';
import type { IdempotencyStore, IdempotentAnswer } from '../core/idempotency.ts';
import { problemOf } from '../core/problem.ts';
import { actorOf, principalOf, type ControlEnv } from './access.ts';

export interface IdempotencyDeps {
  readonly idempotency: Pick<IdempotencyStore, 'claim' | 'settle'>;
}

/** What an answer is, besides its body. */
const KEPT_HEADERS = ['content-type', 'etag', 'location'];

/** Faults of a request that has left something behind all the same. */
const HAPPENED: ReadonlySet<Fault['code']> = new Set(['HEALTH_CHECK_FAILED']);

/**
 * Runs `work` unless this principal's key has been answered. Rejects with IDEMPOTENCY_MISMATCH where the key was used for
 * another request, CONFLICT while the first one runs, BAD_REQUEST for what is no key. A request that failed gives its key
 * back.
 */
export async function once(
  c: Context<ControlEnv>,
  { idempotency }: IdempotencyDeps,
  tenant: string,
  work: () => Promise<Response>,
): Promise<Response> {
  const given = c.req.header('idempotency-key');
  if (given === undefined) return work();
  const key = `${actorOf(principalOf(c))} ${requireKey(given)}`;
  const claim = await idempotency.claim(tenant, key, await fingerprintOf(c), Date.now());
  if (claim.state === 'answered') return replayed(claim.answer);
  if (claim.state === 'running')
    throw new Fault('CONFLICT', 'The request with this Idempotency-Key is still running', { retryAfterSeconds: 1 });
  if (claim.state === 'mismatch')
    throw new Fault('IDEMPOTENCY_MISMATCH', 'This Idempotency-Key came with another request before: use a new one');
  let answer: IdempotentAnswer | null = null;
  try {
    const response = await work();
    answer = await answerOf(response);
    return response;
  } catch (error) {
    if (error instanceof Fault && HAPPENED.has(error.code)) answer = problemOf(error);
    throw error;
  } finally {
    await idempotency.settle(tenant, key, answer);
  }
}

function requireKey(key: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new Fault('BAD_REQUEST', 'Idempotency-Key: expected 1 to 255 printable ASCII characters without spaces');
}

async function fingerprintOf(c: Context): Promise<string> {
  const { pathname, search } = new URL(c.req.url);
  const hash = createHash('sha256').update(`${c.req.method} ${pathname.replace(/\/$/, '')}${search}\0`);
  return hash.update(await c.req.text()).digest('hex');
}

async function answerOf(response: Response): Promise<IdempotentAnswer> {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = response.headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return { status: response.status, body: await response.clone().text(), headers: Object.fromEntries(headers) };
}

function replayed({ status, body, headers }: IdempotentAnswer): Response {
  return new Response(body, { status, headers: { ...headers, 'idempotency-replayed': 'true' } });
}
