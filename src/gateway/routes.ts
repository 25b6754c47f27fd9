/**
 * Routes: from a tenant and a name, or from a public domain, to what may answer, in memory.
 *
 * A route never changes: a deployment puts another one in its place. A request looks its route up once and keeps it, so
 * that it sees one state, and putting one in place costs the same however many there are.
 */

import type { Route } from '../core/route.ts';

type Names = Map<string, Route>;

export class Routes {
  #tenants = new Map<string, Names>();
  /** In lower case, without a port. */
  #domains = new Map<string, Route>();

  find(tenant: string, name: string): Route | undefined {
    return this.#tenants.get(tenant)?.get(name);
  }

  /** All of a tenant's. */
  of(tenant: string): Route[] {
    return [...(this.#tenants.get(tenant)?.values() ?? [])];
  }

  /** By a function's own domain, where it is approved: lower case, no port. */
  domain(host: string): Route | undefined {
    return this.#domains.get(host);
  }

  /** Takes the place of all routes, at once. */
  load(routes: Iterable<Route>): void {
    const tenants = new Map<string, Names>();
    const domains = new Map<string, Route>();
    for (const route of routes) {
      namesOf(tenants, route.tenant).set(route.name, route);
      if (route.publicDomain !== null) domains.set(route.publicDomain, route);
    }
    this.#tenants = tenants;
    this.#domains = domains;
  }

  /** Returns the one that it replaces. */
  set(route: Route): Route | undefined {
    const before = this.find(route.tenant, route.name);
    namesOf(this.#tenants, route.tenant).set(route.name, route);
    this.#leaveDomain(before);
    if (route.publicDomain !== null) this.#domains.set(route.publicDomain, route);
    return before;
  }

  remove(tenant: string, name: string): Route | undefined {
    const names = this.#tenants.get(tenant);
    const before = names?.get(name);
    names?.delete(name);
    if (names?.size === 0) this.#tenants.delete(tenant);
    this.#leaveDomain(before);
    return before;
  }

  /** A domain that has moved to another function by now is not this one's to take away. */
  #leaveDomain(route: Route | undefined): void {
    if (route === undefined || route.publicDomain === null) return;
    if (this.#domains.get(route.publicDomain) === route) this.#domains.delete(route.publicDomain);
  }
}

function namesOf(tenants: Map<string, Names>, tenant: string): Names {
  const found = tenants.get(tenant);
  if (found !== undefined) return found;
  const names: Names = new Map();
  tenants.set(tenant, names);
  return names;
}
