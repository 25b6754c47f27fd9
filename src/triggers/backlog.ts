/** Backlog: how many jobs a tenant has in the queue, asked for so seldom that publishing doesn't wait for it. */

import type { Queue } from '../core/queue.ts';

interface Known {
  jobs: number;
  readonly readMs: number;
}

const FRESH_MS = 2_000;
const MAX_KNOWN = 10_000;

export class Backlog {
  readonly #queue: Pick<Queue, 'counts'>;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, Known>();
  readonly #reading = new Map<string, Promise<Known>>();

  /** `nowMs` never goes back. */
  constructor(queue: Pick<Queue, 'counts'>, nowMs: () => number = () => performance.now()) {
    this.#queue = queue;
    this.#nowMs = nowMs;
  }

  /** What was there up to two seconds ago, and what was added here since. */
  async of(tenant: string): Promise<number> {
    const known = this.#known.get(tenant);
    if (known !== undefined && this.#nowMs() - known.readMs < FRESH_MS) return known.jobs;
    return (await this.#read(tenant)).jobs;
  }

  added(tenant: string, jobs: number): void {
    const known = this.#known.get(tenant);
    if (known !== undefined) known.jobs += jobs;
  }

  #read(tenant: string): Promise<Known> {
    const running = this.#reading.get(tenant);
    if (running !== undefined) return running;
    const reading = this.#count(tenant).finally(() => this.#reading.delete(tenant));
    this.#reading.set(tenant, reading);
    return reading;
  }

  async #count(tenant: string): Promise<Known> {
    const { waiting, running, dead } = await this.#queue.counts(tenant);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const known = { jobs: waiting + running + dead, readMs: this.#nowMs() };
    this.#known.set(tenant, known);
    return known;
  }
}
