/** The way out: what functions may fetch, and by which way. */

import { isIP } from 'node:net';
import { hostAndPort, hostPattern } from '../lib/host-names.ts';
import { each, webUrl } from './parsers.ts';
import { read } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface EgressConfig {
  /** Null: unset, so that the default depends on the entry (CONTRACTS.md). */
  readonly allow: readonly string[] | null;
  /** `host:port` that may be reached although its address is private. */
  readonly allowPrivate: readonly string[];
  /** An HTTP proxy; null: none, whatever the environment says. */
  readonly proxy: string | null;
  /** Addresses; empty: the system's resolver. */
  readonly dnsServers: readonly string[];
}

export type EgressOptions = Partial<EgressConfig>;

/** Throws a {@link StartError}. */
export function readEgress(options: EgressOptions, env: Environment): EgressConfig {
  const allow = read(TABLE.fetchAllow, options.allow?.join(','), env);
  return Object.freeze({
    allow: allow === null ? null : Object.freeze(allow),
    allowPrivate: Object.freeze(read(TABLE.egressAllowPrivate, options.allowPrivate?.join(','), env)),
    proxy: read(TABLE.egressProxy, options.proxy ?? undefined, env),
    dnsServers: Object.freeze(read(TABLE.dnsServers, options.dnsServers?.join(','), env)),
  });
}

const TABLE = {
  fetchAllow: {
    name: 'FUNCTIONS_FETCH_ALLOW',
    fallback: null,
    fallbackMeaning: 'any public address; none for script bodies',
    meaning: 'The hosts that functions may fetch, separated by commas (`cdn.io` allows its subdomains); empty: none',
    expected: 'host names (`api.example.com`, `*.cdn.io`, `cdn.io:8443`, `https://cdn.io`) separated by commas, or *',
    blankCounts: true,
    parse: (text) => each(text, hostPattern),
  },
  egressAllowPrivate: {
    name: 'CORDON_EGRESS_ALLOW_PRIVATE',
    fallback: '',
    fallbackMeaning: 'none',
    meaning: 'Private destinations that functions may reach all the same, separated by commas',
    expected: 'host:port, separated by commas',
    parse: (text) => each(text, hostAndPort),
  },
  egressProxy: {
    name: 'CORDON_EGRESS_PROXY',
    fallback: null,
    fallbackMeaning: 'none; HTTP_PROXY is ignored',
    meaning: 'An HTTP proxy for what functions fetch',
    expected: 'an http or https URL without a user and a password',
    // What is refused may have a password in it.
    secret: true,
    parse: webUrl,
  },
  dnsServers: {
    name: 'CORDON_DNS_SERVERS',
    fallback: '',
    fallbackMeaning: 'the system’s resolver',
    meaning: 'DNS servers for what functions fetch, separated by commas',
    expected: 'addresses, with a port where it is not 53, separated by commas',
    parse: (text) => each(text, dnsServer),
  },
} as const satisfies SettingTable;

export const EGRESS_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);

/** A name would need a DNS server to be found. */
function dnsServer(text: string): string | undefined {
  if (isIP(text) !== 0) return text;
  const found = hostAndPort(text);
  const host = found?.slice(0, found.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  return host !== undefined && isIP(host) !== 0 ? found : undefined;
}
