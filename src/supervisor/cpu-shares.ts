/**
 * CpuShares: whose the CPU time of an executor was. The kernel's count is exact for the executor; each version in it is
 * charged by its running time, which is an estimate wherever several share it.
 */

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

  /** Charges what was used since the last charge. */
  charge({ executor, replicas }: CpuUser, nowMs: number): void {
    const cpuMs = executor?.cpuMs() ?? null;
    if (cpuMs === null) return;
    const usedMs = Math.max(0, cpuMs - this.#chargedMs);
    const all = [...replicas];
    let runningMs = 0;
    let busy = 0;
    for (const { meter, slots } of all) {
      meter.advance(nowMs);
      runningMs += meter.unchargedMs;
      for (const { sandbox } of slots) if (sandbox.inFlight > 0) busy++;
    }
    for (const { meter, slots } of runningMs === 0 ? [] : all) {
      meter.charge((usedMs * meter.unchargedMs) / runningMs);
      for (const slot of slots)
        if (slot.sandbox.inFlight > 0 && slot.stuckSinceMs <= this.#atMs) slot.stuckCpuMs += usedMs / busy;
    }
    this.#chargedMs = cpuMs;
    this.#atMs = nowMs;
  }
}

/** Among sandboxes over the limit, the one that began first; null: none is over it. */
export function runawayOf(all: Iterable<Replicas>, maxCpuMs: number): Runaway | null {
  let longest: Runaway | null = null;
  for (const replicas of all) {
    for (const slot of replicas.slots) {
      if (slot.sandbox.inFlight === 0 || slot.stuckCpuMs <= maxCpuMs) continue;
      if (longest === null || slot.stuckSinceMs < longest.slot.stuckSinceMs) longest = { replicas, slot };
    }
  }
  return longest;
}
