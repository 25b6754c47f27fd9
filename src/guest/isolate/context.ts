/**
 * Context: which invocation the code that runs now belongs to.
 *
 * A bare engine has no async context: after an `await`, nothing tells one invocation from another. So `await` is
 * lowered when a function is built, every continuation goes through `Promise.prototype.then`, and `then` binds its
 * callbacks to the context they were registered in. A continuation that escapes this (there is none known) finds no
 * context at all, never another's. Code that was not lowered runs one invocation at a time (`solo`).
 */

import type { GuestCall } from './call.ts';

const { apply } = Reflect;
const nativeThen = Promise.prototype.then;

let current: GuestCall | null = null;
let solo: GuestCall | null = null;
/** Shared with the executor: [0] the call that runs, [1] the last call that began. Read when the isolate is stuck. */
let progress: Int32Array = new Int32Array(2);

export const currentCall = (): GuestCall | null => current ?? solo;

export function shareProgress(shared: Int32Array): void {
  progress = shared;
}

export function markBegun(id: number): void {
  progress[1] = id;
}

export function setSolo(call: GuestCall | null): void {
  solo = call;
  progress[0] = call === null ? 0 : call.id;
}

export function runAs<T>(call: GuestCall | null, fn: () => T): T {
  const before = enter(call);
  try {
    return fn();
  } finally {
    leave(before);
  }
}

export function bindContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  const call = current;
  if (call === null) return fn;
  return function (this: unknown, ...args: A): R {
    const before = enter(call);
    try {
      return apply(fn, this, args);
    } finally {
      leave(before);
    }
  };
}

/** `then` without the user's patches, and without a context of its own. */
export const then = (
  promise: unknown,
  fulfilled: (value: unknown) => unknown,
  rejected: (reason: unknown) => unknown,
): unknown => apply(nativeThen, promise, [fulfilled, rejected]);

export function installContext(): void {
  const bound = {
    // A method, so that it has no prototype and can't be constructed, as the standard says.
    then(this: unknown, fulfilled?: unknown, rejected?: unknown): unknown {
      return apply(nativeThen, this, [bindReaction(fulfilled), bindReaction(rejected)]);
    },
  }.then;
  void Object.defineProperty(Promise.prototype, 'then', {
    value: bound,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

function bindReaction(reaction: unknown): unknown {
  const call = current;
  if (call === null || typeof reaction !== 'function') return reaction;
  return (value: unknown): unknown => {
    const before = enter(call);
    try {
      return (reaction as (value: unknown) => unknown)(value);
    } finally {
      leave(before);
    }
  };
}

function enter(call: GuestCall | null): GuestCall | null {
  const before = current;
  current = call;
  if (call !== null) progress[0] = call.id;
  return before;
}

function leave(before: GuestCall | null): void {
  current = before;
  const running = before ?? solo;
  progress[0] = running === null ? 0 : running.id;
}
