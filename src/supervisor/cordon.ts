/** Cordon: the functions that share one executor, and that executor's life. */

import { toFault, type Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, LogEntry, ResponseSink } from '../core/invocation.ts';
import { MB, type Limits } from '../core/limits.ts';
import type { QuarantineCause } from '../core/quarantine.ts';
import type { Executor, ExecutorEvents, Place, TierName } from '../core/tier.ts';
import type { Meter } from '../core/usage.ts';
import type { Admission } from './admission.ts';
import { CpuShares } from './cpu-shares.ts';
import type { ExecutorPool } from './executor-pool.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Quarantine } from './quarantine.ts';
import { Replicas } from './replicas.ts';
import type { SupervisorOptions } from './supervisor-options.ts';
import type { TenantLoad } from './tenant-loads.ts';

/** What a sandbox with a small function takes, with some air: it decides how many one executor may hold. */
const MB_A_SANDBOX = 4;
/** What an executor may always use besides the heap of its largest function. */
const MB_BESIDE_HEAP = 64;
const KERNEL_SLACK_BYTES = 48 * MB;
const MAX_SUSPECTS = 64;

export interface CordonOwner {
  readonly options: SupervisorOptions;
  readonly quarantine: Quarantine;
  readonly admission: Admission;
  readonly budget: MemoryBudget;
  readonly meter: Meter;
  readonly cores: number;
  poolOf(tier: TierName): ExecutorPool;
  /** It takes no calls any more. While it is `draining`, it is still to be watched. */
  dropCordon(cordon: Cordon, isDraining: boolean): void;
  /** Finds another place for a call that nothing has begun, or fails it. It counts in its tenant's load already. */
  rerun(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void;
}

export interface CordonIdentity {
  readonly key: string;
  readonly tenant: string;
  readonly tier: TierName;
  /** It is for one version in quarantine: whatever happens in it is that version's doing. */
  readonly isAlone: boolean;
}

/** Whose doing the end of an executor is, as far as can be told. */
export interface Blame {
  readonly versions: readonly FunctionVersion[];
  readonly cause: QuarantineCause;
}

export class Cordon {
  readonly key: string;
  readonly tenant: string;
  readonly tier: TierName;
  readonly isAlone: boolean;
  readonly owner: CordonOwner;
  /** Where its calls run. */
  place: Place;
  readonly cpu: CpuShares = new CpuShares();
  /** By the version itself: executions of the same code have the same key, and limits and environments of their own. */
  readonly #versions = new Map<FunctionVersion, Replicas>();
  #executor: Executor | null = null;
  #acquiring = false;
  #ended = false;
  /** Why its executor is not used any more, while what runs in it may end. */
  #recycling: string | null = null;
  /** Sandboxes that were closed in its executor. */
  #retirements = 0;
  #drained: (() => void)[] = [];
  /** Who waits for room to open a sandbox, longest first. */
  readonly #starved = new Set<Replicas>();
  #feeding = false;
  /** Versions whose sandbox was lost with calls in it. */
  readonly #suspects = new Set<FunctionVersion>();
  #usedMs: number = performance.now();
  /** Its memory before any function was in it; what it may use is counted from there. */
  #baseBytes = 0;
  /** It never falls: what one function has left behind must not be another's excess. */
  #memoryMb = 0;

  constructor({ key, tenant, tier, isAlone }: CordonIdentity, owner: CordonOwner) {
    this.key = key;
    this.tenant = tenant;
    this.tier = tier;
    this.place = { tier, placement: 'local' };
    this.isAlone = isAlone;
    this.owner = owner;
  }

