/**
 * CpuShares: whose the CPU time of an executor was. The kernel's count is exact for the executor; each version in it is
 * charged by its running time, which is an estimate wherever several share it.
 */

import type { FunctionVersion } from '../core/function.ts';
import type { Executor } from '../core/tier.ts';
import type { Replicas } from './replicas.ts';
import type { Slot } from './slot.ts';

export interface CpuUser {
  readonly executor: Executor | null;
  readonly replicas: Iterable<Replicas>;
}

/** The sandbox that has computed longest without finishing anything. */
export interface Runaway {
  readonly replicas: Replicas;
  readonly slot: Slot;
}

export class CpuShares {
  #chargedMs = 0;
  #atMs = 0;

  /** What the executor had used before any function was in it. */
  start(cpuMs: number): void {
    this.#chargedMs = cpuMs;
    this.#atMs = performance.now();
  }

  /** Charges what was used since the last charge; `ended` was busy until this moment. */
  charge({ executor, replicas }: CpuUser, nowMs: number, ended: Slot | null = null): void {
    const cpuMs = executor?.cpuMs() ?? null;
    if (cpuMs === null) return;
    const usedMs = Math.max(0, cpuMs - this.#chargedMs);
    const all = [...replicas];
    const isBusy = (slot: Slot): boolean => slot.sandbox.inFlight > 0 || slot === ended;
    let runningMs = 0;
    let busy = 0;
    for (const { meter, slots } of all) {
      meter.advance(nowMs);
      runningMs += meter.unchargedMs;
      for (const slot of slots) if (isBusy(slot)) busy++;
    }
    for (const { meter, slots } of runningMs === 0 ? [] : all) {
      meter.charge((usedMs * meter.unchargedMs) / runningMs);
      for (const slot of slots)
        if (slot === ended || (isBusy(slot) && slot.stuckSinceMs <= this.#atMs)) slot.stuckCpuMs += usedMs / busy;
    }
    this.#chargedMs = cpuMs;
    this.#atMs = nowMs;
  }
}

/** Among sandboxes over their limit, the one that began first; null: none is over it. */
export function runawayOf(
  all: Iterable<Replicas>,
  maxCpuMsOf: (version: FunctionVersion, inFlight: number) => number,
): Runaway | null {
  let longest: Runaway | null = null;
  for (const replicas of all) {
    for (const slot of replicas.slots) {
      const { inFlight } = slot.sandbox;
      if (inFlight === 0 || slot.stuckCpuMs <= maxCpuMsOf(replicas.version, inFlight)) continue;
      if (longest === null || slot.stuckSinceMs < longest.slot.stuckSinceMs) longest = { replicas, slot };
    }
  }
  return longest;
}
