/**
 * The clock that a guest may read: whole milliseconds that stand still within a turn, so that nothing it does can be
 * timed by it. The engine's bootstrap starts each turn.
 */

import { max, now } from './primordials.ts';

const originMs = now();
let turnMs = originMs;
let elapsedMs = 0;

export function newTurn(): void {
  turnMs = now();
  // The wall clock may be set back; what has passed does not.
  elapsedMs = max(elapsedMs, turnMs - originMs);
}

/** Since the epoch, as `Date.now()` has it. */
export const turnTimeMs = (): number => turnMs;
/** Since the sandbox began. */
export const elapsedTimeMs = (): number => elapsedMs;
/** When the sandbox began, since the epoch. */
export const timeOriginMs = (): number => originMs;
