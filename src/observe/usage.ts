/**
 * Usage: what each function's runs took since this process started, and in each of the last 24 hours.
 *
 * This is in memory alone, for Prometheus; what survives a restart is the ledger's. However many functions there are, no
 * more than a bound are told apart; what others take is counted for their tenant as one.
 */

import type { FaultCode } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { FunctionUsage, HourUsage, Meter, RunCounts, UsageTotals } from '../core/usage.ts';
import { addTo, firstHourMs, hourOf, NOTHING, type Counts } from './usage-totals.ts';

export { sumOf } from './usage-totals.ts';

/** Hears of everything that is counted, under the name that it is counted under. */
export interface UsageListener {
  count(tenant: string, name: string, added: UsageTotals): void;
  countFaults(tenant: string, name: string, code: FaultCode, times: number): void;
}

export interface UsageOptions {
  /** Keeps it beyond the end of this process. */
  readonly ledger?: UsageListener;
  /** Functions that are told apart. */
  readonly maxFunctions?: number;
}

export interface Usage extends Meter {
  readonly startedMs: number;
  addEgress(version: FunctionVersion, sentBytes: number, receivedBytes: number): void;
  /** A call that failed before it was handed on. */
  addFault(version: FunctionVersion, code: FaultCode): void;
  /** In the order of their first run. */
  of(tenant: string): FunctionUsage[];
  all(): FunctionUsage[];
  /** A tenant was erased. */
  forget(tenant: string): void;
}

/** Functions beyond the bound, as one; no function can have this name. */
export const OTHERS = '(others)';
const MAX_FUNCTIONS = 10_000;
const HOURS = 24;

export function createUsage({ maxFunctions = MAX_FUNCTIONS, ledger }: UsageOptions = {}): Usage {
  const tenants = new Map<string, Map<string, Account>>();
  let count = 0;

  /** A tenant's own account for the rest is made whatever the bound is: tenants are few, and the operator's doing. */
  function accountOf({ tenant, name }: FunctionVersion): Account {
    const functions = tenants.get(tenant) ?? new Map<string, Account>();
    const found = functions.get(name);
    if (found !== undefined) return found;
    const kept = count < maxFunctions ? name : OTHERS;
    const account = functions.get(kept) ?? new Account(tenant, kept, ledger ?? null);
    if (!functions.has(kept)) count++;
    tenants.set(tenant, functions.set(kept, account));
    return account;
  }

  return {
    startedMs: Date.now(),
    add: (version, counts) => accountOf(version).add(version, counts),
    addEgress: (version, sentBytes, receivedBytes) =>
      accountOf(version).count({ ...NOTHING, sentBytes, receivedBytes }),
    addFault: (version, code) => accountOf(version).countFaults(code, 1),
    of: (tenant) => [...(tenants.get(tenant)?.values() ?? [])].map((account) => account.shown()),
    forget(tenant) {
      count -= tenants.get(tenant)?.size ?? 0;
      tenants.delete(tenant);
    },
    all: () => [...tenants.values()].flatMap((functions) => [...functions.values()].map((account) => account.shown())),
  };
}

class Account {
  readonly #tenant: string;
  readonly #name: string;
  readonly #ledger: UsageListener | null;
  readonly #totals: Counts = { ...NOTHING };
  readonly #faults = new Map<FaultCode, number>();
  /** Oldest first. */
  #hours: (Counts & { readonly timeMs: number })[] = [];

  constructor(tenant: string, name: string, ledger: UsageListener | null) {
    this.#tenant = tenant;
    this.#name = name;
    this.#ledger = ledger;
  }

  add({ limits }: FunctionVersion, { invocations, coldStarts, wallMs, cpuMs, faults }: RunCounts): void {
    const mbSeconds = (wallMs / 1000) * limits.memoryMb;
    this.count({ ...NOTHING, invocations, coldStarts, wallMs, cpuMs, mbSeconds });
    for (const [code, times] of faults ?? []) this.countFaults(code, times);
  }

  countFaults(code: FaultCode, times: number): void {
    this.#faults.set(code, (this.#faults.get(code) ?? 0) + times);
    this.#ledger?.countFaults(this.#tenant, this.#name, code, times);
    this.count({ ...NOTHING, faults: times });
  }

  count(added: UsageTotals): void {
    addTo(this.#totals, added);
    addTo(this.#hour(), added);
    this.#ledger?.count(this.#tenant, this.#name, added);
  }

  shown(): FunctionUsage {
    const sinceMs = firstHourMs();
    const hours: HourUsage[] = this.#hours.filter(({ timeMs }) => timeMs >= sinceMs).map((hour) => ({ ...hour }));
    const faultsByCode = Object.fromEntries(this.#faults);
    return { tenant: this.#tenant, name: this.#name, ...this.#totals, faultsByCode, hours };
  }

  /** A clock that is set back goes on counting in the hour that it had reached. */
  #hour(): Counts {
    const timeMs = hourOf(Date.now());
    const last = this.#hours.at(-1);
    if (last !== undefined && last.timeMs >= timeMs) return last;
    const hour = { timeMs, ...NOTHING };
    this.#hours = [...this.#hours.slice(1 - HOURS), hour];
    return hour;
  }
}
