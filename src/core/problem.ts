/** Problem: a fault as an HTTP response (RFC 9457), the same for functions' callers and for operators. */

import { FAULTS } from './faults.ts';
import type { Fault } from './faults.ts';

/** The JSON that a client receives. */
export interface ProblemBody {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly issues?: readonly string[];
  /** Seconds. */
  readonly retryAfter?: number;
}

export interface Problem {
  readonly status: number;
  /** Lower-case names; no content-length. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The response for a fault. `details.stack` is left out: it tells of the tenant's source, and whoever calls a function
 * is not always its owner.
 */
export function problemOf(fault: Fault): Problem {
  const retryAfter = retryAfterSeconds(fault);
  const body: ProblemBody = {
    type: 'about:blank',
    title: FAULTS[fault.code].title,
    status: fault.status,
    code: fault.code,
    detail: fault.message,
    ...(fault.details.issues === undefined ? {} : { issues: fault.details.issues }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'cordon-fault': fault.code,
  };
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  if (fault.code === 'UNAUTHORIZED') headers['www-authenticate'] = 'Bearer realm="cordon"';
  return { status: fault.status, headers, body: JSON.stringify(body) };
}

/** Retry-After counts whole seconds, and 0 would invite a busy loop. */
function retryAfterSeconds(fault: Fault): number | undefined {
  const seconds = fault.details.retryAfterSeconds;
  return seconds === undefined ? undefined : Math.max(1, Math.ceil(seconds));
}
