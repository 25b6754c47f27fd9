/** Timers and microtasks. The host keeps the clock; what is to be called, and for whom, is kept here. */

import { chain, host, reportException, resolved } from './engine.ts';
import { apply, dictionary, max, min, RangeError, toNumber, TypeError } from './primordials.ts';

interface Timer {
  /** Bound to the invocation that started it. */
  readonly run: () => void;
}

/** A loop that starts timers must fail here, not in the host's memory. */
let maxPending = 10_000;
const MAX_DELAY_MS = 2 ** 31 - 1;
/** Browsers slow timers that restart themselves down to this. */
const MIN_INTERVAL_MS = 4;

const pending = dictionary<Timer>();
let count = 0;
let lastId = 0;

export function setTimeout(callback: unknown, delayMs: unknown = 0, ...args: unknown[]): number {
  return start('setTimeout', callback, delayMs, args, false);
}

export function setInterval(callback: unknown, delayMs: unknown = 0, ...args: unknown[]): number {
  return start('setInterval', callback, delayMs, args, true);
}

export function clearTimer(id: unknown = 0): void {
  const key = typeof id === 'string' ? toNumber(id) : id;
  if (typeof key !== 'number' || !dropTimer(key)) return;
  host.clearTimer(key);
}

export function queueMicrotask(callback: unknown): void {
  if (typeof callback !== 'function') throw new TypeError('queueMicrotask() needs a function');
  void chain(resolved(undefined), () => report(callback, []));
}

/** A timer for something of ours. A delay too long for a timer is as long as one can be. */
export function startTimer(callback: () => void, delayMs: number): number {
  return start('setTimeout', callback, min(delayMs, MAX_DELAY_MS), [], false);
}

export function fireTimer(id: number): void {
  pending[id]?.run();
}

/** From now on no more than so many may wait; the host holds the same bound where this code can't be reached. */
export function limitTimers(most: number): void {
  maxPending = most;
}

/** Forgets a timer that the host has forgotten; returns whether there was one. */
export function dropTimer(id: number): boolean {
  if (pending[id] === undefined) return false;
  delete pending[id];
  count--;
  return true;
}

function start(name: string, callback: unknown, delayMs: unknown, args: unknown[], again: boolean): number {
  if (typeof callback !== 'function') throw new TypeError(`${name}() needs a function`);
  if (count >= maxPending)
    throw new RangeError(`There are ${maxPending} timers already (pending-timers=${maxPending})`);
  const delay = again ? max(clamped(delayMs), MIN_INTERVAL_MS) : clamped(delayMs);
  const id = ++lastId;
  const run = host.bindContext(() => {
    if (again) host.setTimer(id, delay);
    else dropTimer(id);
    report(callback, args);
  });
  count++;
  pending[id] = { run };
  host.setTimer(id, delay);
  return id;
}

/** Calls it; what it throws concerns nobody who could catch it. */
function report(callback: unknown, args: unknown[]): void {
  try {
    apply(callback, globalThis, args);
  } catch (error) {
    reportException(error);
  }
}

/** As browsers do: whole milliseconds, and whatever does not fit in 31 bits at once. */
function clamped(delayMs: unknown): number {
  const delay = toNumber(delayMs);
  return delay >= 1 && delay <= MAX_DELAY_MS ? delay - (delay % 1) : 0;
}
