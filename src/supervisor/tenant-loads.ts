/** How many calls of each tenant are running or waiting. */

export interface TenantLoad {
  /** Running and waiting. */
  calls: number;
  /** Of these, those that were admitted. */
  admitted: number;
  readonly tenant: string;
}

/** Above this many, tenants that have no call are forgotten, so that invented names don't fill the memory. */
const MAX_IDLE = 10_000;

export class TenantLoads {
  readonly #limitOf: (tenant: string) => number;
  readonly #loads = new Map<string, TenantLoad>();

  constructor(limitOf: (tenant: string) => number) {
    this.#limitOf = limitOf;
  }

  /** Counts one more call; null where the tenant has all it may have. Whoever ends the call calls {@link leave}. */
  enter(tenant: string): TenantLoad | null {
    const load = this.#loads.get(tenant) ?? this.#add(tenant);
    if (load.calls >= this.#limitOf(tenant)) return null;
    load.calls++;
    return load;
  }

  #add(tenant: string): TenantLoad {
    if (this.#loads.size >= MAX_IDLE) this.#forgetIdle();
    const load = { calls: 0, admitted: 0, tenant };
    this.#loads.set(tenant, load);
    return load;
  }

  #forgetIdle(): void {
    for (const load of this.#loads.values()) if (load.calls === 0) this.#loads.delete(load.tenant);
  }
}

export function leave(load: TenantLoad): void {
  load.calls--;
}
