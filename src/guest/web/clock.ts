/**
 * The clock that a guest may read: whole milliseconds that stand still within a turn, so that nothing it does can be
 * timed by it. The engine's bootstrap starts each turn.
 */

const { now } = Date;
let originMs = now();
let turnMs = originMs;
let elapsedMs = 0;

export function newTurn(): void {
  turnMs = now();
  // The wall clock may be set back; what has passed does not.
  if (turnMs - originMs > elapsedMs) elapsedMs = turnMs - originMs;
}

/** For an isolate that begins as a copy of another. */
export function restartClock(): void {
  originMs = now();
  elapsedMs = 0;
}

/** Since the epoch, as `Date.now()` has it. */
export const turnTimeMs = (): number => turnMs;
/** Since the isolate began. */
export const elapsedTimeMs = (): number => elapsedMs;
/** When the isolate began, since the epoch. */
export const timeOriginMs = (): number => originMs;