  /** It has no executor any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** It takes no calls any more: a new cordon takes its place. */
  get closed(): boolean {
    return this.#ended || this.#recycling !== null;
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

  get baseBytes(): number {
    return this.#baseBytes;
  }

  /** What its functions may use together. */
  get memoryMb(): number {
    return this.#memoryMb;
  }

  /** The memory at which the executor is killed. */
  get memoryBoundBytes(): number {
    return this.#baseBytes + this.#memoryMb * MB;
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

  /** A sandbox is gone; what an executor keeps of each is not known, so that it is replaced after many. */
  sandboxClosed(): void {
    this.#retirements++;
    if (this.#retirements >= this.owner.options.recycleAfter)
      this.recycle(`it has closed ${this.#retirements} sandboxes`);
    this.roomMade();
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
    const nowMs = performance.now();
    this.#usedMs = nowMs;
    let replicas = this.#versions.get(version);
    if (replicas === undefined) {
      replicas = new Replicas(version, this);
      this.#versions.set(version, replicas);
      this.#makeRoomFor(version.limits);
    }
    replicas.run(call, sink, load, nowMs);
    if (this.#executor === null && !this.#acquiring && !this.#ended) this.#acquire();
  }

  retire(version: FunctionVersion): void {
    this.#versions.get(version)?.retire();
  }

  /** A version has nothing left here. */
  forget(replicas: Replicas): void {
    this.cpu.charge(this, performance.now());
    this.flush(replicas);
    if (this.#versions.get(replicas.version) === replicas) this.#versions.delete(replicas.version);
    this.#starved.delete(replicas);
  }

  /** Tells the meter what a version's runs took. */
  flush({ meter, version }: Replicas): void {
    const counts = meter.take();
    if (counts !== null) this.owner.meter.add(version, counts);
  }

  /** Should the executor end now without a word, this version is one that may have ended it. */
  suspect(version: FunctionVersion): void {
    this.#suspects.add(version);
    const [first] = this.#suspects;
    if (this.#suspects.size > MAX_SUSPECTS && first !== undefined) this.#suspects.delete(first);
  }

  /** A version misbehaved, and its executor lives on: it goes elsewhere, or nowhere, while what runs of it here may end. */
  moveOut(replicas: Replicas, cause: QuarantineCause): void {
    this.owner.quarantine.strike(replicas.version, cause, this.isAlone);
    replicas.moveWaiting();
    if (!this.isAlone) replicas.retire();
  }

  /** Resolves when nothing runs or waits here. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.#rest();
    });
  }

  settled(nowMs: number): void {
    this.#usedMs = nowMs;
    if (this.#drained.length > 0 || this.#recycling !== null) this.#rest();
  }

  /** Gives the executor up: what came may still run in it, what comes goes to the next one. */
  recycle(reason: string): void {
    if (this.closed) return;
    this.#recycling = reason;
    this.owner.dropCordon(this, true);
    this.#rest();
  }

  /** Kills the executor. The versions that are to blame, if any are, go to quarantine. */
  async end(reason: string, blame: Blame | null = null, fault?: Fault): Promise<void> {
    const executor = this.#executor;
    this.cpu.charge(this, performance.now());
    this.#blame(blame);
    this.#close((replicas) => replicas.moveWaiting());
    if (executor !== null) await executor.kill(reason, fault);
  }

  /** What runs now, for whoever looks for a culprit. */
  running(): FunctionVersion[] {
    return [...this.#versions.values()].filter(({ inFlight }) => inFlight > 0).map(({ version }) => version);
  }

  #blame(blame: Blame | null): void {
    // A network or a host that went away is no function's doing; what a function does there is held against it there.
    if (this.place.placement === 'remote' && blame?.cause !== 'overrun') return;
    // Executions of one code have a version each: all of them are one misdeed.
    const versions = new Map(blame?.versions.map((version) => [version.key, version]));
    for (const version of versions.values())
      this.owner.quarantine.strike(version, (blame as Blame).cause, this.isAlone);
  }

  /** Nothing runs or waits here now, perhaps. */
  #rest(): void {
    if (this.inFlight + this.waiting > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
    if (this.#recycling !== null && !this.#ended) void this.end(this.#recycling);
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
    this.place = executor.place ?? this.place;
    this.#baseBytes = executor.usage()?.rssBytes ?? 0;
    this.owner.budget.bound(this.#baseBytes);
    this.cpu.start(executor.cpuMs() ?? 0);
    executor.listen(this.#eventsOf(executor));
    if (this.#ended) return;
    this.#hold();
    for (const replicas of this.#versions.values()) replicas.pump();
  }

  /** The operator's measure, less where every function here wants less, and more where the largest would not fit. */
  #makeRoomFor({ memoryMb, processMemoryMb }: Limits): void {
    const ownMb = Math.min(processMemoryMb, this.owner.options.executorMemoryMb);
    this.#memoryMb = Math.max(this.#memoryMb, ownMb, memoryMb + MB_BESIDE_HEAP);
    this.#hold();
  }

  /** The kernel's bound lies above ours, because a cgroup counts caches too: it is for what grows faster than we look. */
  #hold(): void {
    this.#executor?.holdTo?.(this.memoryBoundBytes + KERNEL_SLACK_BYTES);
  }

  #eventsOf({ id }: Executor): ExecutorEvents {
    const { report, logs } = this.owner.options;
    return {
      onExit: (reason) => this.#onExit(reason),
      onBroken: (reason, culprit) => {
        report(`executor ${id} of ${this.key}: ${reason}`);
        const named = [...this.#versions.keys()].filter(({ key }) => key === culprit);
        void this.end(reason, { versions: named.length > 0 ? named : this.running(), cause: 'crash' });
      },
      onOverrun: (version) => {
        report(`executor ${id} of ${this.key}: ${version.key} did not end when its time was over`);
        void this.end('a function did not end when its time was over', { versions: [version], cause: 'overrun' });
      },
      onLog: (version, invocation, entry: LogEntry) => logs.write(version, invocation, entry),
      onDraining: () => this.#leave(),
    };
  }

  /** Its executor takes no more calls: what waits looks for another one. */
  #leave(): void {
    this.recycle('its executor takes no more calls');
    for (const replicas of [...this.#versions.values()]) replicas.moveWaiting();
    this.#rest();
  }

  #onExit(reason: string): void {
    if (this.#ended) return;
    this.owner.options.report(`executor of ${this.key}: ${reason}`);
    this.#blame({ versions: [...this.running(), ...this.#suspects], cause: 'crash' });
    this.#close((replicas) => replicas.moveWaiting());
  }

  /** A new cordon takes its place from here on; what waits is handed to `forWaiting`. */
  #close(forWaiting: (replicas: Replicas) => void): void {
    if (this.#ended) return;
    this.#ended = true;
    this.owner.dropCordon(this, false);
    for (const replicas of [...this.#versions.values()]) {
      forWaiting(replicas);
      this.flush(replicas);
    }
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
