/** Cordon: the functions that share one executor, and that executor's life. */

import { toFault, type Fault } from '../core/faults.ts';
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
  /** Finds another place for a call that nothing has begun, or fails it. It counts in its tenant's load already. */
  rerun(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void;
}

export class Cordon {
  readonly key: string;
  readonly tenant: string;
  readonly tier: TierName;
  readonly owner: CordonOwner;
  /** By the version itself: executions of the same code have the same key, and limits and environments of their own. */
  readonly #versions = new Map<FunctionVersion, Replicas>();
  #executor: Executor | null = null;
  #acquiring = false;
  #ended = false;
  #drained: (() => void)[] = [];
  /** Who waits for room to open a sandbox, longest first. */
  readonly #starved = new Set<Replicas>();
  #feeding = false;
  /** Versions whose sandbox was lost with calls in it. */
  readonly #suspects = new Set<string>();
  #usedMs: number = performance.now();
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

  /** performance.now() of the last time that a call came or ended here. */
  get idleSinceMs(): number {
    return this.#usedMs;
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
    let longest: Replicas | null = null;
    for (const replicas of this.#versions.values()) {
      open += replicas.sandboxes;
      if (replicas.idleSinceMs < (longest?.idleSinceMs ?? Infinity)) longest = replicas;
    }
    if (open < this.owner.options.executorMemoryMb / MB_A_SANDBOX) return true;
    longest?.evictOne();
    return longest !== null;
  }

  /** Remembers that these calls wait for room. */
  starve(replicas: Replicas): void {
    this.#starved.add(replicas);
  }

  /** A sandbox was closed or has become idle: who waits for room may have its place, once this turn is over. */
  roomMade(): void {
    if (this.#starved.size === 0 || this.#feeding) return;
    this.#feeding = true;
    queueMicrotask(() => {
      this.#feeding = false;
      this.#feedStarved();
    });
  }

  run(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void {
    this.#usedMs = performance.now();
    let replicas = this.#versions.get(version);
    if (replicas === undefined) {
      replicas = new Replicas(version, this);
      this.#versions.set(version, replicas);
    }
    replicas.run(call, sink, load);
    if (this.#executor === null && !this.#acquiring && !this.#ended) this.#acquire();
  }

  retire(version: FunctionVersion): void {
    this.#versions.get(version)?.retire();
  }

  /** A version has nothing left here. */
  forget(replicas: Replicas): void {
    if (this.#versions.get(replicas.version) === replicas) this.#versions.delete(replicas.version);
    this.#starved.delete(replicas);
  }

  /** Should the executor end now without a word, this version is one that may have ended it. */
  suspect(key: string): void {
    this.#suspects.add(key);
  }

  /** Resolves when nothing runs or waits here. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.settled();
    });
  }

  settled(): void {
    this.#usedMs = performance.now();
    if (this.#drained.length === 0 || this.inFlight + this.waiting > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** Kills the executor. The versions that were running in it are suspects, where the reason is theirs. */
  async end(reason: string, suspects: readonly string[] = [], cause?: Fault): Promise<void> {
    for (const key of suspects) this.owner.suspects.add(key);
    const executor = this.#executor;
    this.#close((replicas) => replicas.moveWaiting());
    if (executor !== null) await executor.kill(reason, cause);
  }

  /** What runs now, for whoever looks for a culprit. */
  running(): string[] {
    return [...this.#versions.values()]
      .filter((replicas) => replicas.inFlight > 0)
      .map((replicas) => replicas.version.key);
  }

  #feedStarved(): void {
    if (this.#ended) return;
    for (const replicas of [...this.#starved]) {
      this.#starved.delete(replicas);
      replicas.pump();
      // It took all the room there was and waits for more, now behind the others.
      if (this.#starved.has(replicas)) return;
    }
  }

  #acquire(): void {
    this.#acquiring = true;
    const failed = (error: unknown): void => {
      const fault = toFault(error);
      this.#close((replicas) => replicas.failWaiting(fault));
    };
    try {
      const taken = this.owner.poolOf(this.tier).take(this.tenant);
      if (!(taken instanceof Promise)) return this.#bind(taken);
      taken.then((executor) => (this.#ended ? void executor.kill('its cordon ended') : this.#bind(executor)), failed);
    } catch (error) {
      failed(error);
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
        this.owner.options.report(
          `executor ${executor.id} of ${this.key}: ${version.key} did not end when its time was over`,
        );
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
    for (const key of [...this.running(), ...this.#suspects]) this.owner.suspects.add(key);
    this.#close((replicas) => replicas.moveWaiting());
  }

  /** A new cordon takes its place from here on; what waits is handed to `forWaiting`. */
  #close(forWaiting: (replicas: Replicas) => void): void {
    if (this.#ended) return;
    this.#ended = true;
    this.owner.dropCordon(this);
    for (const replicas of [...this.#versions.values()]) forWaiting(replicas);
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
