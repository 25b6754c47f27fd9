/** How many calls of each tenant are running or waiting. */

export interface TenantLoad {
  calls: number;
  readonly tenant: string;
}

export class TenantLoads {
  readonly #limit: number;
  readonly #loads = new Map<string, TenantLoad>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts one more call; null where the tenant has all it may have. Whoever ends the call calls {@link leave}. */
  enter(tenant: string): TenantLoad | null {
    let load = this.#loads.get(tenant);
    if (load === undefined) {
      load = { calls: 0, tenant };
      this.#loads.set(tenant, load);
    }
    if (load.calls >= this.#limit) return null;
    load.calls++;
    return load;
  }
}

export function leave(load: TenantLoad): void {
  load.calls--;
}
