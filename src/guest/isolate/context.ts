/**
 * Context: which invocation the code that runs now belongs to.
 *
 * A bare engine has no async context: after an `await`, nothing tells one invocation from another. So `await` is
 * lowered when a function is built, every continuation goes through `Promise.prototype.then`, and `then` binds its
 * callbacks to the context they were registered in (context-promise.ts). Where a promise is resolved with something that has a `then` of its
 * own, that is called in the context too. A continuation that escapes this (there is none known) finds no context at all,
 * never another's. Code that was not lowered runs one invocation at a time (`solo`).
 */

import type { GuestCall } from './call.ts';

const { apply } = Reflect;

/** An invocation, with what `AsyncLocalStorage` keeps for a part of it: carried along, and not looked into. */
class StoredContext {
  /** Null before and between invocations. */
  readonly call: GuestCall | null;
  readonly id: number;
  readonly stores: unknown;

  constructor(call: GuestCall | null, stores: unknown) {
    this.call = call;
    this.id = call === null ? 0 : call.id;
    this.stores = stores;
  }
}

export type Context = GuestCall | StoredContext;

/** Assigned by {@link enter}, {@link leave} and {@link setStores} alone. */
export let current: Context | null = null;
let solo: GuestCall | null = null;
/** Shared with the executor: [0] the call that runs, [1] the last call that began. Read when the isolate is stuck. */
let progress: Int32Array = new Int32Array(2);

export const callOf = (context: Context | null): GuestCall | null =>
  context instanceof StoredContext ? context.call : context;

export const currentCall = (): GuestCall | null => callOf(current) ?? solo;

export const getStores = (): unknown => (current instanceof StoredContext ? current.stores : null);

/** For the code that runs now, until it returns to the engine, and for what it starts. */
export function setStores(stores: unknown): void {
  const call = callOf(current);
  current = stores === null ? call : new StoredContext(call, stores);
}

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
  const context = current;
  if (context === null) return fn;
  return function (this: unknown, ...args: A): R {
    const before = enter(context);
    try {
      return apply(fn, this, args);
    } finally {
      leave(before);
    }
  };
}

export function enter(context: Context | null): Context | null {
  const before = current;
  current = context;
  if (context !== null) progress[0] = context.id;
  return before;
}

export function leave(before: Context | null): void {
  current = before;
  const running = before ?? solo;
  progress[0] = running === null ? 0 : running.id;
}
