/**
 * Releases: from what is kept of functions to what runs. Each function that has a version to run has a route, and each
 * version is one object for as long as its environment stays the same, because its sandboxes are found by it.
 *
 * Whoever changes a function, its variables or its tenant's, here or on another node, asks for a refresh afterwards; a
 * request sees the state before it or after it, and none between.
 */

import { Fault } from '../core/faults.ts';
import type { FunctionRecord, FunctionStore, StoredVersion } from '../core/function-record.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Route } from '../core/route.ts';
import type { Environments } from '../core/variable.ts';
import { Assembler, type Assembled } from './assembler.ts';
import { SpareVersions } from './spare-versions.ts';
import { Turns } from './turns.ts';

export interface ReleasesOptions {
  readonly functions: Pick<FunctionStore, 'routed' | 'version'>;
  readonly environments: Environments;
  readonly routes: {
    load(routes: Iterable<Route>): void;
    set(route: Route): Route | undefined;
    remove(tenant: string, name: string): Route | undefined;
  };
  /** Frees what a version that nothing leads to any more has in memory. */
  retire(version: FunctionVersion): void;
  /** Hears why a version could not be made ready when all were loaded; its route goes without it. */
  report(error: unknown): void;
}

interface Release {
  readonly record: FunctionRecord;
  /** Those that its route needs, by number. */
  readonly versions: ReadonlyMap<number, Assembled>;
}

/** Environments that are resolved at a time. */
const LOT = 64;
const NOTHING: ReadonlyMap<number, Assembled> = new Map();

export class Releases {
  readonly #options: ReleasesOptions;
  readonly #assembler: Assembler;
  readonly #spares: SpareVersions;
  readonly #turns = new Turns();
  readonly #loads = new Turns();
  /** By {@link keyOf}. */
  #releases = new Map<string, Release>();
  /** While everything is loaded: what changed meanwhile, so that it is not overwritten by what was read before. */
  #touched: Set<string> | null = null;

  constructor(options: ReleasesOptions) {
    this.#options = options;
    this.#assembler = new Assembler(options.environments);
    this.#spares = new SpareVersions(({ version }) => options.retire(version));
  }

  /** At start. */
  load(): Promise<void> {
    return this.#loads.take('', () => this.#loadAll());
  }

  /** When anything may have changed. */
  reload(): Promise<void> {
    return this.load();
  }

  /** After a change of this function or of its own variables. Rejects as the store does; then nothing has changed here. */
  refresh(tenant: string, name: string): Promise<void> {
    return this.#inTurn(keyOf({ tenant, name }), () => this.#refreshNow(tenant, name));
  }

  /** After a change of the tenant's variables. What gets the same environment as before stays the same object. */
  async refreshTenant(tenant: string): Promise<void> {
    this.#spares.dropAll(`${tenant}/`);
    await inLots(this.#keysOf(tenant), (key) => this.#inTurn(key, () => this.#reassemble(key)));
  }

  /** Takes the function's route away, for good or until the next refresh. */
  drop(tenant: string, name: string): Promise<void> {
    const key = keyOf({ tenant, name });
    return this.#inTurn(key, () => Promise.resolve(this.#apply(key, null, this.#spares.takeAll(key))));
  }

  /** The same for all functions of a tenant. */
  async dropTenant(tenant: string): Promise<void> {
    this.#spares.dropAll(`${tenant}/`);
    await Promise.all(this.#keysOf(tenant).map((key) => this.drop(...partsOf(key))));
  }

  /**
   * A version by its number: the object that the route has, where it has it. Null: there is none. Rejects with CONFLICT for
   * one that no admin has reviewed, unless `unreviewed` asks for it.
   */
  async versionOf(
    tenant: string,
    name: string,
    number: number,
    { unreviewed = false }: { readonly unreviewed?: boolean } = {},
  ): Promise<FunctionVersion | null> {
    const key = keyOf({ tenant, name });
    const routed = (): FunctionVersion | undefined => this.#releases.get(key)?.versions.get(number)?.version;
    const known = routed();
    if (known !== undefined) return known;
    const spare = await this.#spares.get(key, number, async () => {
      const stored = await this.#options.functions.version(tenant, name, number);
      return stored === null ? null : this.#assembler.assemble(stored, undefined);
    });
    // It may have become routed meanwhile.
    const version = routed();
    if (version !== undefined || spare === null) return version ?? null;
    if (spare.stored.reviewed || unreviewed) return spare.version;
    throw new Fault('CONFLICT', `Version ${number} of the function ${name} waits for an admin's review`);
  }

  #keysOf(tenant: string): string[] {
    return [...this.#releases.keys()].filter((key) => key.startsWith(`${tenant}/`));
  }

