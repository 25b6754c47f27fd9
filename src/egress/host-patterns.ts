/**
 * Host patterns: what an allow-list names. `cdn.io` is that host and every subdomain of it, `*.cdn.io` its subdomains
 * alone, `*` everything; a scheme before it or a port behind it narrows it, and without a port only 80 and 443 are meant.
 */

import { isIP } from 'node:net';
import { hostPattern } from '../lib/host-names.ts';

interface Pattern {
  /** Null: http and https. */
  readonly scheme: string | null;
  /** In lower case, as a URL writes it, without a dot at its end; `*` for every host. */
  readonly host: string;
  readonly itself: boolean;
  readonly subdomains: boolean;
  /** Null: the scheme's own. */
  readonly port: number | null;
}

const EVERYTHING: Pattern = { scheme: null, host: '*', itself: true, subdomains: true, port: null };

/** Lists belong to versions, which never change: each is compiled once and forgotten with its version. */
const compiled = new WeakMap<readonly string[], readonly Pattern[]>();

/** Where a request goes, in the form in which policy compares it. */
export interface Destination {
  readonly scheme: 'http:' | 'https:';
  /** A name in lower case without a dot at its end, or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Whether one of the patterns names the destination. A pattern that can't be read names nothing. */
export function names(patterns: readonly string[], destination: Destination): boolean {
  return compiledOf(patterns).some((pattern) => matches(pattern, destination));
}

function matches(pattern: Pattern, { scheme, host, port }: Destination): boolean {
  if (pattern === EVERYTHING) return true;
  if (pattern.scheme !== null && pattern.scheme !== scheme) return false;
  if (port !== (pattern.port ?? DEFAULT_PORTS[scheme])) return false;
  return (pattern.itself && host === pattern.host) || (pattern.subdomains && host.endsWith(`.${pattern.host}`));
}

export const DEFAULT_PORTS: Readonly<Record<Destination['scheme'], number>> = { 'http:': 80, 'https:': 443 };

function compiledOf(patterns: readonly string[]): readonly Pattern[] {
  const known = compiled.get(patterns);
  if (known !== undefined) return known;
  const made = patterns.map(parsePattern).filter((pattern) => pattern !== null);
  compiled.set(patterns, made);
  return made;
}

function parsePattern(text: string): Pattern | null {
  // What a URL parser would cut away names nothing: `user@cdn.io` is no pattern of `cdn.io`.
  const normal = /[@?#\\%]/.test(text) ? undefined : hostPattern(text.trim());
  if (normal === undefined) return null;
  if (normal === '*') return EVERYTHING;
  const [, scheme, wildcard, bracketed = '', port] =
    /^(https?:)?(?:\/\/)?(\*\.)?(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(normal) ?? [];
  const host = withoutBrackets(bracketed);
  return {
    scheme: scheme ?? null,
    host,
    itself: wildcard === undefined,
    subdomains: isIP(host) === 0,
    port: port === undefined ? null : Number(port),
  };
}

export const withoutBrackets = (host: string): string => (host.startsWith('[') ? host.slice(1, -1) : host);
