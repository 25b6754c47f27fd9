/** Usage totals: the arithmetic of them. */

import type { UsageTotals } from '../core/usage.ts';

export type Counts = { -readonly [Field in keyof UsageTotals]: number };

export const NOTHING: UsageTotals = Object.freeze({
  invocations: 0,
  coldStarts: 0,
  wallMs: 0,
  cpuMs: 0,
  mbSeconds: 0,
  sentBytes: 0,
  receivedBytes: 0,
  faults: 0,
});

const FIELDS = Object.keys(NOTHING) as (keyof UsageTotals)[];
const HOUR_MS = 3_600_000;

export function addTo(counts: Counts, added: UsageTotals): void {
  for (const field of FIELDS) counts[field] += added[field];
}

/** The sum of several, for a tenant or a host. */
export function sumOf(all: readonly UsageTotals[]): UsageTotals {
  const sum: Counts = { ...NOTHING };
  for (const one of all) addTo(sum, one);
  return sum;
}

/** When the hour began. */
export const hourOf = (timeMs: number): number => timeMs - (timeMs % HOUR_MS);

/** When the first of the last 24 hours began. */
export const firstHourMs = (): number => hourOf(Date.now()) - 23 * HOUR_MS;
