/** Origin: what a request's connection and Host header say about where it came from and what it may be given. */

import type { IncomingMessage } from 'node:http';
import { isIP, type BlockList } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { DEFAULT_TENANT } from '../core/tenant.ts';

export interface OriginOptions {
  /** Host names of the operator API, as a Host header writes them, without a port. */
  readonly operatorHosts: readonly string[];
  /** `<tenant>.<domain>` names a tenant. */
  readonly domain: string | null;
  readonly trustedProxies: BlockList;
}

const HOST = /^(?:[a-z0-9_](?:[a-z0-9._-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;
const NO_HOST = 'localhost';

export interface Site {
  /** As the client wrote it. */
  readonly host: string;
  /** The operator API answers there. */
  readonly isOperator: boolean;
  readonly tenant: string;
  /** Lower case, no port: what to look for among the functions' own domains. Null: the operator's name, or a tenant's. */
  readonly domain: string | null;
}

export class Origins {
  readonly #options: OriginOptions;
  readonly #operatorHosts: ReadonlySet<string>;
  readonly #suffix: string | null;
  readonly #hasProxies: boolean;
  #last: Site | null = null;

  constructor(options: OriginOptions) {
    this.#options = options;
    this.#operatorHosts = new Set(options.operatorHosts);
    this.#hasProxies = options.trustedProxies.rules.length > 0;
    this.#suffix = options.domain === null ? null : `.${options.domain}`;
  }

  /**
   * What the Host header names; null where it is no host name. X-Forwarded-Host counts for nothing, whoever sends it: most
   * proxies pass a client's on, and it would choose the tenant, and whether the operator API answers.
   */
  siteOf(request: IncomingMessage): Site | null {
    const host = request.headers.host ?? NO_HOST;
    // Requests that follow each other are for one host more often than not.
    if (host === this.#last?.host) return this.#last;
    if (!HOST.test(host)) return null;
    const name = withoutPort(host);
    const isOperator = this.#operatorHosts.has(name);
    const tenant = this.#tenantOf(name);
    this.#last = {
      host,
      isOperator,
      tenant: tenant ?? DEFAULT_TENANT,
      domain: isOperator || tenant !== null ? null : name,
    };
    return this.#last;
  }

  /** Whether the peer is a proxy whose forwarding headers are believed. */
  trusts(request: IncomingMessage): boolean {
    if (!this.#hasProxies) return false;
    const { remoteAddress, remoteFamily } = request.socket;
    if (remoteAddress === undefined) return false;
    return this.#options.trustedProxies.check(
      unmapped(remoteAddress),
      remoteFamily === 'IPv6' && !remoteAddress.startsWith(MAPPED) ? 'ipv6' : 'ipv4',
    );
  }

  /** The client's address: the peer's, or what a trusted proxy says: the last address that is not itself a proxy's. */
  clientAddress(request: IncomingMessage, trusted: boolean): string {
    const peer = unmapped(request.socket.remoteAddress ?? '');
    const forwarded = trusted ? request.headers['x-forwarded-for'] : undefined;
    if (typeof forwarded !== 'string') return peer;
    for (const part of forwarded.split(',').reverse()) {
      const address = unmapped(part.trim());
      const family = isIP(address);
      if (family === 0) break;
      if (!this.#options.trustedProxies.check(address, family === 6 ? 'ipv6' : 'ipv4')) return address;
    }
    return peer;
  }

  /** As the client sees it, who may be behind a proxy that speaks TLS for us. */
  schemeOf(request: IncomingMessage, trusted: boolean): 'http' | 'https' {
    if ((request.socket as Partial<TLSSocket>).encrypted === true) return 'https';
    return trusted && request.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  }

  /** A host of the operator API, or one whose name says whose it is: lower case, no port. No function may have it as its own. */
  isReserved(host: string): boolean {
    return this.#operatorHosts.has(host) || host === this.#options.domain || this.#tenantOf(host) !== null;
  }

  /** Null: the name is none of a tenant. */
  #tenantOf(name: string): string | null {
    if (this.#suffix === null || !name.endsWith(this.#suffix)) return null;
    const tenant = name.slice(0, -this.#suffix.length);
    return tenant === '' || tenant.includes('.') ? null : tenant;
  }
}

const MAPPED = '::ffff:';
const unmapped = (address: string): string => (address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address);

function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':');
  const name = colon > host.lastIndexOf(']') ? host.slice(0, colon) : host;
  return name.toLowerCase();
}
