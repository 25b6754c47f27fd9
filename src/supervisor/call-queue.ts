/** CallQueue: the calls that wait for a sandbox of one version, longest first. How many, and for how long, is bounded. */

import { Fault } from '../core/faults.ts';
import type { Call, ResponseSink } from '../core/invocation.ts';
import { exchangeOf } from './admission.ts';
import type { TenantLoad } from './tenant-loads.ts';

const MAX_WAITING = 1_000;
/** A call that waits longer than this has met an overload, not a queue. */
const MAX_WAIT_MS = 10_000;

export interface WaitingCall {
  readonly call: Call;
  readonly sink: ResponseSink;
  /** Its tenant's, in which it counts. */
  readonly load: TenantLoad;
  readonly sinceMs: number;
  /** It is in the queue, and may be cancelled. */
  queued: boolean;
}

export interface CallQueueOwner {
  /** Whoever made the call has taken it back. */
  left(waiting: WaitingCall): void;
  /** It has waited too long, or is one too many. */
  fail(waiting: WaitingCall, fault: Fault): void;
}

export class CallQueue {
  readonly #owner: CallQueueOwner;
  readonly #calls: WaitingCall[] = [];
  #emptied: (() => void)[] = [];

  constructor(owner: CallQueueOwner) {
    this.#owner = owner;
  }

  get length(): number {
    return this.#calls.length;
  }

  add(call: Call, sink: ResponseSink, load: TenantLoad, sinceMs: number): void {
    const waiting: WaitingCall = { call, sink, load, sinceMs, queued: true };
    if (this.#calls.length >= MAX_WAITING) {
      waiting.queued = false;
      return this.#owner.fail(waiting, overloaded('Too many requests wait for this function'));
    }
    this.#calls.push(waiting);
    sink.attach(exchangeOf(() => this.#leave(waiting)));
  }

  take(): WaitingCall | undefined {
    const next = this.#calls.shift();
    if (next !== undefined) next.queued = false;
    this.#tell();
    return next;
  }

  /** Resolves when nothing waits. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#emptied.push(resolve);
      this.#tell();
    });
  }

  failAll(fault: Fault): void {
    for (let next = this.take(); next !== undefined; next = this.take()) this.#owner.fail(next, fault);
  }

  /** Fails what has waited too long. Called by the watch. */
  expire(nowMs: number): void {
    for (let first = this.#calls[0]; first !== undefined && nowMs - first.sinceMs > MAX_WAIT_MS; first = this.#calls[0])
      this.#owner.fail(this.take() ?? first, overloaded('The request waited too long for a sandbox'));
  }

  #leave(waiting: WaitingCall): void {
    if (!waiting.queued) return;
    waiting.queued = false;
    this.#calls.splice(this.#calls.indexOf(waiting), 1);
    this.#owner.left(waiting);
    this.#tell();
  }

  #tell(): void {
    if (this.#calls.length === 0) for (const resolve of this.#emptied.splice(0)) resolve();
  }
}

const overloaded = (message: string): Fault => new Fault('OVERLOADED', message, { retryAfterSeconds: 1 });
