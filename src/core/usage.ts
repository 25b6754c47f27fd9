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

export interface FunctionUsage extends UsageTotals {
  readonly tenant: string;
  readonly name: string;
  readonly faultsByCode: Readonly<Partial<Record<FaultCode, number>>>;
  /** The last 24, oldest first, less those in which nothing ran. */
  readonly hours: readonly HourUsage[];
}
