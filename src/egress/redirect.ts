/** Redirects, as the Fetch standard has them: what the next request is, and what it must not carry. */

import { EgressFailure } from './failure.ts';
import { parseUrl } from './fetch-head.ts';
import { toAnotherOrigin, withoutBody } from './headers.ts';

const STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export const isRedirect = (status: number): boolean => STATUSES.has(status);

export interface NextRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly string[];
  readonly keepsBody: boolean;
}

/** Throws BAD_RESPONSE where the location is no URL. Whether it may be asked is the policy's business. */
export function nextRequest(
  { method, url, headers }: Omit<NextRequest, 'keepsBody'>,
  status: number,
  location: string,
): NextRequest {
  // Headers are bytes, and a location is UTF-8 where it is not ASCII.
  const next = parseUrl(Buffer.from(location, 'latin1').toString('utf8'), url);
  if (next === null) throw new EgressFailure('BAD_RESPONSE', `${url.host} redirects to what is not a URL`);
  const kept = next.origin === url.origin ? headers : toAnotherOrigin(headers);
  if (!becomesGet(method, status)) return { method, url: next, headers: kept, keepsBody: true };
  return { method: 'GET', url: next, headers: withoutBody(kept), keepsBody: false };
}

function becomesGet(method: string, status: number): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD';
  return (status === 301 || status === 302) && method === 'POST';
}
