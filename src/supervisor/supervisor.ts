/**
 * The supervisor: from a version and a call to a sandbox that runs it.
 *
 * It keeps one cordon for each set of functions that may share an executor, a pool of booted executors for new cordons,
 * and a watch over everything that lives. It implements the Invoker that the gateway calls.
 */

import { availableParallelism } from 'node:os';
import { Fault, toFault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, Invoker, ResponseSink } from '../core/invocation.ts';
import { isPrivileged } from '../core/principal.ts';
import type { QuarantinedVersion, QuarantineEvent } from '../core/quarantine.ts';
import type { TierName } from '../core/tier.ts';
import type { Meter } from '../core/usage.ts';
import { UNKNOWN_WALL, wallRefusal, type WallLacks } from '../core/wall-level.ts';
import { Admission } from './admission.ts';
import { Cordon, type CordonOwner } from './cordon.ts';
import { ExecutorPool } from './executor-pool.ts';
import { MemoryBudget } from './memory-budget.ts';
import { Quarantine } from './quarantine.ts';
import { DEFAULT_BOUNDS, type SupervisorOptions, type SupervisorSettings } from './supervisor-options.ts';
import { TenantLoads, type TenantLoad } from './tenant-loads.ts';
import { startWatch, type Watch } from './watch.ts';

export type { SupervisorSettings } from './supervisor-options.ts';

/** Attempts of a call that nothing had begun. */
const MAX_ATTEMPTS = 3;
const NOTHING_LACKS: WallLacks = () => [];
const NO_METER: Meter = { add: () => undefined };

/** What there is now, for metrics. */
export interface SupervisorState {
  /** Executors that serve a cordon. */
  readonly executors: number;
  /** Executors that wait for one. */
  readonly spareExecutors: number;
  readonly memoryBytes: number;
  /** Calls in hand. */
  readonly admitted: number;
  /** Calls that wait for a place on the host. */
  readonly queued: number;
  /** Versions that run in an executor of their own because they misbehaved. */
  readonly alone: number;
  /** Versions that are refused. */
  readonly refused: number;
}

export class Supervisor implements CordonOwner, Invoker {
  readonly options: SupervisorOptions;
  readonly cores: number = availableParallelism();
  readonly quarantine: Quarantine;
  readonly admission: Admission;
  readonly budget: MemoryBudget;
  readonly meter: Meter;
  readonly #pools = new Map<TierName, ExecutorPool>();
  readonly #cordons = new Map<string, Cordon>();
  /** They take no calls any more, and still run some. */
  readonly #draining = new Set<Cordon>();
  readonly #tenants: TenantLoads;
  /** The hot path's only look-up: from a version to the cordon that serves it. */
  #cordonOf = new WeakMap<FunctionVersion, Cordon>();
  readonly #watch: Watch;
  #lane = 0;
  #closing = false;

