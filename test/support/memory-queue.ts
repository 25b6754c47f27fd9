/** A queue in memory that keeps the promises of the interface, but that it survives anything. */

import { randomUUID } from 'node:crypto';
import type {
  DeadJob,
  DeadQuery,
  LeasedJob,
  LeaseRequest,
  NewJob,
  Queue,
  QueueCounts,
  QueuedJob,
} from '../../src/core/queue.ts';

interface Row extends QueuedJob {
  attempts: number;
  runAtMs: number;
  readonly order: number;
  /** Null: it waits. */
  lease: string | null;
  leaseEndMs: number;
  diedMs: number | null;
  lastError: string;
}

const DAY_MS = 86_400_000;

export class MemoryQueue implements Queue {
  readonly rows: Map<string, Row> = new Map();
  readonly #done = new Map<string, number>();
  #order = 0;
  #listeners: (() => void)[] = [];
  /** A test moves it. */
  nowMs: () => number;
  /** How often it was asked for jobs. */
  leases = 0;
  /** The next calls reject with it. */
  failure: Error | null = null;
  #changes: (() => void)[] = [];

  constructor(nowMs: () => number = Date.now) {
    this.nowMs = nowMs;
  }

  /** Resolves when it holds; it is looked at after every change. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changes.push(resolve));
  }

  async add(jobs: readonly NewJob[]): Promise<number> {
    this.#enter();
    let added = 0;
    for (const job of jobs) {
      if (this.rows.has(job.id) || (this.#done.get(job.id) ?? -Infinity) > this.nowMs() - DAY_MS) continue;
      const state = { attempts: 0, lease: null, leaseEndMs: 0, diedMs: null, lastError: '' };
      this.rows.set(job.id, { ...job, ...state, addedMs: this.nowMs(), order: this.#order++ });
      added += 1;
    }
    this.#leave();
    for (const listener of this.#listeners) listener();
    return added;
  }

  async lease({ limit, leaseMs, except }: LeaseRequest): Promise<LeasedJob[]> {
    this.#enter();
    this.leases += 1;
    const now = this.nowMs();
    const leased: LeasedJob[] = [];
    for (const row of this.#alive()) {
      if (leased.length === limit) break;
      if (except.has(`${row.tenant}/${row.functionName}`) || row.runAtMs > now) continue;
      if (row.lease !== null && row.leaseEndMs > now) continue;
      if (row.key !== null && this.#before(row)) continue;
      Object.assign(row, { lease: randomUUID(), leaseEndMs: now + leaseMs, attempts: row.attempts + 1 });
      leased.push({ ...row } as LeasedJob);
    }
    this.#leave();
    return leased;
  }

  async extend(job: LeasedJob, leaseMs: number): Promise<boolean> {
    this.#enter();
    const row = this.#held(job);
    if (row !== null) row.leaseEndMs = this.nowMs() + leaseMs;
    this.#leave();
    return row !== null;
  }

  async complete(job: LeasedJob): Promise<boolean> {
    this.#enter();
    const row = this.#held(job);
    if (row !== null) {
      this.rows.delete(job.id);
      this.#done.set(job.id, this.nowMs());
    }
    this.#leave();
    return row !== null;
  }

  async fail(job: LeasedJob, error: string, retryAtMs: number | null): Promise<boolean> {
    this.#enter();
    const row = this.#held(job);
    if (row !== null) {
      Object.assign(row, { lease: null, lastError: error });
      if (retryAtMs === null) row.diedMs = this.nowMs();
      else row.runAtMs = retryAtMs;
    }
    this.#leave();
    return row !== null;
  }

  async nextDueMs(except: ReadonlySet<string> = new Set()): Promise<number | null> {
    this.#enter();
    const wanted = this.#alive().filter((row) => !except.has(`${row.tenant}/${row.functionName}`));
    const times = wanted.map((row) => (row.lease === null ? row.runAtMs : Math.max(row.runAtMs, row.leaseEndMs)));
    return times.length === 0 ? null : Math.min(...times);
  }

  async counts(tenant: string | null): Promise<QueueCounts> {
    const own = [...this.rows.values()].filter((row) => tenant === null || row.tenant === tenant);
    const dead = own.filter((row) => row.diedMs !== null).length;
    const running = own.filter((row) => row.lease !== null && row.leaseEndMs > this.nowMs()).length;
    return { waiting: own.length - dead - running, running, dead };
  }

  async dead({ tenant, functionName, id: wanted, before, limit }: DeadQuery): Promise<readonly DeadJob[]> {
    const own = [...this.rows.values()]
      .filter((row) => row.tenant === tenant && row.diedMs !== null)
      .filter((row) => functionName === undefined || row.functionName === functionName)
      .filter(({ id }) => wanted === undefined || id === wanted)
      .sort((a, b) => b.diedMs! - a.diedMs! || b.order - a.order);
    const from = before === null ? 0 : own.findIndex(({ id }) => id === before) + 1;
    return own.slice(from, from + limit) as unknown as DeadJob[];
  }

  async replay(tenant: string, ids: readonly string[]): Promise<number> {
    const found = this.#deadOf(tenant, ids);
    for (const row of found) Object.assign(row, { diedMs: null, attempts: 0, lease: null, runAtMs: this.nowMs() });
    this.#leave();
    for (const listener of this.#listeners) listener();
    return found.length;
  }

  async discard(tenant: string, ids: readonly string[]): Promise<number> {
    const found = this.#deadOf(tenant, ids);
    for (const { id } of found) this.rows.delete(id);
    this.#leave();
    return found.length;
  }

  async removeFunction(tenant: string, functionName: string): Promise<void> {
    for (const row of this.rows.values())
      if (row.tenant === tenant && row.functionName === functionName) this.rows.delete(row.id);
  }

  onWork(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async prune({ ids, dead }: { readonly ids: number; readonly dead: number }): Promise<void> {
    for (const [id, doneMs] of this.#done) if (doneMs < ids) this.#done.delete(id);
    for (const row of this.rows.values()) if (row.diedMs !== null && row.diedMs < dead) this.rows.delete(row.id);
    this.#leave();
  }

  #alive(): Row[] {
    return [...this.rows.values()].filter((row) => row.diedMs === null).sort((a, b) => a.order - b.order);
  }

  /** Whether another of its key comes first. */
  #before(row: Row): boolean {
    return this.#alive().some(
      (other) =>
        other.order < row.order &&
        other.tenant === row.tenant &&
        other.functionName === row.functionName &&
        other.key === row.key,
    );
  }

  #held(job: LeasedJob): Row | null {
    const row = this.rows.get(job.id);
    return row !== undefined && row.lease === job.lease && row.leaseEndMs > this.nowMs() ? row : null;
  }

  #deadOf(tenant: string, ids: readonly string[]): Row[] {
    return [...this.rows.values()].filter(
      (row) => row.tenant === tenant && row.diedMs !== null && ids.includes(row.id),
    );
  }

  #enter(): void {
    if (this.failure !== null) throw this.failure;
  }

  #leave(): void {
    for (const resolve of this.#changes.splice(0)) resolve();
  }
}
