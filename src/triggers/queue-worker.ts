/**
 * Queue worker: takes jobs from the queue as there is room for them, and tells it how each one ended.
 *
 * Of each function so many run at a time, and a few more may wait here, so that a busy function costs one look into the
 * queue for several jobs; a function is passed over while a whole lot of it would not fit. All of them stay leased until they
 * are done: if this process dies, they are somebody else's a moment later. While nothing is due, nothing happens: the queue
 * wakes the worker, or a timer at the time at which something will be.
 */

import type { LeasedJob, Queue } from '../core/queue.ts';
import { Lanes } from './lanes.ts';
import type { RunningDelivery } from './delivery.ts';
import { retryAtMs, type Verdict } from './verdict.ts';

export interface QueueWorkerOptions {
  readonly queue: Queue;
  deliver(job: LeasedJob): RunningDelivery;
  /** Jobs that run at a time. */
  readonly concurrency: number;
  /** Of each function. */
  readonly functionConcurrency: number;
  /** What a job that this process leaves behind waits before it is another's. */
  readonly leaseMs?: number;
  report(error: unknown): void;
  readonly nowMs?: () => number;
  readonly random?: () => number;
}

interface Outstanding {
  readonly job: LeasedJob;
  /** Of a clock that nobody sets. */
  leasedMs: number;
  /** Null: it waits for a turn of its function. */
  delivery: RunningDelivery | null;
  /** The lease is another's by now. */
  isLost: boolean;
}

const LEASE_MS = 30_000;
/** Jobs of one look into the queue. */
const LOT = 16;
/** Of one function so many may wait here: the next lot comes before the last one is used up. */
const WAITING = 2 * LOT;
/** For the queue to be told of what was cancelled. */
const LAST_WORD_MS = 2_000;
/** A clock that was set, or a message that was lost: looked at again all the same. */
const LONGEST_SLEEP_MS = 60_000;
/** While something is due that can't be had: it waits for another of its key, or for a function that is full. */
const FIRST_POLL_MS = 100;
const LONGEST_POLL_MS = 5_000;

export class QueueWorker {
  readonly #options: QueueWorkerOptions;
  readonly #lanes: Lanes<Outstanding>;
  /** By lease. */
  readonly #outstanding = new Map<string, Outstanding>();
  readonly #maxOutstanding: number;
  readonly #leaseMs: number;
  #isClosing = false;
  #isPumping = false;
  #isWoken = false;
  #pollMs = FIRST_POLL_MS;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #wakeMs = Infinity;
  #extender: NodeJS.Timeout | undefined;
  #idle = Promise.withResolvers<void>();

