/**
 * UsageLedger: usage that survives a restart. What functions took is gathered by the hour, added to storage every few
 * seconds, and read from there together with what waits. A process that is killed loses no more than those seconds.
 */

import type { FaultCode } from '../core/faults.ts';
import type { FunctionUsage, HourUsage, UsageHour, UsageStore, UsageTotals } from '../core/usage.ts';
import { addTo, firstHourMs, hourOf, NOTHING, type Counts } from './usage-totals.ts';

export interface UsageLedgerOptions {
  readonly store: UsageStore;
  readonly retentionDays: number;
  report(error: unknown): void;
}

export interface TenantUsage {
  /** Since when there are numbers. */
  readonly sinceMs: number;
  /** In the order of their names. */
  readonly functions: readonly FunctionUsage[];
}

const FLUSH_MS = 15_000;
const PRUNE_EVERY = 240;
const DAY_MS = 86_400_000;
/** Should storage be away for long: hours of functions that may wait for it. */
const MAX_WAITING = 50_000;

interface Waiting {
  readonly tenant: string;
  readonly name: string;
  readonly hourMs: number;
  readonly totals: Counts;
  readonly faults: Map<FaultCode, number>;
}

export class UsageLedger {
  readonly #options: UsageLedgerOptions;
  readonly #timer: NodeJS.Timeout;
  #waiting = new Map<string, Waiting>();
  #lost = false;
  #flushes = 0;
  /** One thing at a time, so that what is under way to storage is counted neither twice nor not at all. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: UsageLedgerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#upkeep(), FLUSH_MS);
    this.#timer.unref();
  }

  count(tenant: string, name: string, added: UsageTotals): void {
    const waiting = this.#waitingOf(tenant, name);
    if (waiting !== null) addTo(waiting.totals, added);
  }

  countFaults(tenant: string, name: string, code: FaultCode, times: number): void {
    const waiting = this.#waitingOf(tenant, name);
    if (waiting !== null) waiting.faults.set(code, (waiting.faults.get(code) ?? 0) + times);
  }

  /** Rejects when storage does; what was to be kept waits on. */
  flush(): Promise<void> {
    return this.#next(async () => {
      const taken = this.#waiting;
      this.#waiting = new Map();
      this.#lost = false;
      try {
        if (taken.size > 0) await this.#options.store.add([...taken.values()].map(hourOfWaiting));
      } catch (error) {
        for (const [key, waiting] of taken) this.#giveBack(key, waiting);
        throw error;
      }
    });
  }

  read(tenant: string): Promise<TenantUsage> {
    return this.#next(async () => {
      const sinceMs = firstHourMs();
      const kept = await this.#options.store.read(tenant, sinceMs);
      const functions = new Map(kept.functions.map((one) => [one.name, one]));
      let firstMs = kept.sinceMs ?? hourOf(Date.now());
      for (const waiting of this.#waiting.values()) {
        if (waiting.tenant !== tenant) continue;
        functions.set(waiting.name, withWaiting(functions.get(waiting.name) ?? null, waiting, sinceMs));
        firstMs = Math.min(firstMs, waiting.hourMs);
      }
      return { sinceMs: firstMs, functions: [...functions.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
    });
  }

  /** A tenant was erased. */
  forget(tenant: string): void {
    for (const [key, waiting] of this.#waiting) if (waiting.tenant === tenant) this.#waiting.delete(key);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush().catch((error: unknown) => this.#options.report(error));
  }

  async #upkeep(): Promise<void> {
    const { store, retentionDays, report } = this.#options;
    try {
      await this.flush();
      if (this.#flushes++ % PRUNE_EVERY === 0) await store.prune(Date.now() - retentionDays * DAY_MS);
    } catch (error) {
      report(error);
    }
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Null: too much waits already. */
  #waitingOf(tenant: string, name: string): Waiting | null {
    const hourMs = hourOf(Date.now());
    const key = `${tenant}/${name} ${hourMs}`;
    const known = this.#waiting.get(key);
    if (known !== undefined) return known;
    if (this.#waiting.size >= MAX_WAITING) {
      if (!this.#lost) this.#options.report(`usage: more than ${MAX_WAITING} hours wait for storage; more is not kept`);
      this.#lost = true;
      return null;
    }
    const made = { tenant, name, hourMs, totals: { ...NOTHING }, faults: new Map<FaultCode, number>() };
    this.#waiting.set(key, made);
    return made;
  }

  #giveBack(key: string, waiting: Waiting): void {
    const newer = this.#waiting.get(key);
    if (newer !== undefined) {
      addTo(waiting.totals, newer.totals);
      for (const [code, times] of newer.faults) waiting.faults.set(code, (waiting.faults.get(code) ?? 0) + times);
    }
    this.#waiting.set(key, waiting);
  }
}

const hourOfWaiting = ({ tenant, name, hourMs, totals, faults }: Waiting): UsageHour => ({
  tenant,
  name,
  hourMs,
  totals: { ...totals },
  faultsByCode: Object.fromEntries(faults),
});

function withWaiting(kept: FunctionUsage | null, waiting: Waiting, sinceMs: number): FunctionUsage {
  const { tenant, name, hourMs, totals, faults } = waiting;
  const sum: Counts = { ...(kept ?? NOTHING) };
  addTo(sum, totals);
  const faultsByCode: Partial<Record<FaultCode, number>> = { ...kept?.faultsByCode };
  for (const [code, times] of faults) faultsByCode[code] = (faultsByCode[code] ?? 0) + times;
  const hours = hourMs < sinceMs ? (kept?.hours ?? []) : withHour(kept?.hours ?? [], hourMs, totals);
  return { ...sum, tenant, name, faultsByCode, hours };
}

function withHour(hours: readonly HourUsage[], timeMs: number, totals: UsageTotals): HourUsage[] {
  const sum: Counts = { ...NOTHING };
  for (const hour of hours) if (hour.timeMs === timeMs) addTo(sum, hour);
  addTo(sum, totals);
  return [...hours.filter((hour) => hour.timeMs !== timeMs), { timeMs, ...sum }].sort((a, b) => a.timeMs - b.timeMs);
}
