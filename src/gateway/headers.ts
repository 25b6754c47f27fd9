/** Which headers pass between a client and a function, either way. */

import { isCorsHeader } from './cors.ts';

/** Never given to a guest: they belong to the connection, to the operator, or would let a caller pass for a proxy. */
const DROPPED_FROM_REQUEST: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const FORWARDING: ReadonlySet<string> = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-real-ip',
]);

/** Decided by the host for every response. */
const DROPPED_FROM_RESPONSE: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export interface RequestPolicy {
  readonly passAuthorization: boolean;
  /** The header by which Supabase's clients send a JWT; it may hold a token of ours. */
  readonly passApikey: boolean;
  readonly trustForwarding: boolean;
}

/** Name, value, name, value …, in lower case, as a function may see them. */
export function requestHeaders(raw: readonly string[], policy: RequestPolicy): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (isDroppedFromRequest(name, policy)) continue;
    kept.push(name, raw[i + 1] as string);
  }
  return kept;
}

function isDroppedFromRequest(name: string, policy: RequestPolicy): boolean {
  if (DROPPED_FROM_REQUEST.has(name) || isOurs(name)) return true;
  if (name === 'authorization') return !policy.passAuthorization;
  if (name === 'apikey') return !policy.passApikey;
  return !policy.trustForwarding && FORWARDING.has(name);
}

export interface ResponsePolicy {
  /** On an operator's host name: no cookie of that origin. */
  readonly dropCookies: boolean;
  /** The gateway says it all. */
  readonly dropCors: boolean;
  /** Takes what must not be seen out of a value; null: there is nothing to take. */
  readonly redact: ((value: string) => string) | null;
}

/** Adds to `target` what a function's response may carry. */
export function addResponseHeaders(target: string[], headers: readonly string[], policy: ResponsePolicy): void {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (isDroppedFromResponse(name, policy)) continue;
    const value = headers[i + 1] as string;
    target.push(headers[i] as string, policy.redact === null ? value : policy.redact(value));
  }
}

function isDroppedFromResponse(name: string, { dropCookies, dropCors }: ResponsePolicy): boolean {
  if (DROPPED_FROM_RESPONSE.has(name) || isOurs(name)) return true;
  return (dropCookies && isCookie(name)) || (dropCors && isCorsHeader(name));
}

/** The content-length that a function states for a streamed body; null where it states none that is a number. */
export function statedLength(headers: readonly string[]): number | null {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() === 'content-length' && /^\d{1,15}$/.test(headers[i + 1] as string))
      return Number(headers[i + 1]);
  }
  return null;
}

const isOurs = (name: string): boolean => name.startsWith('cordon-') || name.startsWith('x-cordon-');
const isCookie = (name: string): boolean =>
  name === 'set-cookie' || name === 'set-cookie2' || name === 'clear-site-data';
