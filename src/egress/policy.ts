/** Policy: whether one version may send one request to one place. Addresses that names stand for are judged later. */

import { isIP } from 'node:net';
import type { FunctionVersion } from '../core/function.ts';
import { AddressGuard, canonical } from './addresses.ts';
import { EgressFailure, Refused } from './failure.ts';
import { DEFAULT_PORTS, names, withoutBrackets } from './host-patterns.ts';
import type { Destination } from './host-patterns.ts';

export interface PolicyOptions {
  /** For versions whose own rule is null. Null: any public address; empty: none. */
  defaultAllow(version: FunctionVersion): readonly string[] | null;
  /** The operator's bound over every version: what it does not name is refused whatever a version allows. Null: no bound. */
  readonly ceiling?: readonly string[] | null;
  /** Exact `host:port` pairs that are open though their address is forbidden. */
  readonly allowPrivate?: readonly string[];
  /** Lists the addresses of this machine; its network interfaces unless told. */
  readonly ownAddresses?: () => readonly string[];
}

/** Ports on which something else than HTTP listens: the bad ports of the Fetch standard. */
const BLOCKED_PORTS: ReadonlySet<number> = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

export class Policy {
  readonly #options: PolicyOptions;
  readonly #guard: AddressGuard;
  readonly #private: ReadonlySet<string>;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#guard = new AddressGuard(options.ownAddresses);
    this.#private = new Set(options.allowPrivate ?? []);
  }

  /** Throws {@link Refused}. An address in place of a name is judged here; what a name stands for, in {@link refusalOf}. */
  require(destination: Destination, version: FunctionVersion): void {
    const { host, port } = destination;
    if (BLOCKED_PORTS.has(port)) throw new Refused('port', host);
    const allow = version.egress.allow ?? this.#options.defaultAllow(version);
    if (allow !== null && !names(allow, destination)) throw new Refused('allow-list', host);
    const ceiling = this.#options.ceiling ?? null;
    if (ceiling !== null && !names(ceiling, destination)) throw new Refused('allow-list', host);
    if (this.#isOpen(host, port)) return;
    if (isLocalhost(host)) throw new Refused('loopback', host);
    if (isIP(host) === 0) return;
    const rule = this.#guard.forbidden(host);
    if (rule !== null) throw new Refused(rule, host, host);
  }

  /** Judges every address of an answer; the first that is forbidden condemns the name. */
  refusalOf(host: string, port: number, addresses: readonly string[]): Refused | null {
    if (this.#isOpen(host, port)) return null;
    for (const address of addresses) {
      const rule = this.#guard.forbidden(address);
      if (rule !== null && !this.#isOpen(address, port)) return new Refused(rule, host, address);
    }
    return null;
  }

  #isOpen(host: string, port: number): boolean {
    if (this.#private.size === 0) return false;
    return this.#private.has(`${isIP(host) === 6 ? `[${canonical(host)}]` : host}:${port}`);
  }
}

export const isLocalhost = (host: string): boolean => host === 'localhost' || host.endsWith('.localhost');

/** Throws {@link Refused} for a scheme that may not leave, {@link EgressFailure} for what is no place. */
export function destinationOf(url: URL): Destination {
  const scheme = url.protocol;
  if (scheme !== 'http:' && scheme !== 'https:') throw new Refused('scheme', scheme.slice(0, 40));
  if (url.username !== '' || url.password !== '')
    throw new EgressFailure('BAD_REQUEST', 'a URL with a user name or password in it is not sent; use a header');
  // One host, one spelling: `example.com.` is `example.com` to every resolver.
  if (url.hostname.endsWith('.')) url.hostname = url.hostname.slice(0, -1);
  const host = withoutBrackets(url.hostname);
  if (host === '' || host.endsWith('.')) throw new EgressFailure('BAD_REQUEST', 'the URL names no host');
  return { scheme, host, port: url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port) };
}
