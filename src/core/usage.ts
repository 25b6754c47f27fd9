/** Usage: what the runs of a tenant's functions took. */

import type { FaultCode } from './faults.ts';
import type { FunctionVersion } from './function.ts';

/** What one version's runs took since this was last said. */
export interface RunCounts {
  /** Runs that ended, well or badly. */
  readonly invocations: number;
  /** Sandboxes that were opened for them. */
  readonly coldStarts: number;
  /** The sum over its runs, also of those that have not ended. */
  readonly wallMs: number;
  /** Estimated: its executor's CPU time by the running time of each version in it. */
  readonly cpuMs: number;
  /** Null: none. */
  readonly faults: ReadonlyMap<FaultCode, number> | null;
}

export interface Meter {
  add(version: FunctionVersion, counts: RunCounts): void;
}

export interface UsageTotals {
  readonly invocations: number;
  readonly coldStarts: number;
  readonly wallMs: number;
  /** Estimated. */
  readonly cpuMs: number;
  /** The memory limit by the running time. */
  readonly mbSeconds: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly faults: number;
}

export interface HourUsage extends UsageTotals {
  /** The hour's beginning. */
  readonly timeMs: number;
}

/** What one function took in one hour. */
export interface UsageHour {
  readonly tenant: string;
  readonly name: string;
  /** The hour's beginning. */
  readonly hourMs: number;
  readonly totals: UsageTotals;
  readonly faultsByCode: Readonly<Partial<Record<FaultCode, number>>>;
}

export interface KeptUsage {
  /** The first hour that anything is kept of; null: there is nothing. */
  readonly sinceMs: number | null;
  /** In the order of their names. */
  readonly functions: readonly FunctionUsage[];
}

export interface UsageStore {
  /** Adds to what is kept of these hours; what belongs to a tenant that was erased is dropped. */
  add(hours: readonly UsageHour[]): Promise<void>;
  /** All of one tenant, and its hours from `hoursSinceMs` on. */
  read(tenant: string, hoursSinceMs: number): Promise<KeptUsage>;
  /** How many hours of functions went. */
  prune(beforeMs: number): Promise<number>;
}

export interface FunctionUsage extends UsageTotals {
  readonly tenant: string;
  readonly name: string;
  readonly faultsByCode: Readonly<Partial<Record<FaultCode, number>>>;
  /** The last 24, oldest first, less those in which nothing ran. */
  readonly hours: readonly HourUsage[];
}