  constructor(options: QueueWorkerOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#maxOutstanding = 2 * options.concurrency + WAITING;
    this.#lanes = new Lanes({
      concurrency: options.concurrency,
      laneConcurrency: options.functionConcurrency,
      waiting: WAITING,
      start: (item) => this.#start(item),
    });
  }

  start(): void {
    this.#options.queue.onWork(() => this.#wake());
    this.#wake();
  }

  /** Leases nothing more, and gives back what waits; what runs may end within this time, and is given back then. */
  async close(drainMs: number): Promise<void> {
    this.#isClosing = true;
    this.#stay();
    for (const item of this.#lanes.takeWaiting()) void this.#end(item, GIVEN_BACK);
    const deadlines = [
      setTimeout(() => this.#cancelAll(), drainMs),
      // Leases end by themselves, should the database not answer.
      setTimeout(() => this.#idle.resolve(), drainMs + LAST_WORD_MS),
    ];
    this.#settleIdle();
    await this.#idle.promise;
    for (const deadline of deadlines) clearTimeout(deadline);
    clearInterval(this.#extender);
  }

  #cancelAll(): void {
    for (const { delivery } of this.#outstanding.values()) delivery?.cancel();
  }

  #wake(): void {
    this.#isWoken = true;
    if (!this.#isPumping && !this.#isClosing) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    this.#stay();
    try {
      while (this.#isWoken && !this.#isClosing) {
        this.#isWoken = false;
        await this.#leaseAll();
      }
      if (!this.#isClosing) this.#sleepUntil(await this.#options.queue.nextDueMs(this.#lanes.without(LOT)));
    } catch (error) {
      this.#options.report(error);
      this.#sleep(this.#nextPollMs());
    } finally {
      this.#isPumping = false;
      this.#settleIdle();
      if (this.#isWoken) this.#wake();
    }
  }

  async #leaseAll(): Promise<void> {
    for (;;) {
      const limit = Math.min(LOT, this.#maxOutstanding - this.#outstanding.size);
      if (limit <= 0 || this.#isClosing) return;
      const except = this.#lanes.without(limit);
      const leasedMs = performance.now();
      const jobs = await this.#options.queue.lease({ limit, leaseMs: this.#leaseMs, except });
      for (const job of jobs) this.#take({ job, leasedMs, delivery: null, isLost: false });
      if (jobs.length > 0) this.#pollMs = FIRST_POLL_MS;
      if (jobs.length < limit) return;
    }
  }

  #take(item: Outstanding): void {
    this.#outstanding.set(item.job.lease, item);
    this.#extender ??= setInterval(() => this.#extendAll(), Math.ceil(this.#leaseMs / 6));
    if (this.#isClosing) void this.#end(item, GIVEN_BACK);
    else this.#lanes.add(laneOf(item.job), item);
  }

  #start(item: Outstanding): void {
    void this.#deliver(item);
  }

  async #deliver(item: Outstanding): Promise<void> {
    const lane = laneOf(item.job);
    let verdict: Verdict;
    try {
      item.delivery = this.#options.deliver(item.job);
      verdict = await item.delivery.verdict;
    } catch (error) {
      this.#options.report(error);
      verdict = { kind: 'unavailable', error: 'INTERNAL: The delivery failed on this node', retryAfterMs: 0 };
    }
    const hadRoom = this.#lanes.hasRoom(lane, LOT);
    this.#lanes.ended(lane);
    const wasFull = this.#outstanding.size >= this.#maxOutstanding;
    await this.#end(item, verdict);
    // Others may be due now that were passed over before: of its key, of its function, or of all.
    if (item.job.key !== null || wasFull || (!hadRoom && this.#lanes.hasRoom(lane, LOT))) this.#wake();
  }

  async #end(item: Outstanding, verdict: Verdict): Promise<void> {
    try {
      if (!item.isLost) await this.#tell(item.job, verdict);
    } catch (error) {
      // The lease ends by itself, and the job comes again.
      this.#options.report(error);
    } finally {
      this.#outstanding.delete(item.job.lease);
      if (this.#outstanding.size === 0) {
        clearInterval(this.#extender);
        this.#extender = undefined;
      }
      this.#settleIdle();
    }
  }

  async #tell(job: LeasedJob, verdict: Verdict): Promise<void> {
    const { queue, random } = this.#options;
    if (verdict.kind === 'done') return void (await queue.complete(job));
    const dueMs = retryAtMs(verdict, job, this.#nowMs(), random);
    await queue.fail(job, verdict.error, dueMs);
    if (dueMs !== null) this.#sleepUntil(dueMs);
  }

  #extendAll(): void {
    const nowMs = performance.now();
    for (const item of this.#outstanding.values()) {
      const { leasedMs, isLost, job } = item;
      if (isLost || leasedMs > nowMs - this.#leaseMs / 3) continue;
      item.leasedMs = nowMs;
      this.#options.queue.extend(job, this.#leaseMs).then(
        (isOurs) => isOurs || this.#lose(item),
        (error: unknown) => {
          item.leasedMs = leasedMs;
          this.#options.report(error);
        },
      );
    }
  }

  /** Another has the job: what still runs of it here is of no use to anybody. */
  #lose(item: Outstanding): void {
    if (!this.#outstanding.has(item.job.lease)) return;
    item.isLost = true;
    if (item.delivery !== null) item.delivery.cancel();
    else if (this.#lanes.removeWaiting(laneOf(item.job), item))
      void this.#end(item, GIVEN_BACK).then(() => this.#wake());
  }

  #sleepUntil(dueMs: number | null): void {
    if (dueMs === null) return this.#sleep(LONGEST_SLEEP_MS);
    const waitMs = dueMs - this.#nowMs();
    this.#sleep(waitMs > 0 ? Math.min(waitMs, LONGEST_SLEEP_MS) : this.#nextPollMs());
  }

  /** At the most: who sleeps for less already goes on doing so. */
  #sleep(ms: number): void {
    const wakeMs = performance.now() + ms;
    if (this.#isClosing || this.#wakeMs <= wakeMs) return;
    this.#stay();
    this.#wakeMs = wakeMs;
    this.#timer = setTimeout(() => {
      this.#wakeMs = Infinity;
      this.#wake();
    }, ms);
  }

  #stay(): void {
    clearTimeout(this.#timer);
    this.#wakeMs = Infinity;
  }

  #nextPollMs(): number {
    const pollMs = this.#pollMs;
    this.#pollMs = Math.min(LONGEST_POLL_MS, pollMs * 2);
    return pollMs;
  }

  #settleIdle(): void {
    if (this.#isClosing && !this.#isPumping && this.#outstanding.size === 0) this.#idle.resolve();
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}

const GIVEN_BACK: Verdict = { kind: 'returned', error: 'It was given back before it had begun' };

/** As the queue names functions. */
const laneOf = ({ tenant, functionName }: LeasedJob): string => `${tenant}/${functionName}`;
