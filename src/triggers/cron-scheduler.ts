/**
 * Cron scheduler: turns times into jobs. Every node does this for every function: a tick's job has one id wherever it is
 * made, and what was fired last is kept beside, so that a tick is queued once however many nodes see it come, and not again
 * when a clock is set back.
 *
 * There is one timer, for the earliest tick of all. It is set anew every minute at least, because a clock may be set.
 */

import { CRON_DEFAULTS, type CronState, type CronStore } from '../core/cron.ts';
import type { Queue } from '../core/queue.ts';
import { parseSchedule, type Schedule } from '../lib/schedule.ts';
import { addAll } from './add-all.ts';
import { keyText, tickJob } from './cron-job.ts';
import { dueTicks } from './due-ticks.ts';
import type { CronTrigger } from './trigger-book.ts';

export interface CronSchedulerOptions {
  readonly queue: Pick<Queue, 'add'>;
  readonly store: CronStore;
  readonly triggers: { crons(tenant: string | null): Iterable<CronTrigger>; onCronChange(listener: () => void): void };
  /** False: only {@link CronScheduler.fire} fires. */
  readonly hasTimer: boolean;
  readonly maxAttempts: number;
  /** Whether the tenant can't have more jobs now. */
  isFull(tenant: string): Promise<boolean>;
  isSuspended(tenant: string): boolean;
  report(error: unknown): void;
  readonly nowMs: () => number;
}

interface Entry {
  readonly trigger: CronTrigger;
  readonly schedule: Schedule;
  /** When it is looked at again; 0: at once. */
  nextMs: number;
}

/** Ticks of one function that came due. */
interface Due {
  readonly entry: Entry;
  /** With the last of them. */
  readonly state: CronState;
  readonly fired: readonly number[];
}

/** A function that is paused, perhaps no longer: another node may have been told. */
const LOOK_AGAIN_MS = 60_000;
const LONGEST_SLEEP_MS = 60_000;
const AFTER_FAILURE_MS = 5_000;
/** Functions whose state is read, and whose ticks are queued, at once. */
const LOT = 200;

export class CronScheduler {
  readonly #options: CronSchedulerOptions;
  /** By {@link keyText}. */
  readonly #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #isStale = false;
  #round: Promise<void> | null = null;

