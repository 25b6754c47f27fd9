/** Slot: one sandbox as its replicas see it. */

import type { Sandbox } from '../core/tier.ts';

export interface Slot {
  readonly sandbox: Sandbox;
  /** Nothing was called in it yet. */
  isFresh: boolean;
  /** It takes no more calls, and is closed when the last one ends. */
  retired: boolean;
  /** What went wrong in it has been held against its version. */
  isStruck: boolean;
  /** performance.now() of when it last began to be busy, or finished a call. */
  stuckSinceMs: number;
  /** CPU time since then; estimated where the executor runs others as well. */
  stuckCpuMs: number;
}

export function newSlot(sandbox: Sandbox): Slot {
  return { sandbox, isFresh: true, retired: false, isStruck: false, stuckSinceMs: 0, stuckCpuMs: 0 };
}

/** The one that was idle longest; null where none is idle. */
export function longestIdle(slots: readonly Slot[]): Slot | null {
  let longest: Slot | null = null;
  for (const slot of slots) {
    if (slot.sandbox.inFlight > 0) continue;
    if (longest === null || slot.sandbox.idleSinceMs < longest.sandbox.idleSinceMs) longest = slot;
  }
  return longest;
}
