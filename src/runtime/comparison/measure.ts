/** Measure: what one workload takes in one tier, seen from inside the host: no HTTP is in these figures. */

import type { TierName } from '../../core/tier.ts';
import type { Workload } from './workload.ts';

export interface Measured {
  /** From a call to its answer, in a sandbox that is made for it; the median of several. */
  readonly coldMs: number;
  /** One call at a time. */
  readonly warmP50Ms: number;
  readonly warmP99Ms: number;
  /** With {@link IN_FLIGHT} calls under way. */
  readonly callsPerSecond: number;
  /** What each further function adds to the executors' memory; null where the host can't see it. */
  readonly functionMb: number | null;
}

export interface Bench {
  deploy(tier: TierName, name: string, workload: Workload): Promise<void>;
  /** `fresh`: in a sandbox made for this call. Rejects where the function gave no answer of status 200. */
  call(name: string, fresh: boolean): Promise<void>;
  remove(name: string): Promise<void>;
  /** Resident memory of all executors that serve; null where there is none to be read. */
  memoryMb(): number | null;
}

export interface Effort {
  readonly coldCalls: number;
  /** Functions that are loaded side by side. */
  readonly functions: number;
  readonly warmCalls: number;
  readonly loadMs: number;
}

export const FULL_EFFORT: Effort = { coldCalls: 9, functions: 9, warmCalls: 300, loadMs: 1_500 };
/** No phase of calls lasts longer: a tier may be slow. */
const MAX_PHASE_MS = 4_000;
const IN_FLIGHT = 16;

export async function measure(bench: Bench, tier: TierName, workload: Workload, effort: Effort): Promise<Measured> {
  const names = Array.from({ length: effort.functions }, (_, i) => `tier-${tier}-${i}`);
  try {
    const [first = '', ...others] = names;
    await load(bench, tier, [first], workload);
    const cold = await oneByOne(() => bench.call(first, true), effort.coldCalls);
    const before = bench.memoryMb();
    await load(bench, tier, others, workload);
    const after = bench.memoryMb();
    const warm = await oneByOne(() => bench.call(first, false), effort.warmCalls);
    return {
      coldMs: quantile(cold, 0.5),
      warmP50Ms: quantile(warm, 0.5),
      warmP99Ms: quantile(warm, 0.99),
      callsPerSecond: await underLoad(() => bench.call(first, false), effort.loadMs),
      functionMb: before === null || after === null ? null : Math.max(0, (after - before) / others.length),
    };
  } finally {
    for (const name of names) await bench.remove(name).catch(() => undefined);
  }
}

async function load(bench: Bench, tier: TierName, names: readonly string[], workload: Workload): Promise<void> {
  for (const name of names) {
    await bench.deploy(tier, name, workload);
    await bench.call(name, false);
  }
}

async function oneByOne(call: () => Promise<void>, count: number): Promise<number[]> {
  const endMs = performance.now() + MAX_PHASE_MS;
  const times: number[] = [];
  while (times.length < count && performance.now() < endMs) times.push(await timed(call));
  return times;
}

async function underLoad(call: () => Promise<void>, durationMs: number): Promise<number> {
  const startMs = performance.now();
  let calls = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - startMs < durationMs) {
      await call();
      calls++;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  return (calls / (performance.now() - startMs)) * 1000;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
