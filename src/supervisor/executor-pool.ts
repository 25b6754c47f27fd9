/**
 * Executors that are booted, walled and bound to nobody, so that a new cordon costs an assignment and not a process
 * start. An executor that was taken serves one cordon for the rest of its life; it never comes back here. Those that can
 * be paused get no CPU while they wait.
 */

import { Fault } from '../core/faults.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Executor, Tier } from '../core/tier.ts';

/** A tenant that is made up for the purpose must not be able to drain the pool for the others. */
const TAKES_A_SECOND = 20;
const TAKES_A_SECOND_EACH = 5;
/** Where each sandbox takes one, a project of some functions that is deployed takes as many at once. */
const SANDBOXES_FOR_ONE = 4;
/** Processes that boot at the same time only make each other slow. */
const MAX_STARTING = 2;
const RETRY_MS = 1_000;
const CLOSING = 'Cordon is shutting down';

export class ExecutorPool {
  readonly tier: Tier;
  readonly #runtime: Runtime;
  readonly #size: number;
  readonly #report: (line: string) => void;
  readonly #ready: Executor[] = [];
  /** Of those that are ready; settles once it has been paused, or could not be. */
  readonly #paused = new Map<Executor, Promise<void>>();
  readonly #resuming = new Set<Promise<unknown>>();
  readonly #waiting: ((taken: Executor | Fault) => void)[] = [];
  readonly #takes = new Map<string, number>();
  #takesInSecond = 0;
  #second = 0;
  readonly #starts = new Set<Promise<void>>();
  /** An executor has just failed to start: the next attempt waits a little. */
  #resting = false;
  #failuresInARow = 0;
  #lastReason: string | null = null;
  #saidPause = false;
  #closed = false;
  #filled: (() => void)[] = [];

  constructor(tier: Tier, runtime: Runtime, size: number, report: (line: string) => void) {
    this.tier = tier;
    this.#runtime = runtime;
    this.#size = size;
    this.#report = report;
  }

  /** Executors that could be taken at once. */
  get ready(): number {
    return this.#ready.length;
  }

  /** Resolves when the pool is full, or when an executor could not be started. */
  fill(): Promise<void> {
    return new Promise((resolve) => {
      this.#filled.push(resolve);
      this.#refill();
    });
  }

  /** A booted executor; at once where one is ready. Throws or rejects with OVERLOADED. */
  take(tenant: string): Executor | Promise<Executor> {
    this.#count(tenant);
    const ready = this.#takeReady();
    // Starting another process would compete with the request that is being served right now.
    setTimeout(() => this.#refill(), 50).unref();
    if (ready === undefined) return this.#next();
    const pausing = this.#paused.get(ready);
    this.#paused.delete(ready);
    return pausing === undefined ? ready : this.#resume(ready, pausing);
  }

  #resume(executor: Executor, pausing: Promise<void>): Promise<Executor> {
    const resumed = pausing.then(() => this.#resumed(executor));
    const over = resumed.then(
      () => undefined,
      () => undefined,
    );
    this.#resuming.add(over);
    void over.then(() => this.#resuming.delete(over));
    return resumed;
  }

  /** One that is dead may not have been noticed yet; whoever took it would be blamed for its end. */
  #takeReady(): Executor | undefined {
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      if (next.usage() !== null) return next;
      this.#paused.delete(next);
    }
    return undefined;
  }

