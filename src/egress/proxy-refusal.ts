/** Proxy refusal: what a sandbox's HTTP client is told in the place of an answer: a status, and a problem that says why. */

import type { CapabilityRefusal } from '../core/capability.ts';
import { EgressFailure } from './failure.ts';
import { problemOf, REFUSAL_HEADERS } from './problem.ts';

const STATUSES: ReadonlyMap<string, number> = new Map([
  ['EGRESS_BLOCKED', 452],
  ['BAD_REQUEST', 400],
  ['TOO_LARGE', 413],
  ['TOO_MANY_REQUESTS', 429],
  ['TIMED_OUT', 504],
]);

/** A name that does not resolve, a place that can't be reached, an answer that is not HTTP. */
const BAD_GATEWAY = 502;
const TIMED_OUT = 504;

const MAX_REASON_CHARS = 200;

/** A response that is not sent yet. */
export interface ProxyRefusal {
  readonly status: number;
  /** Clients show this, and few show more: it says why. */
  readonly reason: string;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  readonly body: string;
}

export function refusalOf(error: unknown): ProxyRefusal {
  if (!(error instanceof EgressFailure))
    return responseTo({ code: 'CONNECT_FAILED', message: 'the request could not be sent' });
  return responseTo(error.toRefusal(), error.isLate ? TIMED_OUT : undefined);
}

export function responseTo(refusal: CapabilityRefusal, forced?: number): ProxyRefusal {
  const status = forced ?? STATUSES.get(refusal.code) ?? BAD_GATEWAY;
  const body = `${JSON.stringify(problemOf(refusal, status))}\n`;
  return {
    status,
    reason: oneLine(refusal.message),
    headers: [...REFUSAL_HEADERS, 'cordon-fault', refusal.code, 'content-length', String(Buffer.byteLength(body))],
    body,
  };
}

/** As the bytes that end a connection. */
export function rawResponse({ status, reason, headers, body }: ProxyRefusal): string {
  const lines: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}\r\n`);
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}connection: close\r\n\r\n${body}`;
}

/** Messages may quote what the guest wrote; a reason is printable, and ends with its line. */
const oneLine = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_REASON_CHARS);
