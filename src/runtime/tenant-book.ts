/** Tenant book: what the path of a request has to know of tenants, in memory. */

import type { TenantRecord, TenantStore } from '../core/tenant.ts';

export class TenantBook {
  readonly #store: Pick<TenantStore, 'list'>;
  #records: ReadonlyMap<string, TenantRecord> = new Map();

  constructor(store: Pick<TenantStore, 'list'>) {
    this.#store = store;
  }

  /** At start, and whenever a tenant has changed. */
  async load(): Promise<void> {
    this.#records = new Map((await this.#store.list()).map((record) => [record.name, record]));
  }

  isSuspended(name: string): boolean {
    return (this.#records.get(name)?.suspendedMs ?? null) !== null;
  }

  /** Null: the operator's default. */
  maxFunctions(name: string): number | null {
    return this.#records.get(name)?.quotas.functions ?? null;
  }

  /** Null: the operator's default. */
  has(name: string): boolean {
    return this.#records.has(name);
  }

  concurrency(name: string): number | null {
    return this.#records.get(name)?.quotas.concurrency ?? null;
  }
}
