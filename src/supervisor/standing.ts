/**
 * Standing: the versions that are to stand ready though nobody calls them, as their `minReplicas` say. It hears of routes
 * as everything does that follows what is live, and once a second the watch has it start some of what is missing.
 */

import type { Route } from '../core/route.ts';
import type { FunctionVersion } from '../core/function.ts';

export interface StandingOwner {
  /** A version is live: its tier and runtime may be wanted soon. */
  prepare(version: FunctionVersion): void;
  /** Starts a part of what is missing of so many; false: nothing is, or nothing can be done about it now. */
  stand(version: FunctionVersion, count: number): boolean;
}

type Live = Pick<Route, 'tenant' | 'name' | 'live' | 'active'>;

/** Executors that are started for it in a second, so that whoever calls does not wait behind those whom nobody calls. */
const STARTS_A_SECOND = 2;

export class Standing {
  readonly #owner: StandingOwner;
  /** By `tenant/name`; who was served last comes last. */
  readonly #versions = new Map<string, FunctionVersion>();

  constructor(owner: StandingOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#versions.size;
  }

  /** Takes the place of all that was there. */
  load(routes: Iterable<Live>): void {
    const before = [...this.#versions];
    this.#versions.clear();
    for (const route of routes) this.set(route);
    for (const [key, version] of before) if (this.#versions.get(key) !== version) this.#owner.stand(version, 0);
  }

  set({ tenant, name, live, active }: Live): void {
    const key = keyOf(tenant, name);
    const before = this.#versions.get(key);
    const next = active ? live : null;
    if (next !== null) this.#owner.prepare(next);
    if (before === next) return;
    this.#versions.delete(key);
    if (before !== undefined) this.#owner.stand(before, 0);
    if (next !== null && (next.limits.minReplicas ?? 0) > 0) this.#versions.set(key, next);
  }

  remove(tenant: string, name: string): void {
    this.set({ tenant, name, live: null, active: false });
  }

  /** Called by the watch, once a second. */
  beat(): void {
    let starts = 0;
    for (const [key, version] of [...this.#versions]) {
      if (!this.#owner.stand(version, version.limits.minReplicas ?? 0)) continue;
      this.#versions.delete(key);
      this.#versions.set(key, version);
      if (++starts >= STARTS_A_SECOND) return;
    }
  }
}

const keyOf = (tenant: string, name: string): string => `${tenant}/${name}`;
