/**
 * Queue: jobs that survive a crash. A job is one delivery to one function; whoever leases it has it alone until the lease
 * ends. At least once: a job whose worker died is leased again.
 *
 * A job is named by its id. Adding one whose id is there, or was there within the last day, does nothing: that is how one
 * tick of cron becomes one job on several nodes, and how an event that is published twice is delivered once.
 */

export interface NewJob {
  /** At most 200 characters; unique within the queue. */
  readonly id: string;
  readonly tenant: string;
  readonly kind: 'event' | 'cron';
  /** The function that it is for. */
  readonly functionName: string;
  /** JSON, at most 4 MB. */
  readonly payload: string;
  /**
   * Jobs of one tenant, function and key are leased one at a time, in the order in which they were added: one that waits
   * for its time, or for another try, holds back those behind it. At most 256 characters; null: no order.
   */
  readonly key: string | null;
  readonly runAtMs: number;
  /** How often it may be tried before it is a dead letter. A job whose last lease ends unused becomes one by itself. */
  readonly maxAttempts: number;
}

export interface QueuedJob extends NewJob {
  /** How often it was leased. */
  readonly attempts: number;
  readonly addedMs: number;
}

export interface LeasedJob extends QueuedJob {
  /** Names this lease: who no longer has it can neither complete nor fail the job. */
  readonly lease: string;
}

export interface LeaseRequest {
  readonly limit: number;
  readonly leaseMs: number;
  /** Functions that have as many jobs running as they may: `tenant/name`. */
  readonly except: ReadonlySet<string>;
}

export interface DeadJob extends QueuedJob {
  readonly diedMs: number;
  readonly lastError: string;
}

export interface DeadQuery {
  readonly tenant: string;
  readonly functionName?: string;
  /** This one alone. */
  readonly id?: string;
  /** The id after which the page begins, newest first; null: the newest. */
  readonly before: string | null;
  readonly limit: number;
}

export interface QueueCounts {
  readonly waiting: number;
  readonly running: number;
  readonly dead: number;
}

export interface Queue {
  /**
   * All of them or none, durable when it resolves; at most 1,000. Returns how many were new. Rejects with a RangeError for
   * a job that can't be kept, NOT_FOUND for a tenant that was erased, OVERLOADED where too much waits to be written.
   */
  add(jobs: readonly NewJob[]): Promise<number>;
  /** Those that are due, tenants and functions in turns, oldest first; among them those whose lease has ended. */
  lease(request: LeaseRequest): Promise<LeasedJob[]>;
  /** False: the lease had ended. */
  extend(job: LeasedJob, leaseMs: number): Promise<boolean>;
  /** Done; the job goes. False: the lease had ended. */
  complete(job: LeasedJob): Promise<boolean>;
  /** Again at `retryAtMs`, or, where that is null, a dead letter. False: the lease had ended. */
  fail(job: LeasedJob, error: string, retryAtMs: number | null): Promise<boolean>;
  /** The earliest time at which something will be due, but for these functions (`tenant/name`); null: nothing waits. */
  nextDueMs(except?: ReadonlySet<string>): Promise<number | null>;
  counts(tenant: string | null): Promise<QueueCounts>;
  dead(query: DeadQuery): Promise<readonly DeadJob[]>;
  /** Puts dead letters back, with no attempts counted. Returns how many. */
  replay(tenant: string, ids: readonly string[]): Promise<number>;
  discard(tenant: string, ids: readonly string[]): Promise<number>;
  /** All jobs of a function that is no more. */
  removeFunction(tenant: string, functionName: string): Promise<void>;
  /** Told when something may have become due: added here, or on another node. The listener must not throw. */
  onWork(listener: () => void): void;
  /** Forgets ids of jobs that were done before then, and dead letters that died before then: Unix ms. */
  prune(olderThanMs: { readonly ids: number; readonly dead: number }): Promise<void>;
}
