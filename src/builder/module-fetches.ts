/**
 * ModuleFetches: the modules that one build asks for by address. The child that asks is as hostile as its source: what it
 * asks for is checked, counted and bounded here, and whether an address may be reached is for whoever fetches to decide.
 */

import { createHash } from 'node:crypto';
import type { SourceFiles } from '../core/deployment.ts';
import { toFault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import { KEPT_MODULES, type KeptHead, type ModuleHead } from '../wire/build-messages.ts';
import { ProtocolError } from '../wire/meta.ts';

export interface FetchedModule {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** After redirects. */
  readonly finalUrl: string;
}

/**
 * Fetches one module for a build of this owner. Only `https:`, also after redirects; at most `maxBytes`. Rejects with a
 * Fault or an Error whose message may be shown to whoever deploys.
 */
export type FetchModule = (
  url: string,
  limits: { readonly maxBytes: number; readonly signal: AbortSignal },
  owner: string,
) => Promise<FetchedModule>;

type Ask = readonly [number: number, url: string];

const MAX_MODULES = 512;
const MAX_MODULE_BYTES: number = 4 * MB;
const MAX_TOTAL_BYTES: number = 24 * MB;
/** Of one build: what waits for its turn takes no memory. */
const MAX_AT_ONCE = 8;
const MAX_URL_CHARS = 2048;
const MAX_TYPE_CHARS = 200;

export class ModuleFetches {
  readonly #fetch: FetchModule;
  readonly #owner: string;
  readonly #abort = new AbortController();
  readonly #asked = new Set<number>();
  readonly #files = new Map<string, Uint8Array>();
  #bytes = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(fetch: FetchModule, owner: string) {
    this.#fetch = fetch;
    this.#owner = owner;
  }

  /** What has been fetched so far, as files. */
  get files(): SourceFiles {
    return this.#files;
  }

  get asked(): boolean {
    return this.#asked.size > 0;
  }

  /** Nobody wants any of it any more. */
  stop(): void {
    this.#abort.abort();
  }

  /** Throws a ProtocolError for an ask that no child of ours makes. */
  read(meta: unknown): Ask {
    const [number, kind, , ask] = Array.isArray(meta) ? (meta as unknown[]) : [];
    const { url } = (typeof ask === 'object' && ask !== null ? ask : {}) as { url?: unknown };
    if (!Number.isSafeInteger(number) || kind !== 'module' || typeof url !== 'string')
      throw new ProtocolError('an ask that is none');
    if (this.#asked.has(number as number)) throw new ProtocolError('an ask with the number of another');
    if (this.#asked.size > MAX_MODULES) throw new ProtocolError('asks without an end');
    this.#asked.add(number as number);
    return [number as number, url];
  }

  /** Rejects with an Error whose message is one sentence. */
  async fetch(url: string): Promise<{ readonly head: ModuleHead; readonly bytes: Uint8Array }> {
    if (this.#asked.size > MAX_MODULES) throw new Error(`A build may fetch at most ${MAX_MODULES} modules`);
    const shown = JSON.stringify(url.slice(0, 200));
    if (url.length > MAX_URL_CHARS || URL.parse(url)?.protocol !== 'https:')
      throw new Error(`${shown}: modules are fetched by https: only`);
    const { bytes, contentType, finalUrl } = await this.#inTurn(() => this.#get(url, shown));
    const head = { url: finalUrl, contentType: contentType.slice(0, MAX_TYPE_CHARS) };
    this.#keep({ asked: url, ...head }, bytes);
    return { head, bytes };
  }

  async #get(url: string, shown: string): Promise<FetchedModule> {
    this.#requireRoom();
    const limits = { maxBytes: MAX_MODULE_BYTES, signal: this.#abort.signal };
    const module = await this.#fetch(url, limits, this.#owner).catch((error: unknown) => {
      const fault = toFault(error);
      const reason = fault.code === 'INTERNAL' ? messageOf(error) : fault.message;
      throw new Error(`${shown} can't be fetched: ${reason}`, { cause: error });
    });
    if (module.bytes.length > MAX_MODULE_BYTES) throw new Error(`${shown} is larger than ${MAX_MODULE_BYTES / MB} MB`);
    this.#bytes += module.bytes.length;
    this.#requireRoom();
    return module;
  }

  #requireRoom(): void {
    if (this.#bytes > MAX_TOTAL_BYTES)
      throw new Error(`A build may fetch at most ${MAX_TOTAL_BYTES / MB} MB of modules`);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < MAX_AT_ONCE) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #keep(head: KeptHead, bytes: Uint8Array): void {
    const name = createHash('sha256').update(head.asked).digest('hex').slice(0, 32);
    this.#files.set(KEPT_MODULES + name, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), bytes]));
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'the fetch failed');
