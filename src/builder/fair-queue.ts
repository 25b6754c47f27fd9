/** FairQueue: bounded concurrency, with a turn for each owner, so that one who asks for much delays mainly itself. */

import { Fault } from '../core/faults.ts';

export interface FairQueueOptions {
  readonly concurrency: number;
  /** Tasks of one owner that may wait. */
  readonly maxWaiting: number;
}

interface Waiter {
  start(): void;
  refuse(fault: Fault): void;
}

export class FairQueue {
  readonly #options: FairQueueOptions;
  /** In the order of their turns. */
  readonly #owners = new Map<string, Waiter[]>();
  #running = 0;
  #closed: Fault | null = null;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  get idle(): boolean {
    return this.#running === 0;
  }

  /** Rejects with OVERLOADED when too many of this owner's tasks wait already. */
  async run<T>(owner: string, task: () => Promise<T>): Promise<T> {
    await this.#turn(owner);
    try {
      return await task();
    } finally {
      this.#running--;
      this.#next();
    }
  }

  /** Refuses what waits and what comes. */
  close(fault: Fault): void {
    this.#closed = fault;
    for (const waiters of this.#owners.values()) for (const waiter of waiters) waiter.refuse(fault);
    this.#owners.clear();
  }

  #turn(owner: string): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#running < this.#options.concurrency) {
      this.#running++;
      return Promise.resolve();
    }
    const waiters = this.#owners.get(owner) ?? [];
    if (waiters.length >= this.#options.maxWaiting)
      return Promise.reject(new Fault('OVERLOADED', 'Too many builds are waiting; try again later'));
    return new Promise((resolve, reject) => {
      waiters.push({ start: resolve, refuse: reject });
      this.#owners.set(owner, waiters);
    });
  }

  /** The owner whose turn it was goes to the end. */
  #next(): void {
    const [first] = this.#owners;
    if (first === undefined) return;
    const [owner, waiters] = first;
    const waiter = waiters.shift()!;
    this.#owners.delete(owner);
    if (waiters.length > 0) this.#owners.set(owner, waiters);
    this.#running++;
    waiter.start();
  }
}
