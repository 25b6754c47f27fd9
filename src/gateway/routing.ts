/** Routing: which version answers a request. At once, but where a version is asked for that no route holds. */

import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Route } from '../core/route.ts';
import type { Target } from './entry.ts';
import type { Site } from './origin.ts';

/** The routes that are in memory. */
export interface RouteTable {
  find(tenant: string, name: string): Route | undefined;
  /** By a function's own domain: lower case, no port. */
  domain(host: string): Route | undefined;
}

export interface Routing {
  readonly routes: RouteTable;
  /** A version that is not routed; null where there is none. */
  versionOf(tenant: string, name: string, number: number): Promise<FunctionVersion | null>;
  /** Nothing of a suspended tenant runs. */
  isSuspended(tenant: string): boolean;
}

const NUMBER = /^[1-9]\d{0,8}$/;

/** Throws or rejects with NOT_FOUND, CONFLICT for a function that is not active, TENANT_SUSPENDED. */
export function versionFor(
  site: Site,
  { name, label }: Target,
  routing: Routing,
): FunctionVersion | Promise<FunctionVersion> {
  const route = routeFor(site, name, routing.routes);
  if (route === undefined) throw missing(name, null);
  if (routing.isSuspended(route.tenant)) throw new Fault('TENANT_SUSPENDED', `The tenant ${route.tenant} is suspended`);
  if (!route.active)
    throw new Fault('CONFLICT', `The function ${route.name} is not active: it waits for an admin's review`);
  return label === null ? currentOf(route) : labelled(route, label, routing);
}

/** A function's own domain leads to that function and to no other. */
export function ownRoute(site: Site, routes: RouteTable): Route | undefined {
  return site.domain === null ? undefined : routes.domain(site.domain);
}

function routeFor(site: Site, name: string, routes: RouteTable): Route | undefined {
  const own = ownRoute(site, routes);
  if (own === undefined) return routes.find(site.tenant, name);
  return own.name === name ? own : undefined;
}

function currentOf({ name, live, canary }: Route): FunctionVersion {
  if (live === null) throw new Fault('NOT_FOUND', `The function ${JSON.stringify(name)} has no live version`);
  return canary !== null && Math.random() < canary.weight ? canary.version : live;
}

function labelled(route: Route, label: string, routing: Routing): FunctionVersion | Promise<FunctionVersion> {
  const routed = NUMBER.test(label) ? byNumber(route, Number(label)) : route.aliases.get(label);
  if (routed !== undefined) return routed;
  if (!NUMBER.test(label)) throw missing(route.name, label);
  return unrouted(route, Number(label), routing);
}

function byNumber({ live, canary, aliases }: Route, number: number): FunctionVersion | undefined {
  if (live?.number === number) return live;
  if (canary?.version.number === number) return canary.version;
  return aliases.values().find((version) => version.number === number);
}

async function unrouted({ tenant, name }: Route, number: number, routing: Routing): Promise<FunctionVersion> {
  const version = await routing.versionOf(tenant, name, number);
  // What comes from elsewhere is checked: another tenant's version must not answer here.
  if (version === null || version.tenant !== tenant || version.name !== name) throw missing(name, String(number));
  return version;
}

function missing(name: string, label: string | null): Fault {
  const shown = JSON.stringify(name.slice(0, 80));
  if (label === null) return new Fault('NOT_FOUND', `There is no function ${shown}`);
  return new Fault('NOT_FOUND', `The function ${shown} has no version ${JSON.stringify(label.slice(0, 80))}`);
}
