/** Stores of the control plane in memory: services and tenants. */

import { Fault } from '../../src/core/faults.ts';
import type { ServiceRecord, ServiceStore } from '../../src/core/service.ts';
import type { TenantRecord, TenantStore } from '../../src/core/tenant.ts';

export class MemoryServices implements ServiceStore {
  readonly #services = new Map<string, ServiceRecord>();

  add(service: ServiceRecord): Promise<void> {
    for (const { tenant, name, functionName } of this.#services.values()) {
      if (tenant === service.tenant && (name === service.name || functionName === service.functionName))
        return Promise.reject(new Fault('CONFLICT', `There is a service ${service.name} already`));
    }
    this.#services.set(service.id, service);
    return Promise.resolve();
  }

  update(service: ServiceRecord): Promise<void> {
    this.#services.set(service.id, service);
    return Promise.resolve();
  }

  list(tenant: string, after: string | null, limit: number): Promise<ServiceRecord[]> {
    const found = [...this.#services.values()].filter(
      (service) => service.tenant === tenant && (after === null || service.name > after),
    );
    return Promise.resolve(found.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit));
  }

  find(tenant: string, id: string): Promise<ServiceRecord | null> {
    const service = this.#services.get(id);
    return Promise.resolve(service?.tenant === tenant ? service : null);
  }

  async remove(tenant: string, id: string): Promise<boolean> {
    return (await this.find(tenant, id)) !== null && this.#services.delete(id);
  }
}

export class MemoryTenants implements TenantStore {
  readonly #tenants = new Map<string, TenantRecord>();

  async create(name: string): Promise<TenantRecord> {
    if (this.#tenants.has(name)) throw new Fault('CONFLICT', `There is a tenant ${name} already`);
    const record = { name, quotas: { functions: null, concurrency: null }, suspendedMs: null, createdMs: 1 };
    this.#tenants.set(name, record);
    return Promise.resolve(record);
  }

  list(): Promise<TenantRecord[]> {
    return Promise.resolve([...this.#tenants.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
  }

  find(name: string): Promise<TenantRecord | null> {
    return Promise.resolve(this.#tenants.get(name) ?? null);
  }

  update(name: string, change: Partial<Pick<TenantRecord, 'quotas' | 'suspendedMs'>>): Promise<TenantRecord | null> {
    const before = this.#tenants.get(name);
    if (before === undefined) return Promise.resolve(null);
    const record = { ...before, ...change };
    this.#tenants.set(name, record);
    return Promise.resolve(record);
  }

  erase(name: string): Promise<boolean> {
    return Promise.resolve(this.#tenants.delete(name));
  }
}
