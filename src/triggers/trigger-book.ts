/**
 * Trigger book: which functions listen to events and which run at times, in memory. It is told of the same routes as the
 * gateway, so that a deployment is in effect for both at once.
 */

import type { CronKey } from '../core/cron.ts';
import type { Subscription } from '../core/event.ts';
import type { Route } from '../core/route.ts';
import { PatternIndex, type Matches } from './pattern-index.ts';

/** A function that runs at times. */
export interface CronTrigger extends CronKey {
  readonly pattern: string;
}

type Triggered = Pick<Route, 'tenant' | 'name' | 'active' | 'live' | 'trigger'>;
type Names<T> = Map<string, T>;

const NOBODY: Matches = { subscriptions: [], steps: 1 };

export class TriggerBook {
  #events = new Map<string, Names<Subscription>>();
  #patterns = new Map<string, PatternIndex>();
  #crons = new Map<string, Names<CronTrigger>>();
  #listeners: (() => void)[] = [];

  /** Takes the place of all that was there. */
  load(routes: Iterable<Triggered>): void {
    this.#events = new Map();
    this.#patterns = new Map();
    this.#crons = new Map();
    for (const route of routes) this.#add(route);
    this.#changed();
  }

  set(route: Triggered): void {
    const had = this.#drop(route);
    if (this.#add(route) || had) this.#changed();
  }

  remove(tenant: string, name: string): void {
    if (this.#drop({ tenant, name })) this.#changed();
  }

  /** Of a tenant: who listens to a channel. */
  matching(tenant: string, channel: string): Matches {
    return this.#patterns.get(tenant)?.matching(channel) ?? NOBODY;
  }

  /** Of a tenant, or (null) of all. */
  *crons(tenant: string | null): Generator<CronTrigger> {
    const tenants =
      tenant === null ? this.#crons.values() : [this.#crons.get(tenant) ?? new Map<string, CronTrigger>()];
    for (const names of tenants) yield* names.values();
  }

  cron(tenant: string, name: string): CronTrigger | undefined {
    return this.#crons.get(tenant)?.get(name);
  }

  /** Told when what runs at times may have changed. The listener must not throw. */
  onCronChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** True: it runs at times. */
  #add({ tenant, name, active, live, trigger }: Triggered): boolean {
    if (!active || live === null || trigger === undefined || trigger.pattern === null) return false;
    const { kind, pattern } = trigger;
    if (kind === 'event') this.#listen({ tenant, name, pattern });
    if (kind === 'cron') namesOf(this.#crons, tenant).set(name, { tenant, name, pattern });
    return kind === 'cron';
  }

  /** True: it ran at times. */
  #drop({ tenant, name }: CronKey): boolean {
    const subscription = this.#events.get(tenant)?.get(name);
    if (subscription !== undefined) this.#leave(subscription);
    return leave(this.#crons, tenant, name);
  }

  #listen(subscription: Subscription): void {
    const { tenant, name } = subscription;
    namesOf(this.#events, tenant).set(name, subscription);
    let index = this.#patterns.get(tenant);
    if (index === undefined) this.#patterns.set(tenant, (index = new PatternIndex()));
    index.add(subscription);
  }

  #leave(subscription: Subscription): void {
    const { tenant, name } = subscription;
    leave(this.#events, tenant, name);
    const index = this.#patterns.get(tenant);
    index?.remove(subscription);
    if (index?.isEmpty === true) this.#patterns.delete(tenant);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function namesOf<T>(tenants: Map<string, Names<T>>, tenant: string): Names<T> {
  const found = tenants.get(tenant);
  if (found !== undefined) return found;
  const names: Names<T> = new Map();
  tenants.set(tenant, names);
  return names;
}

function leave<T>(tenants: Map<string, Names<T>>, tenant: string, name: string): boolean {
  const names = tenants.get(tenant);
  const wasThere = names?.delete(name) === true;
  if (names?.size === 0) tenants.delete(tenant);
  return wasThere;
}
