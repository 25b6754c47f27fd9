/** Tenant pools: one for each tenant that has something under way or a connection left open. */

import type { Connector } from './connector.ts';
import type { Answer } from './resolver.ts';
import { TenantPool } from './tenant-pool.ts';
import type { TenantPoolLimits } from './tenant-pool.ts';

export interface TenantPoolsOptions {
  readonly limits: TenantPoolLimits;
  readonly connector: Connector;
  resolve(name: string): Promise<Answer>;
}

/** Tenants that fetch nothing are forgotten after so long. */
const SWEEP_MS = 10_000;

export class TenantPools {
  readonly #options: TenantPoolsOptions;
  readonly #pools = new Map<string, TenantPool>();
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: TenantPoolsOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Tenants come from the host's own versions, so there are no more than it serves. */
  of(tenant: string): TenantPool {
    const known = this.#pools.get(tenant);
    if (known !== undefined) return known;
    const { limits, connector, resolve } = this.#options;
    const made = new TenantPool(limits, connector, resolve);
    this.#pools.set(tenant, made);
    return made;
  }

  close(): void {
    clearInterval(this.#sweeper);
    for (const pool of this.#pools.values()) pool.destroy();
    this.#pools.clear();
  }

  #sweep(): void {
    for (const [tenant, pool] of this.#pools) {
      pool.sweep();
      if (pool.isIdle) this.#pools.delete(tenant);
    }
  }
}
