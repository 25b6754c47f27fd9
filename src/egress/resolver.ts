/**
 * Resolver: names to addresses, as absolute names (search domains are never tried), with the time each answer may be kept.
 *
 * It asks by c-ares, the operator's servers or those of the system: getaddrinfo would block one of the four threads that
 * the file system and cryptography of this process share, for as long as a hostile name server likes.
 */

import { Resolver as Client } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { EgressFailure } from './failure.ts';
import { isLocalhost } from './policy.ts';

export interface ResolverOptions {
  /** `address` or `address:port`; empty: the system's servers and its hosts file. */
  readonly servers?: readonly string[];
  /** Of one try; there are two. */
  readonly timeoutMs?: number;
  readonly hostsFile?: string;
}

export interface Answer {
  /** At least one, in no order; nobody has checked them yet. */
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

const TRIES = 2;
/** Changes of the system's servers and of its hosts file are seen after so long. */
const SYSTEM_FOR_MS = 10_000;
const LOCALHOST: Answer = { addresses: ['127.0.0.1', '::1'], ttlSeconds: 300 };

/** What the other side has no address for, or does not know. */
const NOT_THERE: ReadonlySet<string> = new Set(['ENODATA', 'ENOTFOUND']);

export class Resolver {
  readonly #options: ResolverOptions;
  #client: Client;
  #hosts: Promise<ReadonlyMap<string, Answer>>;
  #madeMs = performance.now();

  constructor(options: ResolverOptions = {}) {
    this.#options = options;
    this.#client = this.#makeClient();
    this.#hosts = this.#readHosts();
  }

  /** Rejects with DNS_FAILED. */
  async resolve(name: string): Promise<Answer> {
    if (isLocalhost(name)) return LOCALHOST;
    this.#refresh();
    const client = this.#client;
    const local = (await this.#hosts).get(name);
    if (local !== undefined) return local;
    const both = await Promise.allSettled([client.resolve4(name, { ttl: true }), client.resolve6(name, { ttl: true })]);
    const records = both.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (records.length > 0)
      return {
        addresses: [...new Set(records.map(({ address }) => address))],
        ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)),
      };
    const known = both.every((answer) => answer.status === 'rejected' && NOT_THERE.has(codeOf(answer.reason)));
    throw new EgressFailure('DNS_FAILED', known ? `${name} has no address` : `the name ${name} could not be resolved`);
  }

  close(): void {
    this.#client.cancel();
  }

  #refresh(): void {
    const nowMs = performance.now();
    if (this.#isOurs || nowMs - this.#madeMs < SYSTEM_FOR_MS) return;
    this.#madeMs = nowMs;
    this.#client = this.#makeClient();
    this.#hosts = this.#readHosts();
  }

  get #isOurs(): boolean {
    return (this.#options.servers ?? []).length > 0;
  }

  #makeClient(): Client {
    const client = new Client({ timeout: this.#options.timeoutMs ?? 2_500, tries: TRIES });
    if (this.#isOurs) client.setServers(this.#options.servers as string[]);
    return client;
  }

  #readHosts(): Promise<ReadonlyMap<string, Answer>> {
    if (this.#isOurs) return Promise.resolve(new Map());
    return readFile(this.#options.hostsFile ?? '/etc/hosts', 'utf8').then(parseHosts, () => new Map());
  }
}

/** Lines of `address name name … # comment`. */
function parseHosts(text: string): ReadonlyMap<string, Answer> {
  const hosts = new Map<string, Answer>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names.map((each) => each.toLowerCase().replace(/\.$/, ''))) {
      const addresses = [...(hosts.get(name)?.addresses ?? []), address];
      hosts.set(name, { addresses, ttlSeconds: SYSTEM_FOR_MS / 1000 });
    }
  }
  return hosts;
}

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code);
