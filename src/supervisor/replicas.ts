/** Replicas: the sandboxes of one version in one cordon, and the calls that wait for one of them. */

import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, Exchange, ResponseSink } from '../core/invocation.ts';
import type { Sandbox } from '../core/tier.ts';
import type { Cordon } from './cordon.ts';
import { leave, type TenantLoad } from './tenant-loads.ts';

/** Attempts of a call that no sandbox had begun. */
const MAX_ATTEMPTS = 3;
const MAX_WAITING = 1_000;
/** A call that waits longer than this has met an overload, not a queue. */
const MAX_WAIT_MS = 10_000;
/** Sandboxes of one version that serves one invocation at a time. */
const MAX_EXCLUSIVE = 32;

interface WaitingCall {
  readonly call: Call;
  readonly sink: ResponseSink;
  readonly sinceMs: number;
  gone: boolean;
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
  #load: TenantLoad | null = null;
  #retired = false;
  inFlight = 0;
  idleSinceMs: number = performance.now();

  constructor(version: FunctionVersion, cordon: Cordon) {
    this.version = version;
    this.#cordon = cordon;
    this.#maxSlots = version.limits.concurrency === 1 ? MAX_EXCLUSIVE : cordon.owner.cores;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get sandboxes(): number {
    return this.#slots.length;
  }

  run(call: Call, sink: ResponseSink, load: TenantLoad): void {
    this.#load = load;
    const slot = this.#freeSlot();
    if (slot !== null) return this.#start(slot, call, sink);
    this.#wait(call, sink);
  }

  /** Gives waiting calls to free slots. */
  pump(): void {
    while (this.#waiting.length > 0) {
      const slot = this.#freeSlot();
      if (slot === null) return;
      const next = this.#waiting.shift() as WaitingCall;
      if (!next.gone) this.#start(slot, next.call, next.sink);
    }
  }

  failWaiting(fault: Fault): void {
    for (const { gone, sink } of this.#waiting.splice(0)) if (!gone) this.#fail(sink, fault);
  }

  /** Fails what has waited too long. Called by the watch. */
  expire(nowMs: number): void {
    for (let first = this.#waiting[0]; first !== undefined && nowMs - first.sinceMs > MAX_WAIT_MS; first = this.#waiting[0]) {
      this.#waiting.shift();
      if (!first.gone) this.#fail(first.sink, new Fault('OVERLOADED', 'The request waited too long for a sandbox', { retryAfterSeconds: 1 }));
    }
  }

  /** Closes the sandboxes that nobody uses now; returns how many. */
  evictIdle(): number {
    const idle = this.#slots.filter((slot) => slot.sandbox.inFlight === 0);
    for (const slot of idle) this.#close(slot);
    return idle.length;
  }

  /** No more calls will come: its sandboxes are closed as they become idle. */
  retire(): void {
    this.#retired = true;
    for (const slot of [...this.#slots]) this.#retire(slot);
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
    if (executor === null || this.#cordon.ended || this.#slots.length >= this.#maxSlots || !this.#cordon.makeRoom()) return null;
    return this.#open(executor);
  }

  #open(executor: NonNullable<Cordon['executor']>): Slot {
    const sandbox = executor.open(this.version, {
      onSettled: (fault) => this.#settled(slot, fault),
      onNotBegun: (call, sink) => this.#retry(call, sink),
      onGone: () => this.#remove(slot),
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
    this.idleSinceMs = performance.now();
    if (this.#load !== null) leave(this.#load);
    // What ran out of time or memory may have left anything behind.
    if (fault !== null && (fault.code === 'TIMED_OUT' || fault.code === 'OUT_OF_MEMORY')) slot.retired = true;
    if (slot.retired && slot.sandbox.inFlight === 0) this.#close(slot);
    if (this.#waiting.length > 0) this.pump();
    this.#cordon.settled();
  }

  #retry(call: Call, sink: ResponseSink): void {
    if (this.#load !== null) this.#load.calls++;
    if (call.attempts < MAX_ATTEMPTS && this.#load !== null && !this.#cordon.ended) return this.run(call, sink, this.#load);
    this.#fail(sink, new Fault('SANDBOX_RECYCLED', 'The sandbox was recycled before this request began'));
  }

  #wait(call: Call, sink: ResponseSink): void {
    if (this.#waiting.length >= MAX_WAITING) {
      return this.#fail(sink, new Fault('OVERLOADED', 'Too many requests wait for this function', { retryAfterSeconds: 1 }));
    }
    const waiting: WaitingCall = { call, sink, sinceMs: performance.now(), gone: false };
    this.#waiting.push(waiting);
    sink.attach(exchangeOf(() => this.#leaveQueue(waiting)));
    this.#cordon.starve(this);
  }

  #leaveQueue(waiting: WaitingCall): void {
    if (waiting.gone) return;
    waiting.gone = true;
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    if (this.#load !== null) leave(this.#load);
    this.#cordon.settled();
  }

  #fail(sink: ResponseSink, fault: Fault): void {
    if (this.#load !== null) leave(this.#load);
    sink.fail(fault);
    this.#cordon.settled();
  }

  #retire(slot: Slot): void {
    slot.retired = true;
    if (slot.sandbox.inFlight === 0) this.#close(slot);
  }

  #close(slot: Slot): void {
    this.#remove(slot);
    slot.sandbox.close();
  }

  #remove(slot: Slot): void {
    const at = this.#slots.indexOf(slot);
    if (at >= 0) this.#slots.splice(at, 1);
    slot.retired = true;
    this.#forgetIfEmpty();
    this.#cordon.roomMade();
  }

  #forgetIfEmpty(): void {
    if ((this.#retired || this.version.ephemeral) && this.#slots.length === 0 && this.#waiting.length === 0) this.#cordon.forget(this);
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
