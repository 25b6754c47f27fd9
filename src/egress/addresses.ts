/**
 * Addresses: which ones no function may reach. What is not plainly a public unicast address is refused: private ranges,
 * whatever embeds an IPv4 address in an IPv6 one, what is reserved, and the addresses of this machine.
 */

import { networkInterfaces } from 'node:os';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Ranges of ipaddr.js under the names that refusals carry; a range that is not here keeps its own name. */
const RULES: Readonly<Record<string, string>> = {
  amt: 'reserved',
  as112: 'reserved',
  as112v6: 'reserved',
  benchmarking: 'benchmarking',
  broadcast: 'broadcast',
  carrierGradeNat: 'carrier-grade-nat',
  deprecatedOrchid: 'reserved',
  deprecatedSiteLocal: 'site-local',
  droneRemoteIdProtocolEntityTags: 'reserved',
  ipv4Mapped: 'ipv4-mapped',
  linkLocal: 'link-local',
  orchid2: 'reserved',
  rfc6052: 'nat64',
  rfc6145: 'ipv4-translated',
  segmentRouting: 'reserved',
  uniqueLocal: 'private',
};

/** The parts of `reserved` that have a name of their own. */
const NAMED: readonly (readonly [cidr: string, rule: string])[] = [
  ['192.0.2.0/24', 'documentation'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['198.18.0.0/15', 'benchmarking'],
  ['192.88.99.0/24', '6to4'],
  ['2001:db8::/32', 'documentation'],
  ['3fff::/20', 'documentation'],
];
const NAMED_RANGES = NAMED.map(([cidr, rule]) => ({ range: ipaddr.parseCIDR(cidr), rule }));

const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];
const IPV4_COMPATIBLE = ipaddr.parseCIDR('::/96') as [ipaddr.IPv6, number];

/** How long the list of this machine's own addresses is believed. */
const OWN_FOR_MS = 5_000;

/** The name of the range that makes an address forbidden; null for a public unicast address. */
export function forbiddenRange(address: string): string | null {
  if (address.includes('%')) return 'zone-id';
  if (isIP(address) === 0) return 'not-an-address';
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (range === 'reserved') return NAMED_RANGES.find((named) => isIn(parsed, named.range))?.rule ?? 'reserved';
  if (range !== 'unicast') return RULES[range] ?? range;
  return parsed instanceof ipaddr.IPv6 ? forbiddenUnicast6(parsed) : null;
}

function forbiddenUnicast6(address: ipaddr.IPv6): string | null {
  if (address.match(IPV4_COMPATIBLE)) return 'ipv4-compatible';
  if (!address.match(GLOBAL_UNICAST)) return 'reserved';
  // ISATAP routers deliver such an address to the IPv4 address in its last 32 bits.
  const [, , , , universal = 0, marker] = address.parts;
  return marker === 0x5efe && (universal & 0xfdff) === 0 ? 'isatap' : null;
}

function isIn(address: ipaddr.IPv4 | ipaddr.IPv6, [base, bits]: [ipaddr.IPv4 | ipaddr.IPv6, number]): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}

/** One spelling for each address, so that they can be compared as text. The text must be an address without a zone. */
export const canonical = (address: string): string => ipaddr.parse(address).toString();

/** Also knows the addresses of this machine, which reach its own services however public they are. */
export class AddressGuard {
  readonly #listOwn: () => readonly string[];
  #own: ReadonlySet<string> = new Set();
  #listedMs = -Infinity;

  constructor(listOwn: () => readonly string[] = interfaceAddresses) {
    this.#listOwn = listOwn;
  }

  /** The name of the rule that forbids the address, or null. */
  forbidden(address: string): string | null {
    return forbiddenRange(address) ?? (this.#ownNow().has(canonical(address)) ? 'own-address' : null);
  }

  #ownNow(): ReadonlySet<string> {
    const nowMs = performance.now();
    if (nowMs - this.#listedMs > OWN_FOR_MS) {
      this.#listedMs = nowMs;
      this.#own = new Set(this.#listOwn().map((address) => canonical(address.replace(/%.*$/, ''))));
    }
    return this.#own;
  }
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));
}