  #inTurn(key: string, work: () => Promise<void>): Promise<void> {
    this.#touched?.add(key);
    return this.#turns.take(key, work);
  }

  async #refreshNow(tenant: string, name: string): Promise<void> {
    const key = keyOf({ tenant, name });
    const { records, versions } = await this.#options.functions.routed({ tenant, name });
    const record = records[0];
    const spares = this.#spares.takeAll(key);
    try {
      const release = record === undefined ? null : await this.#released(record, versions, spares);
      this.#apply(key, release, new Map([...spares, ...this.#spares.takeAll(key)]));
    } catch (error) {
      for (const { version } of spares.values()) this.#options.retire(version);
      throw error;
    }
  }

  async #reassemble(key: string): Promise<void> {
    const release = this.#releases.get(key);
    if (release === undefined) return;
    const stored = [...release.versions.values()].map((assembled) => assembled.stored);
    const next = await this.#released(release.record, stored, NOTHING);
    const isSame = next.versions
      .entries()
      .every(([number, { version }]) => release.versions.get(number)?.version === version);
    if (!isSame) this.#apply(key, next, NOTHING);
  }

  /** What was assembled already, for the route or as a spare, is used again. */
  async #released(
    record: FunctionRecord,
    stored: readonly StoredVersion[],
    spares: ReadonlyMap<number, Assembled>,
  ): Promise<Release> {
    const before = this.#releases.get(keyOf(record))?.versions ?? NOTHING;
    const assembled = await Promise.all(
      stored.map((version) =>
        this.#assembler.assemble(version, before.get(version.number) ?? spares.get(version.number)),
      ),
    );
    return { record, versions: new Map(assembled.map((one) => [one.stored.number, one])) };
  }

  /** In one turn: what leads to the old version leads to the new one then, and the old one takes no more calls. */
  #apply(key: string, release: Release | null, leaving: ReadonlyMap<number, Assembled>): void {
    const { routes, retire } = this.#options;
    const before = this.#releases.get(key)?.versions ?? NOTHING;
    if (release === null) {
      const [tenant, name] = partsOf(key);
      this.#releases.delete(key);
      this.#assembler.forget(tenant, name);
      routes.remove(tenant, name);
    } else {
      this.#releases.set(key, release);
      routes.set(routeOf(release));
    }
    const used = new Set(release?.versions.values().map(({ version }) => version));
    for (const { version } of new Set([...before.values(), ...leaving.values()]))
      if (!used.has(version)) retire(version);
  }

  async #loadAll(): Promise<void> {
    const touched = (this.#touched = new Set(this.#turns.keys()));
    try {
      const { records, versions } = await this.#options.functions.routed();
      const stored = Map.groupBy(versions, keyOf);
      const next = new Map<string, Release>();
      await inLots(records, async (record) => {
        const key = keyOf(record);
        next.set(key, await this.#releasedIfPossible(record, stored.get(key) ?? []));
      });
      this.#applyAll(next, touched);
    } finally {
      this.#touched = null;
    }
    await Promise.all([...touched].map((key) => this.refresh(...partsOf(key))));
  }

  /** A function whose secrets can't be opened must not keep all others from starting. */
  async #releasedIfPossible(record: FunctionRecord, stored: readonly StoredVersion[]): Promise<Release> {
    try {
      return await this.#released(record, stored, NOTHING);
    } catch (error) {
      this.#options.report(error);
      return { record, versions: NOTHING };
    }
  }

  #applyAll(next: Map<string, Release>, touched: ReadonlySet<string>): void {
    const before = this.#releases;
    for (const key of touched) {
      const current = before.get(key);
      if (current === undefined) next.delete(key);
      else next.set(key, current);
    }
    this.#releases = next;
    this.#options.routes.load(next.values().map(routeOf));
    this.#spares.dropAll('');
    const used = new Set(next.values().flatMap(({ versions }) => versions.values().map(({ version }) => version)));
    for (const { versions } of before.values())
      for (const { version } of versions.values()) if (!used.has(version)) this.#options.retire(version);
  }
}

function routeOf({ record, versions }: Release): Route {
  const { tenant, name, active, live, canary, aliases, publicDomain, publicDomainApproved, trigger } = record;
  const versionOf = (number: number | undefined): FunctionVersion | null =>
    number === undefined ? null : (versions.get(number)?.version ?? null);
  const canaryVersion = versionOf(canary?.number);
  const aliased = Object.entries(aliases).map(([alias, number]) => [alias, versionOf(number)] as const);
  return {
    tenant,
    name,
    live: versionOf(live?.number),
    canary: canary === null || canaryVersion === null ? null : { version: canaryVersion, weight: canary.weight },
    aliases: new Map(aliased.filter((entry): entry is [string, FunctionVersion] => entry[1] !== null)),
    active,
    publicDomain: publicDomainApproved ? publicDomain : null,
    trigger,
  };
}

/** Names have no slash. */
const keyOf = ({ tenant, name }: { readonly tenant: string; readonly name: string }): string => `${tenant}/${name}`;
const partsOf = (key: string): [tenant: string, name: string] => key.split('/') as [string, string];

/** So many at a time: each may wait for the database. */
async function inLots<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += LOT) await Promise.all(items.slice(i, i + LOT).map(work));
}