  /** The next one that has started. */
  #next(): Promise<Executor> {
    const { promise, resolve, reject } = Promise.withResolvers<Executor>();
    this.#waiting.push((taken) => (taken instanceof Fault ? reject(taken) : resolve(taken)));
    this.#refill();
    return promise;
  }

  /** One that does not come back to life is of no use; whoever took it gets another. */
  async #resumed(executor: Executor): Promise<Executor> {
    try {
      await executor.resume?.();
      if (executor.usage() !== null && !this.#closed) return executor;
    } catch (error) {
      this.#tell(`one did not resume: ${textOf(error)}`);
    }
    await executor.kill(this.#closed ? CLOSING : 'it did not resume');
    if (this.#closed) throw new Fault('SHUTTING_DOWN', CLOSING);
    return this.#next();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const answer of this.#waiting.splice(0)) answer(new Fault('SHUTTING_DOWN', CLOSING));
    for (const filled of this.#filled.splice(0)) filled();
    await Promise.all([
      ...this.#starts,
      ...this.#resuming,
      ...this.#ready.splice(0).map((executor) => executor.kill(CLOSING)),
    ]);
  }

  #refill(): void {
    while (
      !this.#closed &&
      this.#starts.size < MAX_STARTING &&
      this.#ready.length + this.#starts.size < this.#size + this.#waiting.length
    ) {
      const start: Promise<void> = this.#startOne().finally(() => {
        this.#starts.delete(start);
        if (!this.#resting) this.#refill();
      });
      this.#starts.add(start);
    }
    if (this.#ready.length < this.#size) return;
    for (const filled of this.#filled.splice(0)) filled();
  }

  async #startOne(): Promise<void> {
    try {
      const executor = await this.tier.spawn(this.#runtime);
      this.#failuresInARow = 0;
      this.#lastReason = null;
      if (this.#closed) await executor.kill(CLOSING);
      else this.#offer(executor);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Once is an accident, and is tried again at once. Nobody waits for more than that. */
  #failed(error: unknown): void {
    this.#tell(`an executor could not be started: ${textOf(error)}`);
    const unavailable = error instanceof Fault && error.code === 'TIER_UNAVAILABLE';
    if (++this.#failuresInARow < 2 && !unavailable) return;
    for (const answer of this.#waiting.splice(0))
      answer(unavailable ? error : new Fault('OVERLOADED', 'No executor could be started'));
    for (const filled of this.#filled.splice(0)) filled();
    if (this.#resting) return;
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      this.#refill();
    }, RETRY_MS).unref();
  }

  /** Once: it may be tried again every second for hours. */
  #tell(reason: string): void {
    if (reason !== this.#lastReason) this.#report(`${this.tier.name}: ${reason}`);
    this.#lastReason = reason;
  }

  #offer(executor: Executor): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting(executor);
    this.#ready.push(executor);
    // One that dies while it waits is replaced; whoever takes it later listens for itself.
    executor.listen({
      onExit: () => this.#drop(executor),
      onBroken: (reason) => {
        this.#drop(executor);
        void executor.kill(reason);
      },
      onOverrun: () => undefined,
      onLog: () => undefined,
    });
    this.#pause(executor);
  }

  /** Nobody sends it a heartbeat here, so nobody misses one; that it died is told by the host. */
  #pause(executor: Executor): void {
    if (executor.pause === undefined || !this.#ready.includes(executor)) return;
    const paused = executor.pause().catch((error: unknown) => {
      // It waits as it is, and costs what it costs.
      if (!this.#saidPause) this.#report(`${this.tier.name}: one could not be paused: ${textOf(error)}`);
      this.#saidPause = true;
    });
    this.#paused.set(executor, paused);
  }

  #drop(executor: Executor): void {
    const at = this.#ready.indexOf(executor);
    if (at >= 0) this.#ready.splice(at, 1);
    this.#paused.delete(executor);
    this.#refill();
  }

  #count(tenant: string): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#takesInSecond = 0;
      this.#takes.clear();
    }
    const takes = (this.#takes.get(tenant) ?? 0) + 1;
    const factor = this.tier.traits.executorPerSandbox === true ? SANDBOXES_FOR_ONE : 1;
    if (this.#takesInSecond >= TAKES_A_SECOND * factor || takes > TAKES_A_SECOND_EACH * factor) {
      throw new Fault('OVERLOADED', 'Too many executors were started in this second', {
        retryAfterSeconds: 1,
        limit: `executors-a-second=${TAKES_A_SECOND_EACH * factor}`,
      });
    }
    this.#takesInSecond++;
    this.#takes.set(tenant, takes);
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
