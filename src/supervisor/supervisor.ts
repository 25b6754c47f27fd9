/**
 * The supervisor: from a version and a call to a sandbox that runs it.
 *
 * It keeps one cordon for each set of functions that may share an executor, a pool of booted executors for new cordons,
 * and a watch over everything that lives. It implements the Invoker that the gateway calls.
 */

import { availableParallelism } from 'node:os';
import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, LogSink, ResponseSink } from '../core/invocation.ts';
import { isPrivileged } from '../core/principal.ts';
import type { Tier, TierName } from '../core/tier.ts';
import { Cordon, type CordonOwner } from './cordon.ts';
import { ExecutorPool } from './executor-pool.ts';
import { Suspects } from './suspects.ts';
import { leave, TenantLoads, type TenantLoad } from './tenant-loads.ts';
import { startWatch, type Watch } from './watch.ts';

/** Attempts of a call that nothing had begun. */
const MAX_ATTEMPTS = 3;

export interface SupervisorOptions {
  readonly tiers: readonly Tier[];
  /** Why a tier that is not among them is missing, and what would help: sentences for an operator. */
  whyNot(tier: TierName): string;
  readonly logs: LogSink;
  /** Executors kept booted and unbound, for each tier. */
  readonly poolSize: number;
  /** What the sandboxes of one executor may use together, beyond its own base. */
  readonly executorMemoryMb: number;
  /** What all executors may use together. */
  readonly hostMemoryMb: number;
  /** Calls of one tenant, running and waiting. */
  tenantConcurrency(tenant: string): number;
  /** What happened to an executor, for the operator. */
  report(line: string): void;
}

export class Supervisor implements CordonOwner {
  readonly options: SupervisorOptions;
  readonly cores: number = availableParallelism();
  readonly suspects: Suspects = new Suspects();
  readonly #pools = new Map<TierName, ExecutorPool>();
  readonly #cordons = new Map<string, Cordon>();
  readonly #tenants: TenantLoads;
  /** The hot path's only look-up: from a version to the cordon that serves it. */
  readonly #cordonOf = new WeakMap<FunctionVersion, Cordon>();
  readonly #watch: Watch;
  #lane = 0;
  #closing = false;

  constructor(options: SupervisorOptions) {
    this.options = options;
    for (const tier of options.tiers)
      this.#pools.set(tier.name, new ExecutorPool(tier, options.poolSize, options.report));
    this.#tenants = new TenantLoads((tenant) => options.tenantConcurrency(tenant));
    this.#watch = startWatch(this);
  }

  /** Fills the pools, so that the first function of a tenant does not wait for a process. */
  async start(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.fill()));
  }

  get cordons(): IterableIterator<Cordon> {
    return this.#cordons.values();
  }

  invoke(version: FunctionVersion, call: Call, sink: ResponseSink): void {
    if (this.#closing) return sink.fail(new Fault('SHUTTING_DOWN', 'Cordon is shutting down'));
    const load = this.#tenants.enter(version.tenant);
    if (load === null) {
      return sink.fail(
        new Fault(
          'THROTTLED',
          `More than ${this.options.tenantConcurrency(version.tenant)} requests of this tenant are running or waiting`,
          { retryAfterSeconds: 1 },
        ),
      );
    }
    this.#cordonFor(version, call).run(version, call, sink, load);
  }

  rerun(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void {
    if (!this.#closing && call.attempts < MAX_ATTEMPTS)
      return this.#cordonFor(version, call).run(version, call, sink, load);
    leave(load);
    sink.fail(
      this.#closing
        ? new Fault('SHUTTING_DOWN', 'Cordon is shutting down')
        : new Fault('SANDBOX_RECYCLED', 'The sandbox was recycled before this request began', { retryAfterSeconds: 1 }),
    );
  }

  /** A function was deleted or replaced: what it has in memory is freed once idle. */
  retire(version: FunctionVersion): void {
    for (const cordon of this.#cordons.values()) cordon.retire(version);
  }

  poolOf(tier: TierName): ExecutorPool {
    const pool = this.#pools.get(tier);
    if (pool === undefined)
      throw new Fault('TIER_UNAVAILABLE', `The tier ${tier} does not work here: ${this.options.whyNot(tier)}`);
    return pool;
  }

  dropCordon(cordon: Cordon): void {
    if (this.#cordons.get(cordon.key) === cordon) this.#cordons.delete(cordon.key);
  }

  /** Lets what runs finish until the deadline, then ends every executor. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    const idle = Promise.all([...this.#cordons.values()].map((cordon) => cordon.drained()));
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([idle, late]);
    clearTimeout(timer);
    this.#watch.stop();
    await Promise.all([...this.#cordons.values()].map((cordon) => cordon.end('Cordon is shutting down')));
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  #cordonFor(version: FunctionVersion, call: Call): Cordon {
    const known = this.#cordonOf.get(version);
    if (known !== undefined && !known.ended && !isPrivileged(call.principal)) return known;
    const key = this.#keyOf(version, call);
    let cordon = this.#cordons.get(key);
    if (cordon === undefined || cordon.ended) {
      cordon = new Cordon(key, version.tenant, version.tier, this);
      this.#cordons.set(key, cordon);
    }
    if (!isPrivileged(call.principal)) this.#cordonOf.set(version, cordon);
    return cordon;
  }

  /** A suspect is alone; privileged callers never share with others; the rest is the version's own choice. */
  #keyOf(version: FunctionVersion, call: Call): string {
    const set = this.suspects.has(version)
      ? `alone ${version.tenant} ${version.key}`
      : version.cordon === 'function'
        ? `function ${version.tenant}/${version.name}`
        : version.cordon === 'tenant'
          ? `tenant ${version.tenant}`
          : 'shared';
    const privileged = isPrivileged(call.principal) ? ' privileged' : '';
    return `${version.tier} ${set}${privileged}${version.ephemeral ? this.#nextLane() : ''}`;
  }

  /** Executions need an isolate each, and an executor makes them one after another: each core has an executor of its own. */
  #nextLane(): string {
    this.#lane = (this.#lane + 1) % this.cores;
    return ` executions ${this.#lane}`;
  }
}
