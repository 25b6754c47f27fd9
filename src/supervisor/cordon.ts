/** Cordon: the functions that share one executor, and that executor's life. */

import { Fault, toFault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, LogEntry, ResponseSink } from '../core/invocation.ts';
import type { Executor, TierName } from '../core/tier.ts';
import type { ExecutorPool } from './executor-pool.ts';
import { Replicas } from './replicas.ts';
import type { Suspects } from './suspects.ts';
import type { SupervisorOptions } from './supervisor.ts';
import type { TenantLoad } from './tenant-loads.ts';

/** What a sandbox with a small function takes, with some air: it decides how many one executor may hold. */
const MB_A_SANDBOX = 4;

export interface CordonOwner {
  readonly options: SupervisorOptions;
  readonly suspects: Suspects;
  readonly cores: number;
  poolOf(tier: TierName): ExecutorPool;
  dropCordon(cordon: Cordon): void;
}

export class Cordon {
  readonly key: string;
  readonly tenant: string;
  readonly tier: TierName;
  readonly owner: CordonOwner;
  readonly #versions = new Map<string, Replicas>();
  #executor: Executor | null = null;
  #acquiring = false;
  #ended = false;
  #drained: (() => void)[] = [];
  /** Who waits for room to open a sandbox, longest first. */
  readonly #starved = new Set<Replicas>();
  /** Its memory before any function was in it; what it may use is counted from there. */
  #baseBytes = 0;

  constructor(key: string, tenant: string, tier: TierName, owner: CordonOwner) {
    this.key = key;
    this.tenant = tenant;
    this.tier = tier;
    this.owner = owner;
  }

  /** It has no executor any more and takes no calls: a new cordon takes its place. */
  get ended(): boolean {
    return this.#ended;
  }

  get executor(): Executor | null {
    return this.#executor;
  }

  get replicas(): IterableIterator<Replicas> {
    return this.#versions.values();
  }

  get inFlight(): number {
    let sum = 0;
    for (const replicas of this.#versions.values()) sum += replicas.inFlight;
    return sum;
  }

  get waiting(): number {
    let sum = 0;
    for (const replicas of this.#versions.values()) sum += replicas.waiting;
    return sum;
  }

  /** performance.now() of the last time a call ended here; now, while one runs. */
  get idleSinceMs(): number {
    let latest = 0;
    for (const replicas of this.#versions.values()) latest = Math.max(latest, replicas.idleSinceMs);
    return latest;
  }

  /** The memory at which the executor is killed: its base, and the budget or the largest function and a little more. */
  get memoryBoundBytes(): number {
    let largestMb = 0;
    for (const replicas of this.#versions.values()) largestMb = Math.max(largestMb, replicas.version.limits.memoryMb);
    return this.#baseBytes + Math.max(this.owner.options.executorMemoryMb, largestMb + 64) * 1024 * 1024;
  }

  /** Whether one more sandbox may be opened; the one that was idle longest makes place for it. */
  makeRoom(): boolean {
    let open = 0;
    let oldest: Replicas | null = null;
    for (const replicas of this.#versions.values()) {
      open += replicas.sandboxes;
      if (replicas.sandboxes > 0 && replicas.inFlight === 0 && (oldest === null || replicas.idleSinceMs < oldest.idleSinceMs)) oldest = replicas;
    }
    if (open < this.owner.options.executorMemoryMb / MB_A_SANDBOX) return true;
    return oldest !== null && oldest.evictIdle() > 0;
  }

  /** Remembers that these calls wait for room. */
  starve(replicas: Replicas): void {
    this.#starved.add(replicas);
  }

  /** A sandbox was closed: who waits for room may have it. */
  roomMade(): void {
    if (this.#starved.size === 0 || this.#ended) return;
    for (const replicas of this.#starved) {
      replicas.pump();
      if (replicas.waiting > 0) return;
      this.#starved.delete(replicas);
    }
  }

  run(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void {
    let replicas = this.#versions.get(version.key);
    if (replicas === undefined || replicas.version !== version) {
      replicas?.retire();
      replicas = new Replicas(version, this);
      this.#versions.set(version.key, replicas);
    }
    replicas.run(call, sink, load);
    if (this.#executor === null && !this.#acquiring) this.#acquire();
  }

  retire(version: FunctionVersion): void {
    this.#versions.get(version.key)?.retire();
  }

  /** A version has nothing left here. */
  forget(replicas: Replicas): void {
    if (this.#versions.get(replicas.version.key) === replicas) this.#versions.delete(replicas.version.key);
  }

  /** Resolves when nothing runs or waits here. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.settled();
    });
  }

  settled(): void {
    if (this.#drained.length === 0 || this.inFlight + this.waiting > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** Kills the executor. The versions that were running in it are suspects, where the reason is theirs. */
  async end(reason: string, suspects: readonly string[] = [], cause?: Fault): Promise<void> {
    for (const key of suspects) this.owner.suspects.add(key);
    const executor = this.#executor;
    this.#close(reason);
    if (executor !== null) await executor.kill(reason, cause);
  }

  /** What runs now, for whoever looks for a culprit. */
  running(): string[] {
    return [...this.#versions.values()].filter((replicas) => replicas.inFlight > 0).map((replicas) => replicas.version.key);
  }

  #acquire(): void {
    this.#acquiring = true;
    try {
      const taken = this.owner.poolOf(this.tier).take(this.tenant);
      if (!(taken instanceof Promise)) return this.#bind(taken);
      taken.then(
        (executor) => (this.#ended ? void executor.kill('its cordon ended') : this.#bind(executor)),
        (error: unknown) => this.#failWaiting(toFault(error)),
      );
    } catch (error) {
      this.#failWaiting(toFault(error));
    }
  }

  #bind(executor: Executor): void {
    this.#acquiring = false;
    this.#executor = executor;
    this.#baseBytes = executor.usage()?.rssBytes ?? 0;
    executor.listen({
      onExit: (reason) => this.#onExit(reason),
      onBroken: (reason, culprit) => {
        this.owner.options.report(`executor ${executor.id} of ${this.key}: ${reason}`);
        void this.end(reason, culprit === null ? this.running() : [culprit]);
      },
      onOverrun: (version) => {
        this.owner.options.report(`executor ${executor.id} of ${this.key}: ${version.key} did not end when its time was over`);
        void this.end('a function did not end when its time was over', [version.key]);
      },
      onLog: (version, invocation, entry: LogEntry) => this.owner.options.logs.write(version, invocation, entry),
    });
    if (this.#ended) return;
    for (const replicas of this.#versions.values()) replicas.pump();
  }

  #onExit(reason: string): void {
    if (this.#ended) return;
    this.owner.options.report(`executor of ${this.key}: ${reason}`);
    for (const key of this.running()) this.owner.suspects.add(key);
    this.#close(reason);
  }

  #close(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.owner.dropCordon(this);
    this.#failWaiting(new Fault('SANDBOX_RECYCLED', `The executor was ended: ${reason}`));
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #failWaiting(fault: Fault): void {
    this.#acquiring = false;
    for (const replicas of this.#versions.values()) replicas.failWaiting(fault);
  }
}
