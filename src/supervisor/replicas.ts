/** Replicas: the sandboxes of one version in one cordon, and the calls that wait for one of them. */

import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, ResponseSink } from '../core/invocation.ts';
import { limitText, type Limits } from '../core/limits.ts';
import type { QuarantineCause } from '../core/quarantine.ts';
import type { Executor } from '../core/tier.ts';
import { exchangeOf } from './admission.ts';
import type { Cordon } from './cordon.ts';
import { RunMeter } from './run-meter.ts';
import { longestIdle, newSlot, type Slot } from './slot.ts';
import type { TenantLoad } from './tenant-loads.ts';

const MAX_WAITING = 1_000;
/** A call that waits longer than this has met an overload, not a queue. */
const MAX_WAIT_MS = 10_000;
/** Sandboxes of one version that serves one invocation at a time. */
const MAX_EXCLUSIVE = 32;
/** Who used this share of its time as CPU time until the time was over did not wait for anything. */
const SPIN_SHARE = 0.3;
/** The kernel counts for the whole executor, in steps of 10 ms, and others may run in it. */
const HINT_SHARE = 0.4;

interface WaitingCall {
  readonly call: Call;
  readonly sink: ResponseSink;
  readonly load: TenantLoad;
  readonly sinceMs: number;
  /** It is in the queue, and may be cancelled. */
  queued: boolean;
}

export class Replicas {
  readonly version: FunctionVersion;
  readonly meter: RunMeter = new RunMeter();
  readonly #cordon: Cordon;
  readonly #maxSlots: number;
  #slots: Slot[] = [];
  #waiting: WaitingCall[] = [];
  /** The tenant's; every call here is one of it. */
  #load: TenantLoad | null = null;
  #retired = false;

  constructor(version: FunctionVersion, cordon: Cordon) {
    this.version = version;
    this.#cordon = cordon;
    this.#maxSlots = version.limits.concurrency === 1 ? MAX_EXCLUSIVE : cordon.owner.cores;
    this.#retired = version.ephemeral;
  }

  get inFlight(): number {
    return this.meter.running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get sandboxes(): number {
    return this.#slots.length;
  }

  get slots(): readonly Slot[] {
    return this.#slots;
  }

  run(call: Call, sink: ResponseSink, load: TenantLoad, nowMs: number): void {
    this.#load = load;
    const slot = this.#waiting.length === 0 ? this.#freeSlot() : null;
    if (slot !== null) return this.#start(slot, call, sink, nowMs);
    this.#wait(call, sink, load, nowMs);
  }

  /** Gives waiting calls to free slots. */
  pump(): void {
    while (this.#waiting.length > 0) {
      const slot = this.#freeSlot();
      if (slot === null) return;
      const next = this.#dequeue();
      if (next !== undefined) this.#start(slot, next.call, next.sink, performance.now());
    }
  }

  /** Nothing has begun what waits here: it looks for another executor. */
  moveWaiting(): void {
    for (let next = this.#dequeue(); next !== undefined; next = this.#dequeue()) {
      next.call.attempts++;
      this.#cordon.owner.rerun(this.version, next.call, next.sink, next.load);
    }
  }

  failWaiting(fault: Fault): void {
    for (let next = this.#dequeue(); next !== undefined; next = this.#dequeue())
      this.#fail(next.sink, next.load, fault);
  }

  /** Fails what has waited too long. Called by the watch. */
  expire(nowMs: number): void {
    for (
      let first = this.#waiting[0];
      first !== undefined && nowMs - first.sinceMs > MAX_WAIT_MS;
      first = this.#waiting[0]
    ) {
      this.#dequeue();
      this.#fail(
        first.sink,
        first.load,
        new Fault('OVERLOADED', 'The request waited too long for a sandbox', { retryAfterSeconds: 1 }),
      );
    }
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

  /** Closes the sandboxes that nobody uses now, and has used since then; what has none left is forgotten. */
  evictIdle(sinceMs: number = Infinity): void {
    const idle = this.#slots.filter(({ sandbox }) => sandbox.inFlight === 0 && sandbox.idleSinceMs < sinceMs);
    for (const slot of idle) this.#close(slot);
    if (this.#slots.length + this.#waiting.length + this.inFlight === 0) this.#cordon.forget(this);
  }

  /** No more calls will come: its sandboxes are closed as they become idle. */
  retire(): void {
    this.#retired = true;
    for (const slot of [...this.#slots]) {
      slot.retired = true;
      if (slot.sandbox.inFlight === 0) this.#close(slot);
    }
    this.#forgetIfEmpty();
  }

  /** The slot with the fewest calls that has room; opens another sandbox where all are full and one more is allowed. */
  #freeSlot(): Slot | null {
    let best: Slot | null = null;
    for (const slot of this.#slots) {
      if (slot.retired || slot.sandbox.inFlight >= this.version.limits.concurrency) continue;
      if (best === null || slot.sandbox.inFlight < best.sandbox.inFlight) best = slot;
    }
    if (best !== null) return best;
    const { executor } = this.#cordon;
    if (executor === null || this.#cordon.ended || this.#slots.length >= this.#maxSlots) return null;
    if (this.#cordon.makeRoom()) return this.#open(executor);
    this.#cordon.starve(this);
    return null;
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
    if (this.#retired && this.#waiting.length === 0) slot.retired = true;
    if (slot.retired && slot.sandbox.inFlight === 0) this.#close(slot);
    this.pump();
    if (!slot.retired && slot.sandbox.inFlight === 0) this.#cordon.roomMade();
    this.#forgetIfEmpty();
    this.#cordon.settled(nowMs);
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

  #wait(call: Call, sink: ResponseSink, load: TenantLoad, sinceMs: number): void {
    if (this.#waiting.length >= MAX_WAITING) {
      return this.#fail(
        sink,
        load,
        new Fault('OVERLOADED', 'Too many requests wait for this function', { retryAfterSeconds: 1 }),
      );
    }
    const waiting: WaitingCall = { call, sink, load, sinceMs, queued: true };
    this.#waiting.push(waiting);
    sink.attach(exchangeOf(() => this.#leaveQueue(waiting)));
  }

  #dequeue(): WaitingCall | undefined {
    const next = this.#waiting.shift();
    if (next !== undefined) next.queued = false;
    return next;
  }

  #leaveQueue(waiting: WaitingCall): void {
    if (!waiting.queued) return;
    waiting.queued = false;
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    this.#cordon.owner.admission.leave(waiting.load);
    this.#forgetIfEmpty();
    this.#cordon.settled(performance.now());
  }

  #fail(sink: ResponseSink, load: TenantLoad, fault: Fault): void {
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

  #forgetIfEmpty(): void {
    if (this.#retired && this.#slots.length + this.#waiting.length + this.inFlight === 0) this.#cordon.forget(this);
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
