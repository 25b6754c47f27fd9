/** Headers: which of a function's go out, which of the other side's come back, and what is said where a function is silent. */

import type { BoundSecret } from '../core/egress.ts';
import { redacted } from './secrets.ts';

/** They belong to one connection, not to the message. */
const HOP_BY_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'http2-settings',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Would let a function pass for a proxy of ours, or name another host or length than the request has. */
const CLAIMS: readonly string[] = [
  'host',
  'content-length',
  'expect',
  'forwarded',
  'via',
  'client-ip',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-real-ip',
];
const CLAIM_PREFIXES: readonly string[] = ['proxy-', 'x-forwarded-', 'cordon-', 'x-cordon-', 'cf-'];

const DROPPED_FROM_REQUEST: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...CLAIMS]);
const DROPPED_FROM_RESPONSE: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'proxy-authenticate']);

/** Meant for one origin: another must not see them after a redirect. */
const OF_ONE_ORIGIN: ReadonlySet<string> = new Set(['authorization', 'cookie']);
/** Meant for a body: gone with it. */
const OF_A_BODY: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
]);

/** What a function's headers become: in lower case, without what is not its business. */
export const outgoing = (headers: readonly string[]): string[] => without(headers, isDropped);

/** Adds what a client says who decodes the answer itself. */
export function withDefaults(headers: readonly string[]): string[] {
  const kept = [...headers];
  if (!has(kept, 'accept')) kept.push('accept', '*/*');
  if (!has(kept, 'user-agent')) kept.push('user-agent', 'Cordon');
  // A part of an encoded body can't be decoded.
  if (!has(kept, 'accept-encoding')) kept.push('accept-encoding', has(kept, 'range') ? 'identity' : 'gzip, br, zstd');
  return kept;
}

/** Servers that turn headers into variables take `_` for `-`. */
function isDropped(name: string): boolean {
  const dashed = name.includes('_') ? name.replaceAll('_', '-') : name;
  return DROPPED_FROM_REQUEST.has(dashed) || CLAIM_PREFIXES.some((prefix) => dashed.startsWith(prefix));
}

export const toAnotherOrigin = (headers: readonly string[]): string[] =>
  without(headers, (name) => OF_ONE_ORIGIN.has(name));
export const withoutBody = (headers: readonly string[]): string[] => without(headers, (name) => OF_A_BODY.has(name));

/** The first value of a header; null where there is none. The list's names are in lower case. */
export function valueOf(headers: readonly string[], name: string): string | null {
  for (let i = 0; i + 1 < headers.length; i += 2) if (headers[i] === name) return headers[i + 1] as string;
  return null;
}

const has = (headers: readonly string[], name: string): boolean => valueOf(headers, name) !== null;

/** The length that a function says its body has; null where it says none that is a number. */
export function statedLength(headers: readonly string[]): number | null {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() === 'content-length' && /^\d{1,15}$/.test(headers[i + 1] as string))
      return Number(headers[i + 1]);
  }
  return null;
}

/** What came back, as the HTTP client gives it, in lower case and without the values of secrets. */
export function incoming(raw: readonly (Buffer | string)[], secrets: readonly BoundSecret[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = textOf(raw[i] as Buffer | string).toLowerCase();
    if (DROPPED_FROM_RESPONSE.has(name)) continue;
    kept.push(name, redacted(textOf(raw[i + 1] as Buffer | string), secrets));
  }
  return kept;
}

const textOf = (text: Buffer | string): string => (typeof text === 'string' ? text : text.toString('latin1'));

/** Names come out in lower case. */
export function without(headers: readonly string[], drop: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (!drop(name)) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}
