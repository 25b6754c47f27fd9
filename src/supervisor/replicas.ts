/** Replicas: the sandboxes of one version in one cordon, and the calls that wait for one of them. */

import type { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, ResponseSink } from '../core/invocation.ts';
import { limitText, type Limits } from '../core/limits.ts';
import type { QuarantineCause } from '../core/quarantine.ts';
import type { Executor } from '../core/tier.ts';
import { CallQueue, type WaitingCall } from './call-queue.ts';
import type { Cordon } from './cordon.ts';
import { RunMeter } from './run-meter.ts';
import { longestIdle, newSlot, type Slot } from './slot.ts';
import type { TenantLoad } from './tenant-loads.ts';

/** Sandboxes of one version that serves one invocation at a time, where it does not say how many. */
const MAX_EXCLUSIVE = 32;
/** Who used this share of its time as CPU time until the time was over did not wait for anything. */
const SPIN_SHARE = 0.3;
/** The kernel counts for the whole executor, in steps of 10 ms, and others may run in it. */
const HINT_SHARE = 0.4;

export class Replicas {
  readonly version: FunctionVersion;
  readonly meter: RunMeter = new RunMeter();
  readonly #cordon: Cordon;
  readonly #maxSlots: number;
  readonly #queue: CallQueue;
  /** The queue is that of a set of cordons: it is not this one's to move or to fail. */
  readonly #isShared: boolean;
  readonly #slots: Slot[] = [];
  /** Sandboxes that stand ready whether or not they are called. */
  #standing = 0;
  /** The tenant's; every call here is one of it. */
  #load: TenantLoad | null = null;
  #retired = false;