  constructor(settings: SupervisorSettings) {
    const options = { ...DEFAULT_BOUNDS, ...settings };
    this.options = options;
    this.meter = options.meter ?? NO_METER;
    for (const tier of options.tiers)
      this.#pools.set(tier.name, new ExecutorPool(tier, options.poolSize, options.report));
    this.#tenants = new TenantLoads((tenant) => options.tenantConcurrency(tenant));
    this.quarantine = new Quarantine((event) => this.#quarantined(event));
    this.budget = new MemoryBudget(options.hostMemoryMb, options.report);
    this.admission = new Admission({
      hostConcurrency: options.hostConcurrency,
      queueMs: options.queueMs,
      start: (version, call, sink, load) => this.#place(version, call, sink, load),
      refuse: (version, sink, fault) => this.#refuse(version, sink, fault),
    });
    this.#watch = startWatch(this);
  }

  /** Fills the pools, so that the first function of a tenant does not wait for a process. */
  async start(): Promise<void> {
    const { readyTiers } = this.options;
    const ready = [...this.#pools.values()].filter(({ tier }) => readyTiers?.includes(tier.name) !== false);
    await Promise.all(ready.map((pool) => pool.fill()));
  }

  get cordons(): readonly Cordon[] {
    return [...this.#cordons.values(), ...this.#draining];
  }

  invoke(version: FunctionVersion, call: Call, sink: ResponseSink): void {
    if (this.#closing) return sink.fail(new Fault('SHUTTING_DOWN', 'Cordon is shutting down'));
    const load = this.#tenants.enter(version.tenant);
    if (load === null) return this.#throttle(version, sink);
    if (this.admission.admits(load)) this.#place(version, call, sink, load);
    else this.admission.wait(version, call, sink, load);
  }

  rerun(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void {
    if (!this.#closing && call.attempts < MAX_ATTEMPTS) return this.#place(version, call, sink, load);
    this.admission.leave(load);
    this.#refuse(
      version,
      sink,
      this.#closing
        ? new Fault('SHUTTING_DOWN', 'Cordon is shutting down', { begun: false })
        : new Fault('SANDBOX_RECYCLED', 'The sandbox was recycled before this request began', {
            retryAfterSeconds: 1,
            begun: false,
          }),
    );
  }

  /** A function was deleted or replaced: what it has in memory is freed once idle. */
  retire(version: FunctionVersion): void {
    for (const cordon of this.cordons) cordon.retire(version);
  }

  /** The versions of a function that misbehaved, and what became of them. */
  quarantineOf(tenant: string, name: string): readonly QuarantinedVersion[] {
    return this.quarantine.of(tenant, name);
  }

  /** Tells the meter what has been counted so far; the watch does so every second. */
  flushUsage(): void {
    const nowMs = performance.now();
    for (const cordon of this.cordons) {
      cordon.cpu.charge(cordon, nowMs);
      for (const replicas of cordon.replicas) cordon.flush(replicas);
    }
  }

  state(): SupervisorState {
    const pools = [...this.#pools.values()];
    return {
      executors: this.cordons.filter(({ executor, ended }) => executor !== null && !ended).length,
      spareExecutors: pools.reduce((sum, { ready }) => sum + ready, 0),
      memoryBytes: this.budget.usedBytes,
      admitted: this.admission.admitted,
      queued: this.admission.queued,
      ...this.quarantine.counts(),
    };
  }

  poolOf(tier: TierName): ExecutorPool {
    const pool = this.#pools.get(tier);
    if (pool === undefined)
      throw new Fault('TIER_UNAVAILABLE', `The tier ${tier} does not work here: ${this.options.whyNot(tier)}`);
    return pool;
  }

  dropCordon(cordon: Cordon, isDraining: boolean): void {
    if (this.#cordons.get(cordon.key) === cordon) this.#cordons.delete(cordon.key);
    if (isDraining) this.#draining.add(cordon);
    else this.#draining.delete(cordon);
  }

  /** Lets what runs finish until the deadline, then ends every executor. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.admission.close(new Fault('SHUTTING_DOWN', 'Cordon is shutting down'));
    const idle = Promise.all(this.cordons.map((cordon) => cordon.drained()));
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([idle, late]);
    clearTimeout(timer);
    this.#watch.stop();
    await Promise.all(this.cordons.map((cordon) => cordon.end('Cordon is shutting down')));
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  #throttle(version: FunctionVersion, sink: ResponseSink): void {
    const limit = this.options.tenantConcurrency(version.tenant);
    this.#refuse(
      version,
      sink,
      new Fault('THROTTLED', `More than ${limit} requests of this tenant are running or waiting`, {
        retryAfterSeconds: 1,
        limit: `tenant-concurrency=${limit}`,
      }),
    );
  }

  /** Gives an admitted call to the cordon of its version. */
  #place(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void {
    const known = this.#cordonOf.get(version);
    if (known !== undefined && !known.closed && !isPrivileged(call.principal))
      return known.run(version, call, sink, load);
    let cordon;
    try {
      cordon = this.#cordonFor(version, call);
    } catch (error) {
      this.admission.leave(load);
      return this.#refuse(version, sink, toFault(error));
    }
    cordon.run(version, call, sink, load);
  }

  /** Throws QUARANTINED, OVERLOADED, and TIER_UNAVAILABLE where a weaker wall stands than the version was deployed for. */
  #cordonFor(version: FunctionVersion, call: Call): Cordon {
    // Another host has walls of its own, and holds them against what the version asks for.
    const isLocal = this.#pools.get(version.tier)?.tier.traits.isLocal !== false;
    const lacks = isLocal ? (this.options.wallLacks ?? UNKNOWN_WALL) : NOTHING_LACKS;
    const refusal = wallRefusal(version.minimumWall, lacks) ?? this.quarantine.refusal(version);
    if (refusal !== null) throw refusal;
    const isHeld = this.quarantine.holds(version);
    const key = this.#keyOf(version, call, isHeld);
    let cordon = this.#cordons.get(key);
    if (cordon === undefined || cordon.closed) {
      if (isLocal) this.budget.requireRoom(this.#cordons.values());
      cordon = new Cordon(
        { key, tenant: version.tenant, tier: version.tier, isAlone: isHeld && !version.ephemeral },
        this,
      );
      this.#cordons.set(key, cordon);
    }
    if (!isPrivileged(call.principal)) this.#cordonOf.set(version, cordon);
    return cordon;
  }

  /**
   * Who is in quarantine is alone; privileged callers never share with others; the rest is the version's own choice.
   * Executions in quarantine share with each other: code costs nothing to make up, and executors do. Where a tier has an
   * executor serve one function alone, nobody shares.
   */
  #keyOf(version: FunctionVersion, call: Call, isHeld: boolean): string {
    const isLone = this.#pools.get(version.tier)?.tier.traits.sharesExecutor === false;
    const set = isHeld
      ? `alone ${version.tenant} ${version.ephemeral && !isLone ? '' : version.key}`
      : version.cordon === 'function' || isLone
        ? `function ${version.tenant}/${isLone && version.ephemeral ? version.key : version.name}`
        : version.cordon === 'tenant'
          ? `tenant ${version.tenant}`
          : 'shared';
    const privileged = isPrivileged(call.principal) ? ' privileged' : '';
    return `${version.tier} ${set}${privileged}${version.ephemeral && !isLone ? this.#nextLane() : ''}`;
  }

  /** Executions need an isolate each, and an executor makes them one after another: each core has an executor of its own. */
  #nextLane(): string {
    this.#lane = (this.#lane + 1) % this.cores;
    return ` executions ${this.#lane}`;
  }

  /** Every place that is remembered may be wrong now: each version looks for its own again. */
  #quarantined(event: QuarantineEvent): void {
    this.#cordonOf = new WeakMap();
    const { version, state, cause, refusedMs } = event;
    const what =
      state === 'alone' ? 'runs in an executor of its own from now on' : `is refused for ${refusedMs / 1000} s`;
    this.options.report(`${version.key} of ${version.tenant} ${what}: ${cause}`);
    this.options.logs.write(version, null, {
      level: 'error',
      message: `QUARANTINED: this version ${what} (${cause})`,
      timeMs: Date.now(),
    });
    this.options.quarantined?.(event);
  }

  /** A call that never began. */
  #refuse(version: FunctionVersion, sink: ResponseSink, fault: Fault): void {
    this.meter.add(version, { ...NOTHING, faults: new Map([[fault.code, 1]]) });
    sink.fail(fault);
  }
}

const NOTHING = { invocations: 0, coldStarts: 0, wallMs: 0, cpuMs: 0 } as const;
