/** Function rates: how many requests a function takes, and how many a client may send. */

import { Fault } from '../core/faults.ts';
import { rateHeaders, type RateLimits, type RateRule } from '../core/rate-limit.ts';

export interface FunctionRates {
  readonly limits: RateLimits;
  /** Requests for each function; null: no limit. */
  readonly perFunction: RateRule | null;
  /** Requests of each client address; null: no limit. */
  readonly perAddress: RateRule | null;
}

/** Why a request is refused, and what its answer says of the limit: name, value, name, value … */
export interface Throttling {
  readonly fault: Fault;
  readonly headers: readonly string[];
}

/** Counts one request of a client; null: it may pass. */
export function takeForAddress({ limits, perAddress }: FunctionRates, address: string): Promise<Throttling | null> {
  return take(limits, 'address', clientKey(address), perAddress, 'one client');
}

/** Counts one request for a function; null: it may pass. */
export function takeForFunction(
  { limits, perFunction }: FunctionRates,
  tenant: string,
  name: string,
): Promise<Throttling | null> {
  return take(limits, 'function', `${tenant}/${name}`, perFunction, 'this function');
}

async function take(
  limits: RateLimits,
  scope: string,
  key: string,
  rule: RateRule | null,
  whose: string,
): Promise<Throttling | null> {
  if (rule === null) return null;
  const decision = await limits.take(scope, key, rule);
  if (decision.allowed) return null;
  const text = `At most ${rule.limit} requests in ${rule.windowSeconds} s for ${whose}`;
  // The fault brings its own Retry-After.
  const { 'retry-after': _, ...headers } = rateHeaders(decision);
  return {
    fault: new Fault('THROTTLED', text, { retryAfterSeconds: decision.resetSeconds }),
    headers: Object.entries(headers).flat(),
  };
}

/** Whoever has one IPv6 address has its whole /64. */
export function clientKey(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':');
}
