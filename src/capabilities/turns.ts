/**
 * Tenant turns: one piece of work of a tenant at a time, and after a long one perhaps a rest, so that no tenant takes the
 * host's database from the others: an embedded one has a single connection, and is read on the host's own thread.
 */

import { Fault } from '../core/faults.ts';

/** Of one tenant; the next is refused. */
const MAX_WAITING = 256;
/** What is shorter needs no rest. */
const SHORT_MS = 20;
const MAX_REST_MS = 5_000;

interface Tenant {
  last: Promise<unknown>;
  waiting: number;
}

export class TenantTurns {
  readonly #tenants = new Map<string, Tenant>();
  readonly #rest: number;

  /** `rest`: so many times as long as a long piece of work took the tenant waits after it. */
  constructor(rest: number) {
    this.#rest = rest;
  }

  /** Rejects as `work` does, and with THROTTLED. */
  async take<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    const turns = this.#tenants.get(tenant) ?? { last: Promise.resolve(), waiting: 0 };
    if (turns.waiting >= MAX_WAITING)
      throw new Fault('THROTTLED', `More than ${MAX_WAITING} calls of the tenant wait for their turn`);
    this.#tenants.set(tenant, turns);
    turns.waiting++;
    const turn = Promise.withResolvers<void>();
    const { last } = turns;
    turns.last = turn.promise;
    await last;
    const startedMs = performance.now();
    try {
      return await work();
    } finally {
      turns.waiting--;
      void this.#pause(performance.now() - startedMs).then(() => {
        turn.resolve();
        if (turns.last === turn.promise) this.#tenants.delete(tenant);
      });
    }
  }

  async #pause(tookMs: number): Promise<void> {
    if (this.#rest === 0 || tookMs <= SHORT_MS) return;
    await new Promise((resolve) => setTimeout(resolve, Math.min(MAX_REST_MS, tookMs * this.#rest)).unref());
  }
}
