/**
 * Admission: how many calls the host has in hand at a time, and whose turn it is where more come.
 *
 * Below the host's bound a call passes with two comparisons. Above it, tenants take turns, and nobody waits longer than the
 * deadline. A tenant that has next to nothing running is let in all the same: whoever holds the places for long does
 * not starve the others.
 */

import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, Exchange, ResponseSink } from '../core/invocation.ts';
import { leave, type TenantLoad } from './tenant-loads.ts';

export interface AdmissionOptions {
  /** Calls that the host has in hand at a time. */
  readonly hostConcurrency: number;
  /** How long a call may wait for its turn. */
  readonly queueMs: number;
  /** Its turn has come. */
  start(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void;
  /** Its turn did not come in time, or never will. */
  refuse(version: FunctionVersion, sink: ResponseSink, fault: Fault): void;
}

interface Waiting {
  readonly version: FunctionVersion;
  readonly call: Call;
  readonly sink: ResponseSink;
  readonly sinceMs: number;
  queued: boolean;
}

/** Calls that a tenant may have in hand however full the host is. */
const GUARANTEED = 4;
/** More than this many waiting are too many for any deadline. */
const MAX_QUEUED = 10_000;

export class Admission {
  readonly #options: AdmissionOptions;
  /** In the order of their turns. */
  readonly #queues = new Map<TenantLoad, Waiting[]>();
  #admitted = 0;
  #queued = 0;
  #turnsDue = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  get admitted(): number {
    return this.#admitted;
  }

  get queued(): number {
    return this.#queued;
  }

  /** Whether a call may run now; it counts as admitted then, until {@link leave}. */
  admits(load: TenantLoad): boolean {
    const isRoom = this.#queued === 0 && this.#admitted < this.#options.hostConcurrency;
    if (!isRoom && load.admitted >= GUARANTEED) return false;
    this.#admitted++;
    load.admitted++;
    return true;
  }

  /** Puts a call that was not admitted into its tenant's queue. */
  wait(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void {
    if (this.#queued >= MAX_QUEUED) {
      leave(load);
      return this.#options.refuse(version, sink, this.#overloaded('Too many requests wait for this host'));
    }
    const waiting: Waiting = { version, call, sink, sinceMs: performance.now(), queued: true };
    const queue = this.#queues.get(load);
    if (queue === undefined) this.#queues.set(load, [waiting]);
    else queue.push(waiting);
    this.#queued++;
    sink.attach(exchangeOf(() => this.#cancel(waiting, load)));
  }

  /** An admitted call is over. */
  leave(load: TenantLoad): void {
    this.#admitted--;
    load.admitted--;
    leave(load);
    if (this.#queued === 0 || this.#turnsDue) return;
    this.#turnsDue = true;
    // Later, because whoever leaves is in the middle of something.
    queueMicrotask(() => {
      this.#turnsDue = false;
      this.#takeTurns();
    });
  }

  /** A call that left is admitted again, because it has to begin anew. */
  enterAgain(load: TenantLoad): void {
    this.#admitted++;
    load.admitted++;
    load.calls++;
  }

  /** Refuses what has waited too long. Called by the watch. */
  expire(nowMs: number): void {
    if (this.#queued === 0) return;
    const { queueMs } = this.#options;
    for (const [load, queue] of this.#queues) {
      for (let first = queue[0]; first !== undefined && nowMs - first.sinceMs > queueMs; first = queue[0])
        this.#refuseFirst(load, this.#overloaded(`The request waited ${queueMs} ms for a place on this host`));
    }
  }

  close(fault: Fault): void {
    for (const [load, queue] of this.#queues) while (queue.length > 0) this.#refuseFirst(load, fault);
  }

  /** One call of each tenant in turn, while there are places. */
  #takeTurns(): void {
    for (let started = true; started;) {
      started = false;
      for (const load of [...this.#queues.keys()]) {
        const isRoom = this.#admitted < this.#options.hostConcurrency;
        if (!isRoom && load.admitted >= GUARANTEED) continue;
        const next = this.#dequeue(load);
        if (next === undefined) continue;
        started = true;
        this.#admitted++;
        load.admitted++;
        this.#options.start(next.version, next.call, next.sink, load);
      }
    }
  }

  #refuseFirst(load: TenantLoad, fault: Fault): void {
    const first = this.#dequeue(load);
    if (first === undefined) return;
    leave(load);
    this.#options.refuse(first.version, first.sink, fault);
  }

  /** The tenant goes to the end of the turns. */
  #dequeue(load: TenantLoad): Waiting | undefined {
    const queue = this.#queues.get(load);
    const next = queue?.shift();
    if (queue === undefined || next === undefined) return undefined;
    this.#queues.delete(load);
    if (queue.length > 0) this.#queues.set(load, queue);
    next.queued = false;
    this.#queued--;
    return next;
  }

  #cancel(waiting: Waiting, load: TenantLoad): void {
    const queue = this.#queues.get(load);
    if (!waiting.queued || queue === undefined) return;
    waiting.queued = false;
    queue.splice(queue.indexOf(waiting), 1);
    if (queue.length === 0) this.#queues.delete(load);
    this.#queued--;
    leave(load);
  }

  #overloaded(message: string): Fault {
    const limit = `host-concurrency=${this.#options.hostConcurrency}`;
    return new Fault('OVERLOADED', message, { retryAfterSeconds: 1, limit });
  }
}

/** Of a call that waits: nothing can be done with it but to take it away. */
export function exchangeOf(cancel: () => void): Exchange {
  return {
    running: false,
    write: () => true,
    endBody: () => undefined,
    resume: () => undefined,
    cancel,
  };
}
