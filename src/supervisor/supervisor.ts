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
import type { Runtime } from '../core/runtime.ts';
import type { TierName } from '../core/tier.ts';
import type { Meter } from '../core/usage.ts';
import { UNKNOWN_WALL, wallRefusal, type WallLacks } from '../core/wall-level.ts';
import { Admission } from './admission.ts';
import { Cordon } from './cordon.ts';
import { identify } from './cordon-identity.ts';
import type { CordonIdentity, CordonOwner, CordonSet } from './cordon-seams.ts';
import type { ExecutorPool } from './executor-pool.ts';
import { MemoryBudget } from './memory-budget.ts';
import { Pools } from './pools.ts';
import { Quarantine } from './quarantine.ts';
import type { ReplicaSet } from './replica-set.ts';
import { ReplicaSets } from './replica-sets.ts';
import { Standing } from './standing.ts';
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

/** What takes calls of a version: the cordon that it is in, or the set of those that are its own. */
type Runner = Cordon | ReplicaSet;

export class Supervisor implements CordonOwner, Invoker {
  readonly options: SupervisorOptions;
  readonly cores: number = availableParallelism();
  readonly quarantine: Quarantine;
  readonly admission: Admission;
  readonly budget: MemoryBudget;
  readonly meter: Meter;
  /** Hears of routes; see {@link Standing}. */
  readonly standing: Standing;
  readonly #pools: Pools;
  readonly #cordons = new Map<string, Cordon>();
  /** They take no calls any more, and still run some. */
  readonly #draining = new Set<Cordon>();
  readonly sets: ReplicaSets = new ReplicaSets(this);
  readonly #tenants: TenantLoads;
  /** The hot path's only look-up: from a version to what serves it. */
  #runnerOf = new WeakMap<FunctionVersion, Runner>();
  readonly #watch: Watch;
  #lane = 0;
  #closing = false;

  constructor(settings: SupervisorSettings) {
    const options = { ...DEFAULT_BOUNDS, ...settings };
    this.options = options;
    this.meter = options.meter ?? NO_METER;
    this.#pools = new Pools(options);
    this.standing = new Standing({
      prepare: ({ tier, runtime }) => this.#pools.prepare(tier, runtime),
      stand: (version, count) => this.#stand(version, count),
    });
    this.#tenants = new TenantLoads((tenant) => options.tenantConcurrency(tenant));
    this.quarantine = new Quarantine((event) => this.#quarantined(event));
    this.budget = new MemoryBudget(options.hostMemoryMb, options.report);
    this.admission = new Admission({
      hostConcurrency: options.hostConcurrency,
      queueMs: options.queueMs,
      start: (version, call, sink, load) => this.#place(version, call, sink, load),
      refuse: (version, sink, fault) => this.refuse(version, sink, fault),
    });
    this.#watch = startWatch(this);
  }

  /** Fills the pools, so that the first function of a tenant does not wait for a process. */
  async start(): Promise<void> {
    await this.#pools.start();
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
    this.refuse(
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
    this.sets.retire(version);
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
    return {
      executors: this.cordons.filter(({ executor, ended }) => executor !== null && !ended).length,
      spareExecutors: this.#pools.ready,
      memoryBytes: this.budget.usedBytes,
      admitted: this.admission.admitted,
      queued: this.admission.queued,
      ...this.quarantine.counts(),
    };
  }

  poolOf(tier: TierName, runtime: Runtime): ExecutorPool {
    return this.#pools.of(tier, runtime);
  }

  openCordon(identity: CordonIdentity, set?: CordonSet): Cordon {
    if (identity.traits.isLocal) this.budget.requireRoom(this.#cordons.values(), set !== undefined && set.size > 0);
    const cordon = new Cordon(identity, this, set);
    this.#cordons.set(identity.key, cordon);
    return cordon;
  }

  refuse(version: FunctionVersion, sink: ResponseSink, fault: Fault): void {
    this.meter.add(version, { ...NOTHING, faults: new Map([[fault.code, 1]]) });
    sink.fail(fault);
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
    const idle = this.#drained();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([idle, late]);
    clearTimeout(timer);
    this.#watch.stop();
    for (const { queue } of this.sets) queue.failAll(new Fault('SHUTTING_DOWN', 'Cordon is shutting down'));
    await Promise.all(this.cordons.map((cordon) => cordon.end('Cordon is shutting down')));
    await this.#pools.close();
  }

  /** First what waits for executors that are to come, then what runs. */
  async #drained(): Promise<void> {
    await Promise.all([...this.sets].map(({ queue }) => queue.empty()));
    await Promise.all(this.cordons.map((cordon) => cordon.drained()));
  }

  #throttle(version: FunctionVersion, sink: ResponseSink): void {
    const limit = this.options.tenantConcurrency(version.tenant);
    this.refuse(
      version,
      sink,
      new Fault('THROTTLED', `More than ${limit} requests of this tenant are running or waiting`, {
        retryAfterSeconds: 1,
        limit: `tenant-concurrency=${limit}`,
      }),
    );
  }

  /** Gives an admitted call to what serves its version. */
  #place(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void {
    const isOwn = isPrivileged(call.principal);
    const known = this.#runnerOf.get(version);
    if (known !== undefined && !known.closed && !isOwn) return known.run(version, call, sink, load);
    let runner;
    try {
      runner = this.#runnerFor(version, isOwn);
    } catch (error) {
      this.admission.leave(load);
      return this.refuse(version, sink, toFault(error));
    }
    runner.run(version, call, sink, load);
  }

