/** Replicas: the sandboxes of one version in one cordon, and the calls that wait for one of them. */

import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, Exchange, ResponseSink } from '../core/invocation.ts';
import type { Executor, Sandbox } from '../core/tier.ts';
import type { Cordon } from './cordon.ts';
import { leave, type TenantLoad } from './tenant-loads.ts';

const MAX_WAITING = 1_000;
/** A call that waits longer than this has met an overload, not a queue. */
const MAX_WAIT_MS = 10_000;
/** Sandboxes of one version that serves one invocation at a time. */
const MAX_EXCLUSIVE = 32;

interface WaitingCall {
  readonly call: Call;
  readonly sink: ResponseSink;
  readonly load: TenantLoad;
  readonly sinceMs: number;
  /** It is in the queue, and may be cancelled. */
  queued: boolean;
}

interface Slot {
  readonly sandbox: Sandbox;
  /** It takes no more calls, and is closed when the last one ends. */
  retired: boolean;
}

export class Replicas {
  readonly version: FunctionVersion;
  readonly #cordon: Cordon;
  readonly #maxSlots: number;
  #slots: Slot[] = [];
  #waiting: WaitingCall[] = [];
  /** The tenant's; every call here is one of it. */
  #load: TenantLoad | null = null;
  #retired = false;
  inFlight = 0;

  constructor(version: FunctionVersion, cordon: Cordon) {
    this.version = version;
    this.#cordon = cordon;
    this.#maxSlots = version.limits.concurrency === 1 ? MAX_EXCLUSIVE : cordon.owner.cores;
    this.#retired = version.ephemeral;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get sandboxes(): number {
    return this.#slots.length;
  }

  run(call: Call, sink: ResponseSink, load: TenantLoad): void {
    this.#load = load;
    const slot = this.#waiting.length === 0 ? this.#freeSlot() : null;
    if (slot !== null) return this.#start(slot, call, sink);
    this.#wait(call, sink, load);
  }

  /** Gives waiting calls to free slots. */
  pump(): void {
    while (this.#waiting.length > 0) {
      const slot = this.#freeSlot();
      if (slot === null) return;
      const next = this.#dequeue();
      if (next !== undefined) this.#start(slot, next.call, next.sink);
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
    return this.#longestIdle()?.sandbox.idleSinceMs ?? Infinity;
  }

  /** Closes the sandbox that was idle longest. */
  evictOne(): void {
    const slot = this.#longestIdle();
    if (slot !== null) this.#close(slot);
  }

  /** Closes the sandboxes that nobody uses now. */
  evictIdle(): void {
    for (const slot of this.#slots.filter(({ sandbox }) => sandbox.inFlight === 0)) this.#close(slot);
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

  #longestIdle(): Slot | null {
    let longest: Slot | null = null;
    for (const slot of this.#slots) {
      if (slot.sandbox.inFlight > 0) continue;
      if (longest === null || slot.sandbox.idleSinceMs < longest.sandbox.idleSinceMs) longest = slot;
    }
    return longest;
  }

  #open(executor: Executor): Slot {
    const sandbox = executor.open(this.version, {
      onSettled: (fault) => this.#settled(slot, fault),
      onNotBegun: (call, sink) => this.#retry(call, sink),
      onGone: (cause) => {
        // It may be the executor that is going, and this one why.
        if (cause.code === 'SANDBOX_RECYCLED' && sandbox.inFlight > 0) this.#cordon.suspect(this.version.key);
        this.#remove(slot);
      },
    });
    const slot: Slot = { sandbox, retired: false };
    this.#slots.push(slot);
    return slot;
  }

  #start(slot: Slot, call: Call, sink: ResponseSink): void {
    this.inFlight++;
    if (this.version.ephemeral) slot.retired = true;
    slot.sandbox.invoke(call, sink);
  }

  #settled(slot: Slot, fault: Fault | null): void {
    this.inFlight--;
    if (this.#load !== null) leave(this.#load);
    // What ran out of time or memory may have left anything behind.
    if (fault !== null && (fault.code === 'TIMED_OUT' || fault.code === 'OUT_OF_MEMORY')) slot.retired = true;
    if (this.#retired && this.#waiting.length === 0) slot.retired = true;
    if (slot.retired && slot.sandbox.inFlight === 0) this.#close(slot);
    this.pump();
    if (!slot.retired && slot.sandbox.inFlight === 0) this.#cordon.roomMade();
    this.#forgetIfEmpty();
    this.#cordon.settled();
  }

  /**
   * Its slot is free already; it counts as one call still. Later, because what else the executor has to say of itself
   * decides where the call may go now.
   */
  #retry(call: Call, sink: ResponseSink): void {
    const load = this.#load;
    if (load === null) return;
    load.calls++;
    setImmediate(() => this.#cordon.owner.rerun(this.version, call, sink, load));
  }

  #wait(call: Call, sink: ResponseSink, load: TenantLoad): void {
    if (this.#waiting.length >= MAX_WAITING) {
      return this.#fail(
        sink,
        load,
        new Fault('OVERLOADED', 'Too many requests wait for this function', { retryAfterSeconds: 1 }),
      );
    }
    const waiting: WaitingCall = { call, sink, load, sinceMs: performance.now(), queued: true };
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
    leave(waiting.load);
    this.#forgetIfEmpty();
    this.#cordon.settled();
  }

  #fail(sink: ResponseSink, load: TenantLoad, fault: Fault): void {
    leave(load);
    this.#forgetIfEmpty();
    sink.fail(fault);
    this.#cordon.settled();
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
    this.#cordon.roomMade();
  }

  #forgetIfEmpty(): void {
    if (this.#retired && this.#slots.length + this.#waiting.length + this.inFlight === 0) this.#cordon.forget(this);
  }
}

function exchangeOf(leaveQueue: () => void): Exchange {
  return {
    running: false,
    write: () => true,
    endBody: () => undefined,
    resume: () => undefined,
    cancel: leaveQueue,
  };
}