  /** `shared`: what waits for it and others like it, each of which is the one sandbox of its executor. */
  constructor(version: FunctionVersion, cordon: Cordon, shared: CallQueue | null) {
    const { concurrency, maxReplicas } = version.limits;
    this.version = version;
    this.#cordon = cordon;
    this.#isShared = shared !== null;
    this.#maxSlots = this.#isShared ? 1 : (maxReplicas ?? (concurrency === 1 ? MAX_EXCLUSIVE : cordon.owner.cores));
    this.#queue =
      shared ?? new CallQueue({ left: (waiting) => this.#left(waiting), fail: (...args) => this.#fail(...args) });
    this.#retired = version.ephemeral;
  }

  get inFlight(): number {
    return this.meter.running;
  }

  get waiting(): number {
    return this.#isShared ? 0 : this.#queue.length;
  }

  /** Whether it is to stand ready though nobody calls it. */
  get stands(): boolean {
    return this.#standing > 0;
  }

  /** Whether a call would run at once. */
  get hasRoom(): boolean {
    const { executor, closed } = this.#cordon;
    if (executor === null || closed || this.#retired) return false;
    return this.#freest() !== null || this.#slots.length < this.#maxSlots;
  }

  get sandboxes(): number {
    return this.#slots.length;
  }

  get slots(): readonly Slot[] {
    return this.#slots;
  }

  run(call: Call, sink: ResponseSink, load: TenantLoad, nowMs: number): void {
    this.#load = load;
    const slot = this.#queue.length === 0 ? this.#freeSlot() : null;
    if (slot !== null) return this.#start(slot, call, sink, nowMs);
    this.#queue.add(call, sink, load, nowMs);
  }

  /** Gives waiting calls to free slots. */
  pump(): void {
    while (this.#queue.length > 0) {
      const slot = this.#freeSlot();
      if (slot === null) return;
      const next = this.#queue.take();
      if (next === undefined) return;
      this.#load = next.load;
      this.#start(slot, next.call, next.sink, performance.now());
    }
  }

  /** So many sandboxes are to be there from now on, called or not; opens those that there is room for. */
  stand(count: number): void {
    this.#standing = Math.min(count, this.#maxSlots);
    this.restand();
  }

  /** Opens what is missing of those that are to stand ready. */
  restand(): void {
    const { executor, ended } = this.#cordon;
    if (executor === null || ended || this.#retired) return;
    while (this.#slots.length < this.#standing && this.#cordon.hasRoom()) this.#open(executor);
  }

  /** Nothing has begun what waits here: it looks for another executor. */
  moveWaiting(): void {
    if (this.#isShared) return;
    for (let next = this.#queue.take(); next !== undefined; next = this.#queue.take()) {
      next.call.attempts++;
      this.#cordon.owner.rerun(this.version, next.call, next.sink, next.load);
    }
  }

  failWaiting(fault: Fault): void {
    if (!this.#isShared) this.#queue.failAll(fault);
  }

  /** Fails what has waited too long. Called by the watch. */
  expire(nowMs: number): void {
    if (!this.#isShared) this.#queue.expire(nowMs);
  }

  /** performance.now() since when the longest idle sandbox has been idle; Infinity where none is. */
  get idleSinceMs(): number {
    return longestIdle(this.#slots)?.sandbox.idleSinceMs ?? Infinity;
  }

  /** Closes the sandbox that was idle longest. */
  evictOne(): void {
    const slot = longestIdle(this.#slots);
    if (slot !== null) this.#close(slot);
  }

  /**
   * Closes the sandboxes that nobody uses now, and has used since then; what has none left is forgotten. Where no time is
   * given their memory is wanted, and none of them stands ready.
   */
  evictIdle(sinceMs: number = Infinity): void {
    const idle = this.#slots.filter(({ sandbox }) => sandbox.inFlight === 0 && sandbox.idleSinceMs < sinceMs);
    const kept = sinceMs === Infinity ? 0 : Math.max(0, this.#standing - (this.#slots.length - idle.length));
    for (const slot of idle.slice(kept)) this.#close(slot);
    if (!this.#isShared && !this.stands && this.#isEmpty) this.#cordon.forget(this);
  }

  /** No more calls will come: its sandboxes are closed as they become idle. */
  retire(): void {
    this.#retired = true;
    this.#standing = 0;
    for (const slot of [...this.#slots]) {
      slot.retired = true;
      if (slot.sandbox.inFlight === 0) this.#close(slot);
    }
    this.#forgetIfEmpty();
  }

  /** The slot with the fewest calls that has room; opens another sandbox where all are full and one more is allowed. */
  #freeSlot(): Slot | null {
    const best = this.#freest();
    if (best !== null) return best;
    const { executor } = this.#cordon;
    if (executor === null || this.#isOver || this.#slots.length >= this.#maxSlots) return null;
    if (this.#cordon.makeRoom()) return this.#open(executor);
    this.#cordon.starve(this);
    return null;
  }

  #freest(): Slot | null {
    if (this.#isOver) return null;
    let best: Slot | null = null;
    for (const slot of this.#slots) {
      if (slot.retired || slot.sandbox.inFlight >= this.version.limits.concurrency) continue;
      if (best === null || slot.sandbox.inFlight < best.sandbox.inFlight) best = slot;
    }
    return best;
  }

  /** What waits for this cordon may still run while it is given up; what waits for others as well is theirs. */
  get #isOver(): boolean {
    return this.#isShared ? this.#cordon.closed : this.#cordon.ended;
  }

  #open(executor: Executor): Slot {
    const sandbox = executor.open(this.version, {
      onSettled: (fault) => this.#settled(slot, fault),
      onNotBegun: (call, sink) => this.#retry(call, sink),
      onGone: (cause) => {
        // It may be the executor that is going, and this one why.
        if (cause.code === 'SANDBOX_RECYCLED' && sandbox.inFlight > 0) this.#cordon.suspect(this.version);
        this.#remove(slot);
      },
    });
    const slot = newSlot(sandbox);
    this.#slots.push(slot);
    this.meter.countColdStart();
    return slot;
  }

  #start(slot: Slot, call: Call, sink: ResponseSink, nowMs: number): void {
    this.meter.begin(nowMs);
    if (slot.sandbox.inFlight === 0) {
      slot.stuckSinceMs = nowMs;
      slot.stuckCpuMs = 0;
    }
    if (this.version.ephemeral) slot.retired = true;
    call.coldStart = slot.isFresh;
    call.place = this.#cordon.place;
    slot.isFresh = false;
    slot.sandbox.invoke(call, sink);
  }

  #settled(slot: Slot, fault: Fault | null): void {
    const nowMs = performance.now();
    this.meter.end(nowMs, fault);
    if (this.#load !== null) this.#cordon.owner.admission.leave(this.#load);
    // What ran out of time or memory may have left anything behind.
    if (fault !== null && (fault.code === 'TIMED_OUT' || fault.code === 'OUT_OF_MEMORY'))
      this.#wentWrong(slot, fault, nowMs);
    slot.stuckSinceMs = nowMs;
    slot.stuckCpuMs = 0;
    if (this.#retired && this.waiting === 0) slot.retired = true;
    if (slot.retired && slot.sandbox.inFlight === 0) this.#close(slot);
    this.pump();
    if (!slot.retired && slot.sandbox.inFlight === 0) this.#cordon.roomMade();
    this.#forgetIfEmpty();
    this.#cordon.callSettled(nowMs);
    if (this.#cordon.ended) this.#cordon.flush(this);
  }

  /** Its executor has ended it, cleanly: nobody else has suffered yet. */
  #wentWrong(slot: Slot, fault: Fault, nowMs: number): void {
    slot.retired = true;
    if (slot.isStruck || this.#cordon.ended) return;
    this.#cordon.cpu.charge(this.#cordon, nowMs, slot);
    const cause = causeOf(slot, fault, this.version.limits, nowMs);
    if (cause === null) return;
    slot.isStruck = true;
    this.#cordon.moveOut(this, cause);
  }

  /**
   * Its slot is free already; it counts as one call still. Later, because what else the executor has to say of itself
   * decides where the call may go now.
   */
  #retry(call: Call, sink: ResponseSink): void {
    const load = this.#load;
    if (load === null) return;
    this.#cordon.owner.admission.enterAgain(load);
    setImmediate(() => this.#cordon.owner.rerun(this.version, call, sink, load));
  }

  #left({ load }: WaitingCall): void {
    this.#cordon.owner.admission.leave(load);
    this.#forgetIfEmpty();
    this.#cordon.settled(performance.now());
  }

  #fail({ sink, load }: WaitingCall, fault: Fault): void {
    this.#cordon.owner.admission.leave(load);
    this.meter.countFault(fault.code);
    this.#forgetIfEmpty();
    sink.fail(fault);
    this.#cordon.settled(performance.now());
  }

  #close(slot: Slot): void {
    this.#remove(slot);
    slot.sandbox.close();
  }

  #remove(slot: Slot): void {
    slot.retired = true;
    const at = this.#slots.indexOf(slot);
    if (at < 0) return;
    this.#slots.splice(at, 1);
    this.#forgetIfEmpty();
    this.#cordon.sandboxClosed();
  }

  get #isEmpty(): boolean {
    return this.#slots.length + this.waiting + this.inFlight === 0;
  }

  #forgetIfEmpty(): void {
    if (this.#retired && this.#isEmpty) this.#cordon.forget(this);
  }
}

/** What is to be held against the version; null: it may only have waited too long. */
function causeOf(
  { stuckSinceMs, stuckCpuMs }: Slot,
  { code, details }: Fault,
  limits: Limits,
  nowMs: number,
): QuarantineCause | null {
  if (code === 'OUT_OF_MEMORY') return 'out-of-memory';
  // What the executor says of CPU time is a hint: our own reading has to agree, as far as it can tell.
  if (details.limit === limitText('cpuMs', limits)) return stuckCpuMs > limits.cpuMs * HINT_SHARE ? 'spin' : null;
  return stuckCpuMs > (nowMs - stuckSinceMs) * SPIN_SHARE ? 'spin' : null;
}
