/** Cordon: the functions that share one executor, and that executor's life. */

import { toFault, type Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, LogEntry, ResponseSink } from '../core/invocation.ts';
import type { QuarantineCause } from '../core/quarantine.ts';
import type { Executor, ExecutorEvents, ExitCause, Place } from '../core/tier.ts';
import type { Blame, CordonIdentity, CordonOwner, CordonSet } from './cordon-seams.ts';
import { CpuShares } from './cpu-shares.ts';
import { CpuWeight } from './cpu-weight.ts';
import { MemoryBound } from './memory-bound.ts';
import { Replicas } from './replicas.ts';
import { Starved } from './starved.ts';
import { Suspects } from './suspects.ts';
import type { TenantLoad } from './tenant-loads.ts';

/** What a sandbox with a small function takes, with some air: it decides how many one executor may hold. */
const MB_A_SANDBOX = 4;

export class Cordon {
  readonly key: string;
  readonly tenant: string;
  readonly isAlone: boolean;
  readonly owner: CordonOwner;
  /** Where its calls run. */
  place: Place;
  readonly cpu: CpuShares = new CpuShares();
  readonly weight: CpuWeight = new CpuWeight();
  readonly memory: MemoryBound;
  readonly #identity: CordonIdentity;
  readonly #set: CordonSet | null;
  /** By the version itself: executions of the same code have the same key, and limits and environments of their own. */
  readonly #versions = new Map<FunctionVersion, Replicas>();
  #executor: Executor | null = null;
  #acquiring = false;
  #ended = false;
  /** Why its executor is not used any more, while what runs in it may end. */
  #recycling: string | null = null;
  /** It had its one sandbox. */
  #spent = false;
  /** The kernel has ended it for want of memory. */
  #outOfMemory = false;
  /** Sandboxes that were closed in its executor. */
  #retirements = 0;
  /** Calls that ended in it. */
  #calls = 0;
  #drained: (() => void)[] = [];
  readonly #starved = new Starved();
  readonly #suspects = new Suspects();
  #usedMs: number = performance.now();

  constructor(identity: CordonIdentity, owner: CordonOwner, set: CordonSet | null = null) {
    this.#identity = identity;
    this.key = identity.key;
    this.tenant = identity.tenant;
    this.place = { tier: identity.tier, placement: 'local' };
    this.isAlone = identity.isAlone;
    this.owner = owner;
    this.memory = new MemoryBound(owner.options.executorMemoryMb);
    this.#set = set;
  }