  constructor(options: CronSchedulerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.triggers.onCronChange(() => this.wake());
    this.wake();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** What runs at times has changed, or (by its {@link keyText}) what is kept of one. */
  wake(key?: string): void {
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (entry !== undefined) entry.nextMs = 0;
    this.#isStale = true;
    if (!this.#isClosed) this.#round ??= this.#rounds();
  }

  /** Fires what is due now, of a tenant or of all, whatever a timer would do; how many ticks nobody else had queued. */
  async fire(tenant: string | null): Promise<number> {
    this.#follow();
    const entries = this.#entries.values().filter(({ trigger }) => tenant === null || trigger.tenant === tenant);
    return this.#look([...entries], true);
  }

  async #rounds(): Promise<void> {
    clearTimeout(this.#timer);
    let sleepMs = LONGEST_SLEEP_MS;
    try {
      while (this.#isStale && !this.#isClosed) {
        this.#isStale = false;
        this.#follow();
        const nowMs = this.#options.nowMs();
        await this.#look([...this.#entries.values().filter((entry) => entry.nextMs <= nowMs)], this.#options.hasTimer);
      }
      sleepMs = this.#sleepMs();
    } catch (error) {
      this.#options.report(error);
      sleepMs = AFTER_FAILURE_MS;
    }
    this.#round = null;
    if (this.#isClosed) return;
    if (this.#isStale) this.wake();
    else this.#timer = setTimeout(() => this.wake(), sleepMs);
  }

  #sleepMs(): number {
    let nextMs = Infinity;
    for (const entry of this.#entries.values()) if (entry.nextMs < nextMs) nextMs = entry.nextMs;
    return Math.min(LONGEST_SLEEP_MS, Math.max(0, nextMs - this.#options.nowMs()));
  }

  /** The entries become those of the functions that there are. */
  #follow(): void {
    const gone = new Set(this.#entries.keys());
    for (const trigger of this.#options.triggers.crons(null)) {
      const key = keyText(trigger);
      gone.delete(key);
      if (this.#entries.get(key)?.trigger !== trigger) this.#enter(key, trigger);
    }
    for (const key of gone) this.#entries.delete(key);
  }

  #enter(key: string, trigger: CronTrigger): void {
    try {
      this.#entries.set(key, { trigger, schedule: parseSchedule(trigger.pattern), nextMs: 0 });
    } catch (error) {
      this.#entries.delete(key);
      this.#options.report(
        new Error(`${key} never runs: its pattern ${trigger.pattern} is not valid`, { cause: error }),
      );
    }
  }

  async #look(entries: readonly Entry[], fires: boolean): Promise<number> {
    let fired = 0;
    for (let i = 0; i < entries.length; i += LOT) fired += await this.#lookAtLot(entries.slice(i, i + LOT), fires);
    return fired;
  }

  async #lookAtLot(entries: readonly Entry[], fires: boolean): Promise<number> {
    const nowMs = this.#options.nowMs();
    const states = await this.#statesOf(entries, nowMs);
    const due: Due[] = [];
    for (const entry of entries) {
      const state = states.get(keyText(entry.trigger)) as CronState;
      if (!fires || (await this.#isHeld(state))) {
        entry.nextMs = nowMs + LOOK_AGAIN_MS;
        continue;
      }
      const { fired, lastTickMs } = dueTicks(entry.schedule, state, nowMs);
      entry.nextMs = entry.schedule.after(lastTickMs ?? Math.max(state.lastTickMs, nowMs)) ?? Infinity;
      if (lastTickMs !== null) due.push({ entry, state: { ...state, lastTickMs }, fired });
    }
    return this.#fireAll(due);
  }

  /** Each tenant's for itself, so that what goes wrong for one is nothing to the others. */
  async #fireAll(due: readonly Due[]): Promise<number> {
    const tenants = Map.groupBy(due, ({ state }) => state.tenant);
    const results = await Promise.allSettled(tenants.values().map((own) => this.#fireOf(own)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
    return results.reduce((sum, result) => sum + (result.status === 'fulfilled' ? result.value : 0), 0);
  }

  async #fireOf(due: readonly Due[]): Promise<number> {
    const { queue, store, maxAttempts } = this.#options;
    try {
      const jobs = due.flatMap(({ state, fired }) => fired.map((tickMs) => tickJob(state, tickMs, maxAttempts)));
      const added = await addAll(queue, jobs);
      // Only then: of a tick that was not queued nothing may say that it was.
      await store.advance(due.map(({ state }) => state));
      return added;
    } catch (error) {
      const againMs = this.#options.nowMs() + AFTER_FAILURE_MS;
      for (const { entry } of due) entry.nextMs = againMs;
      throw error;
    }
  }

  async #isHeld({ tenant, paused }: CronState): Promise<boolean> {
    return paused || this.#options.isSuspended(tenant) || (await this.#options.isFull(tenant));
  }

  /** A function that is seen for the first time, or with another pattern, begins now. */
  async #statesOf(entries: readonly Entry[], nowMs: number): Promise<Map<string, CronState>> {
    const { store } = this.#options;
    const found = new Map((await store.find(entries.map(({ trigger }) => trigger))).map((one) => [keyText(one), one]));
    const created: CronState[] = [];
    for (const { trigger } of entries) {
      const key = keyText(trigger);
      const state = found.get(key);
      const { pattern } = trigger;
      if (state?.pattern === pattern) continue;
      const begun = { ...(state ?? newState(trigger)), pattern, lastTickMs: nowMs };
      found.set(key, begun);
      if (state === undefined) created.push(begun);
      else await store.change(trigger, { pattern, lastTickMs: nowMs });
    }
    if (created.length > 0) await store.create(created);
    return found;
  }
}

/** Before its first tick; `lastTickMs` is its maker's to say. */
export function newState({ tenant, name, pattern }: CronTrigger, lastTickMs = 0): CronState {
  return { ...CRON_DEFAULTS, tenant, name, pattern, lastTickMs, finishedMs: null };
}
