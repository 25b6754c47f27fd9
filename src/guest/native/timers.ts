/** Timers that end with the invocation that started them. */

import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import { currentCall } from './context.ts';

type Start = (callback: (...args: unknown[]) => unknown, ...rest: unknown[]) => never;

/** Puts such timers in the place of Node's. An invocation that has `maxPending` waiting gets a RangeError for the next. */
export function installTimers(maxPending: number): void {
  const mutable = timers as unknown as Record<string, unknown>;
  for (const [name, clear, repeats] of KINDS) {
    const start = tracked(timers[name] as unknown as Start, timers[clear], repeats, maxPending);
    const stop = forgetting(timers[clear] as (timer: unknown) => void);
    for (const owner of [mutable, globalThis as Record<string, unknown>]) {
      owner[name] = start;
      owner[clear] = stop;
    }
  }
  syncBuiltinESMExports();
}

const KINDS = [
  ['setTimeout', 'clearTimeout', false],
  ['setInterval', 'clearInterval', true],
  ['setImmediate', 'clearImmediate', false],
] as const;

const forgetting =
  (clear: (timer: unknown) => void) =>
  (timer: unknown): void => {
    currentCall()?.dropTimer(timer as NodeJS.Timeout);
    clear(timer);
  };

function tracked(start: Start, clear: (timer: never) => void, repeats: boolean, maxPending: number): Start {
  const startTracked = (callback: (...args: unknown[]) => unknown, ...rest: unknown[]): never => {
    const call = currentCall();
    if (call === null || call.isOver || typeof callback !== 'function') return start(callback, ...rest);
    if (call.pendingTimers >= maxPending)
      throw new RangeError(`More than ${maxPending} timers of one invocation are waiting`);
    const timer: never = start(
      (...args) => {
        if (!repeats) call.dropTimer(timer);
        return callback(...args);
      },
      ...rest,
    );
    call.addTimer(timer, clear);
    return timer;
  };
  // `util.promisify` finds its own version there.
  return Object.assign(startTracked, start);
}