  /** It has no executor any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** It takes no calls any more: a new cordon takes its place. */
  get closed(): boolean {
    return this.#ended || this.#spent || this.#recycling !== null;
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

  /** What happens in it is one version's doing, and so is the CPU time that the kernel counts for it. */
  get isExact(): boolean {
    return this.isAlone || (!this.#identity.traits.sharesExecutor && this.#versions.size === 1);
  }

  /** Where a function has its executor's own thread, only its deadline says that it has been silent for too long. */
  get answersAtWork(): boolean {
    return this.#identity.traits.executorPerSandbox !== true;
  }

  /** Its executor ends by itself what is over its CPU time, by the engine's own count. */
  get countsCpu(): boolean {
    return this.#identity.traits.languageWall !== 'none';
  }

  /** It serves a version in quarantine. */
  get isHeld(): boolean {
    return this.isAlone && [...this.#versions.keys()].every((version) => this.owner.quarantine.holds(version));
  }

  /** A version of it is to stand ready though nobody calls it. */
  get stands(): boolean {
    for (const replicas of this.#versions.values()) if (replicas.stands) return true;
    return false;
  }

  /** Whether one more sandbox may be opened. */
  hasRoom(): boolean {
    let open = 0;
    for (const replicas of this.#versions.values()) open += replicas.sandboxes;
    return open < this.owner.options.executorMemoryMb / MB_A_SANDBOX;
  }

  /** Whether one more sandbox may be opened; the one that was idle longest makes place for it. */
  makeRoom(): boolean {
    if (this.hasRoom()) return true;
    let longest: Replicas | null = null;
    for (const replicas of this.#versions.values())
      if (replicas.idleSinceMs < (longest?.idleSinceMs ?? Infinity)) longest = replicas;
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
    if (this.#identity.traits.executorPerSandbox === true) this.#spend('its sandbox was closed');
    else if (this.#retirements >= this.owner.options.recycleAfter)
      this.#replace(`it has closed ${this.#retirements} sandboxes`);
    this.roomMade();
  }

  /** A sandbox was closed or has become idle: who waits for room may have its place, once this turn is over. */
  roomMade(): void {
    this.#starved.feed(() => this.#ended);
  }

  run(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void {
    const nowMs = performance.now();
    this.#usedMs = nowMs;
    this.#replicasOf(version).run(call, sink, load, nowMs);
    this.#acquireOnce();
  }

  /** Gets its executor, for what waits in the set that it belongs to. */
  start(version: FunctionVersion): void {
    this.#replicasOf(version);
    this.#acquireOnce();
  }

  /** From now on, so many sandboxes of it are there, called or not, as far as there is room. True: an executor is started. */
  stand(version: FunctionVersion, count: number): boolean {
    if (count === 0 && !this.#versions.has(version)) return false;
    this.#replicasOf(version).stand(count);
    return this.#acquireOnce();
  }

  /** Whether a call of it would run at once. */
  hasRoomFor(version: FunctionVersion): boolean {
    return this.#versions.get(version)?.hasRoom === true;
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
    if (this.#set !== null && this.#versions.size === 0) this.#spend('its version is not called any more');
  }

  /** Tells the meter what a version's runs took. */
  flush({ meter, version }: Replicas): void {
    const counts = meter.take();
    if (counts !== null) this.owner.meter.add(version, counts);
  }

  /** Should the executor end now without a word, this version is one that may have ended it. */
  suspect(version: FunctionVersion): void {
    this.#suspects.add(version);
  }

  /** A version misbehaved, and its executor lives on: it goes elsewhere, or nowhere, while what runs of it here may end. */
  moveOut(replicas: Replicas, cause: QuarantineCause): void {
    this.owner.quarantine.strike(replicas.version, cause, this.isAlone);
    this.#set?.struck();
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

  /** One that served a call. What a whole process keeps of those that are over is not known, so that it is replaced. */
  callSettled(nowMs: number): void {
    const { recycleAfterCalls } = this.owner.options;
    this.#calls++;
    if (this.#identity.traits.languageWall === 'none' && this.#calls >= recycleAfterCalls)
      this.#replace(`it has served ${this.#calls} calls`);
    this.settled(nowMs);
  }

  /** Gives the executor up: what came may still run in it, what comes goes to the next one. */
  recycle(reason: string): void {
    if (this.#ended || this.#recycling !== null) return;
    this.#recycling = reason;
    this.owner.dropCordon(this, true);
    this.#set?.cordonClosed(this, null);
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
    if (versions.size > 0) this.#set?.struck();
  }

  #replicasOf(version: FunctionVersion): Replicas {
    let replicas = this.#versions.get(version);
    if (replicas === undefined) {
      replicas = new Replicas(version, this, this.#set?.queue ?? null);
      this.#versions.set(version, replicas);
      this.memory.makeRoomFor(version.limits);
      this.weight.set(this.#identity.isOfOne ? this.#versions.keys() : [], this.isHeld);
    }
    return replicas;
  }

  /** Later, because it may be its executor that is dying: what that says of itself decides who is to blame. */
  #spend(reason: string): void {
    this.#spent = true;
    setImmediate(() => this.recycle(reason));
  }

  /** One that is worn out. */
  #replace(reason: string): void {
    if (!this.closed) this.owner.options.report(`executor of ${this.key}: replaced, because ${reason}`);
    this.recycle(reason);
  }

  /** Nothing runs or waits here now, perhaps. */
  #rest(): void {
    if (this.inFlight + this.waiting > 0) return;
    for (const resolve of this.#drained.splice(0)) resolve();
    if (this.#recycling !== null && !this.#ended) void this.end(this.#recycling);
  }

  #acquireOnce(): boolean {
    const isDue = this.#executor === null && !this.#acquiring && !this.#ended;
    if (isDue) this.#acquire();
    return isDue;
  }

  #acquire(): void {
    this.#acquiring = true;
    const failed = (error: unknown): void => {
      const fault = toFault(error);
      this.#close((replicas) => replicas.failWaiting(fault), fault);
    };
    const { tier, runtime } = this.#identity;
    try {
      const taken = this.owner.poolOf(tier, runtime).take(this.tenant);
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
    this.memory.bind(executor);
    this.weight.bind(executor);
    this.owner.budget.bound(this.memory.baseBytes);
    this.cpu.start(executor.cpuMs() ?? 0);
    executor.listen(this.#eventsOf(executor));
    if (this.#ended) return;
    for (const replicas of this.#versions.values()) {
      replicas.restand();
      replicas.pump();
    }
  }

  #eventsOf({ id }: Executor): ExecutorEvents {
    const { report, logs } = this.owner.options;
    return {
      faultOf: (cause) => this.#onDying(cause),
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

  /** As if the watch had seen it: what runs is to blame, before it hears of it. */
  #onDying(cause: ExitCause): Fault | null {
    if (this.#ended || cause !== 'memory') return null;
    const versions = this.running();
    this.#outOfMemory = true;
    this.#blame({ versions, cause: 'executor-memory' });
    this.#close((replicas) => replicas.moveWaiting());
    return this.memory.faultOf(versions);
  }

  #onExit(reason: string): void {
    if (this.#ended && !this.#outOfMemory) return;
    this.owner.options.report(`executor of ${this.key}: ${reason}`);
    if (this.#ended) return;
    this.#blame({ versions: [...this.running(), ...this.#suspects], cause: 'crash' });
    this.#close((replicas) => replicas.moveWaiting());
  }

  /** A new cordon takes its place from here on; what waits is handed to `forWaiting`. */
  #close(forWaiting: (replicas: Replicas) => void, fault: Fault | null = null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.owner.dropCordon(this, false);
    this.#set?.cordonClosed(this, fault);
    for (const replicas of [...this.#versions.values()]) {
      forWaiting(replicas);
      this.flush(replicas);
    }
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
