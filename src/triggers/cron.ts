/** Cron: what operators see and change of functions that run at times, and the scheduler behind it. */

import type { Cron, CronFunction, CronOptions, CronQuery, CronState, CronStore } from '../core/cron.ts';
import { Fault } from '../core/faults.ts';
import type { Page } from '../core/function-record.ts';
import type { Queue } from '../core/queue.ts';
import { parseSchedule } from '../lib/schedule.ts';
import { Backlog } from './backlog.ts';
import { keyText, manualJob } from './cron-job.ts';
import { CronScheduler, newState } from './cron-scheduler.ts';
import type { CronTrigger, TriggerBook } from './trigger-book.ts';

export interface CronServiceOptions {
  readonly queue: Pick<Queue, 'add' | 'counts'>;
  readonly store: CronStore;
  readonly triggers: Pick<TriggerBook, 'crons' | 'cron' | 'onCronChange'>;
  /** `external`: ticks are fired when {@link Cron.tick} is called, and then only. */
  readonly mode: 'internal' | 'external';
  /** How often a run is tried. */
  readonly maxAttempts: number;
  /** Jobs that one tenant may have in the queue, dead letters included. */
  readonly maxJobs: number;
  isSuspended(tenant: string): boolean;
  report(error: unknown): void;
  readonly nowMs?: () => number;
}

const SHOWN_TICKS = 5;

export class CronService implements Cron {
  readonly #options: CronServiceOptions;
  readonly #scheduler: CronScheduler;
  readonly #nowMs: () => number;

  constructor(options: CronServiceOptions) {
    const { queue, maxJobs, mode, nowMs = Date.now } = options;
    const backlog = new Backlog(queue);
    this.#options = options;
    this.#nowMs = nowMs;
    this.#scheduler = new CronScheduler({
      ...options,
      hasTimer: mode === 'internal',
      isFull: async (tenant) => (await backlog.of(tenant)) >= maxJobs,
      nowMs,
    });
  }

  start(): void {
    this.#scheduler.start();
  }

  close(): Promise<void> {
    return this.#scheduler.close();
  }

  async list({ tenant, after, limit }: CronQuery): Promise<Page<CronFunction>> {
    const rest = [...this.#options.triggers.crons(tenant)]
      .filter(({ name }) => after === null || name > after)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = rest.slice(0, limit);
    const states = new Map((await this.#options.store.find(page)).map((state) => [keyText(state), state]));
    return {
      items: page.map((trigger) => this.#shown(trigger, states.get(keyText(trigger)))),
      next: rest.length > limit ? (page.at(-1)?.name ?? null) : null,
    };
  }

  async read(tenant: string, name: string): Promise<CronFunction> {
    const trigger = this.#require(tenant, name);
    const [state] = await this.#options.store.find([trigger]);
    return this.#shown(trigger, state);
  }

  async change(tenant: string, name: string, change: Partial<CronOptions>): Promise<CronFunction> {
    const trigger = this.#require(tenant, name);
    const { store } = this.#options;
    await store.create([newState(trigger, this.#nowMs())]);
    const [before] = await store.find([trigger]);
    const resumes = before?.paused === true && change.paused === false;
    await store.change(trigger, { ...change, ...(resumes ? { lastTickMs: this.#nowMs() } : {}) });
    this.#scheduler.wake(keyText(trigger));
    return this.read(tenant, name);
  }

  async runNow(tenant: string, name: string): Promise<string> {
    const trigger = this.#require(tenant, name);
    if (this.#options.isSuspended(tenant)) throw new Fault('TENANT_SUSPENDED', `The tenant ${tenant} is suspended`);
    const job = manualJob(trigger, this.#nowMs(), this.#options.maxAttempts);
    await this.#options.queue.add([job]);
    return job.id;
  }

  tick(tenant: string | null): Promise<number> {
    return this.#scheduler.fire(tenant);
  }

  #require(tenant: string, name: string): CronTrigger {
    const trigger = this.#options.triggers.cron(tenant, name);
    if (trigger !== undefined) return trigger;
    throw new Fault(
      'NOT_FOUND',
      `Tenant ${tenant} has no function ${name} that cron runs: active, live, with a trigger cron`,
    );
  }

  #shown(trigger: CronTrigger, found: CronState | undefined): CronFunction {
    const nowMs = this.#nowMs();
    const { paused, overlap, catchUp, lastTickMs, finishedMs } = found ?? newState(trigger, nowMs);
    const { timeZone, after } = parseSchedule(trigger.pattern);
    const nextMs: number[] = [];
    for (let next = paused ? null : after(Math.max(nowMs, lastTickMs)); next !== null && nextMs.length < SHOWN_TICKS;) {
      nextMs.push(next);
      next = after(next);
    }
    const { tenant, name, pattern } = trigger;
    return { tenant, name, pattern, timeZone, paused, overlap, catchUp, finishedMs, nextMs };
  }
}
