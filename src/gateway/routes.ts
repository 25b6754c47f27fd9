/** Routes: from a tenant and a name to the live version, in memory; replaced as a whole, so that a request sees one state. */

import type { FunctionVersion } from '../core/function.ts';

type Snapshot = ReadonlyMap<string, ReadonlyMap<string, FunctionVersion>>;

export class Routes {
  #snapshot: Snapshot = new Map();

  find(tenant: string, name: string): FunctionVersion | undefined {
    return this.#snapshot.get(tenant)?.get(name);
  }

  load(versions: Iterable<FunctionVersion>): void {
    const next = new Map<string, Map<string, FunctionVersion>>();
    for (const version of versions) {
      const names = next.get(version.tenant) ?? new Map<string, FunctionVersion>();
      next.set(version.tenant, names.set(version.name, version));
    }
    this.#snapshot = next;
  }

  /** Makes a version live; returns the one it replaces. */
  set(version: FunctionVersion): FunctionVersion | undefined {
    const before = this.find(version.tenant, version.name);
    this.#replace(version.tenant, new Map(this.#snapshot.get(version.tenant)).set(version.name, version));
    return before;
  }

  remove(tenant: string, name: string): FunctionVersion | undefined {
    const before = this.find(tenant, name);
    const names = new Map(this.#snapshot.get(tenant));
    names.delete(name);
    this.#replace(tenant, names);
    return before;
  }

  #replace(tenant: string, names: ReadonlyMap<string, FunctionVersion>): void {
    this.#snapshot = new Map(this.#snapshot).set(tenant, names);
  }
}