  /** Throws QUARANTINED, OVERLOADED, and TIER_UNAVAILABLE where a weaker wall stands than the version was deployed for. */
  #runnerFor(version: FunctionVersion, isPrivilegedCall: boolean): Runner {
    const { traits } = this.#pools.tier(version.tier);
    // Another host has walls of its own, and holds them against what the version asks for.
    const lacks = traits.isLocal ? (this.options.wallLacks ?? UNKNOWN_WALL) : NOTHING_LACKS;
    const refusal = wallRefusal(version.minimumWall, lacks) ?? this.quarantine.refusal(version);
    if (refusal !== null) throw refusal;
    const isHeld = this.quarantine.holds(version);
    const runner = this.#find(identify(version, traits, { isHeld, isPrivileged: isPrivilegedCall }), version);
    if (!isPrivilegedCall) this.#runnerOf.set(version, runner);
    return runner;
  }

  #find(identity: CordonIdentity, version: FunctionVersion): Runner {
    if (identity.traits.executorPerSandbox === true) return this.sets.of(version, identity);
    // Executions need an isolate each, and an executor makes them one after another: each core has an executor of its own.
    const isExecution = version.ephemeral && identity.traits.sharesExecutor;
    const key = isExecution ? `${identity.key} executions ${this.#nextLane()}` : identity.key;
    const cordon = this.#cordons.get(key);
    return cordon === undefined || cordon.closed ? this.openCordon({ ...identity, key }) : cordon;
  }

  /** What nobody calls waits for a time when there is ample room. False: nothing was started. */
  #stand(version: FunctionVersion, count: number): boolean {
    const known = this.#runnerOf.get(version);
    const runner = known?.closed === false ? known : null;
    if (count === 0) this.#stopStanding(version);
    if (count === 0 || this.#closing || !this.budget.isAmple) return false;
    try {
      return (runner ?? this.#runnerFor(version, false)).stand(version, count);
    } catch {
      // It is refused now, as a call would be.
      return false;
    }
  }

  #stopStanding(version: FunctionVersion): void {
    this.sets.stopStanding(version);
    for (const cordon of this.cordons) cordon.stand(version, 0);
  }

  #nextLane(): number {
    this.#lane = (this.#lane + 1) % this.cores;
    return this.#lane;
  }

  /** Every place that is remembered may be wrong now: each version looks for its own again. */
  #quarantined(event: QuarantineEvent): void {
    this.#runnerOf = new WeakMap();
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
}

const NOTHING = { invocations: 0, coldStarts: 0, wallMs: 0, cpuMs: 0 } as const;
