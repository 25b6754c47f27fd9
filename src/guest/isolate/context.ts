/**
 * Context: which invocation the code that runs now belongs to.
 *
 * A bare engine has no async context: after an `await`, nothing tells one invocation from another. So `await` is
 * lowered when a function is built, every continuation goes through `Promise.prototype.then`, and `then` binds its
 * callbacks to the context they were registered in. Where a promise is resolved with something that has a `then` of its
 * own, that is called in the context too. A continuation that escapes this (there is none known) finds no context at all,
 * never another's. Code that was not lowered runs one invocation at a time (`solo`).
 */

import type { GuestCall } from './call.ts';

const { apply, construct, getPrototypeOf, ownKeys } = Reflect;
const { defineProperty, getOwnPropertyDescriptor } = Object;
const NativePromise = Promise;
const nativeThen = Promise.prototype.then;
const nativeResolve = Promise.resolve as (value: unknown) => unknown;
const promisePrototype: object = Promise.prototype;

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

type Context = GuestCall | StoredContext;

let current: Context | null = null;
let solo: GuestCall | null = null;
/** Shared with the executor: [0] the call that runs, [1] the last call that began. Read when the isolate is stuck. */
let progress: Int32Array = new Int32Array(2);

const callOf = (context: Context | null): GuestCall | null =>
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

/** `then` without the user's patches, and without a context of its own. */
export const then = (
  promise: unknown,
  fulfilled: (value: unknown) => unknown,
  rejected: (reason: unknown) => unknown,
): unknown => apply(nativeThen, promise, [fulfilled, rejected]);

/** Methods, so that they have no prototype and can't be constructed, as the standard says. */
const patched = {
  then(this: unknown, fulfilled?: unknown, rejected?: unknown): unknown {
    return apply(nativeThen, this, [bindReaction(fulfilled), bindReaction(rejected)]);
  },
  resolve(this: unknown, value?: unknown): unknown {
    if (this !== ContextPromise) return apply(nativeResolve, this, [adopt(value)]);
    const isPromise = typeof value === 'object' && value !== null && getPrototypeOf(value) === promisePrototype;
    return isPromise ? value : apply(nativeResolve, NativePromise, [adopt(value)]);
  },
};

type Resolve = (value: unknown) => void;

/**
 * Promise, but for what it is resolved with (see {@link adopt}). What `then` and the like make are the engine's own: they
 * are resolved with what a reaction returns, which is seen to there.
 */
const ContextPromise = function Promise(executor: unknown): unknown {
  if (new.target === undefined) throw new TypeError("Promise constructor cannot be invoked without 'new'");
  const isCallable = typeof executor === 'function';
  const run = (resolve: Resolve, reject: unknown): void =>
    void (executor as (...settle: unknown[]) => unknown)((value: unknown) => resolve(adopt(value)), reject);
  if (isCallable && new.target === ContextPromise) return new NativePromise(run);
  return construct(NativePromise, [isCallable ? run : executor], new.target as never);
};

export function installContext(): void {
  const names = ownKeys(NativePromise);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (name === 'name' || name === 'length' || name === 'prototype') continue;
    defineProperty(ContextPromise, name, getOwnPropertyDescriptor(NativePromise, name) as PropertyDescriptor);
  }
  defineProperty(ContextPromise, 'prototype', { value: NativePromise.prototype, writable: false });
  const species = {
    get [Symbol.species](): unknown {
      return (this as unknown) === ContextPromise ? NativePromise : this;
    },
  };
  defineProperty(
    ContextPromise,
    Symbol.species,
    getOwnPropertyDescriptor(species, Symbol.species) as PropertyDescriptor,
  );
  replace(ContextPromise, 'resolve', patched.resolve);
  replace(NativePromise.prototype, 'then', patched.then);
  replace(NativePromise.prototype, 'constructor', ContextPromise);
  replace(globalThis, 'Promise', ContextPromise);
}

function replace(owner: object, name: string, value: unknown): void {
  defineProperty(owner, name, { value, writable: true, enumerable: false, configurable: true });
}

/**
 * What a promise is to be resolved with. The engine calls the `then` of anything that is no promise of its own (a lazy
 * query, say) by itself, later, and would do so outside of the invocation.
 */
function adopt(value: unknown): unknown {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return value;
  if (current === null) return value;
  let method: unknown;
  try {
    method = (value as { then?: unknown }).then;
  } catch {
    // The engine finds out for itself, and rejects.
    return value;
  }
  if (typeof method !== 'function' || method === patched.then) return value;
  return { __proto__: null, then: bindContext((...settle: unknown[]) => apply(method, value, settle) as unknown) };
}

function bindReaction(reaction: unknown): unknown {
  const context = current;
  if (context === null || typeof reaction !== 'function') return reaction;
  return (value: unknown): unknown => {
    const before = enter(context);
    try {
      const result: unknown = (reaction as (value: unknown) => unknown)(value);
      return result === undefined ? result : adopt(result);
    } finally {
      leave(before);
    }
  };
}

function enter(context: Context | null): Context | null {
  const before = current;
  current = context;
  if (context !== null) progress[0] = context.id;
  return before;
}

function leave(before: Context | null): void {
  current = before;
  const running = before ?? solo;
  progress[0] = running === null ? 0 : running.id;
}
