/**
 * The Promise of a sandbox: the engine's own, whose `then` carries the context of who registers a callback, and which
 * keeps book of rejections. It takes the place of the engine's when this file is evaluated, which has to be first: all
 * that is evaluated later means this one by `Promise`.
 */

import { bindContext, callOf, current, enter, leave } from './context.ts';
import { Rejections } from './rejections.ts';

const { apply, construct, getPrototypeOf, ownKeys } = Reflect;
const { defineProperty, getOwnPropertyDescriptor } = Object;
const NativePromise = Promise;
const nativeThen = Promise.prototype.then;
const nativeResolve = Promise.resolve as (value: unknown) => unknown;
const promisePrototype: object = Promise.prototype;

export const rejections: Rejections = new Rejections();

/** `then` without the user's patches, and without a context of its own. */
export const then = (
  promise: unknown,
  fulfilled: (value: unknown) => unknown,
  rejected: (reason: unknown) => unknown,
): unknown =>
  apply(nativeThen, promise, [
    fulfilled,
    (reason: unknown): unknown => {
      rejections.handled(promise as object);
      return rejected(reason);
    },
  ]);

/** Calls `done` once it is settled, whichever way, and leaves it unhandled if nobody else handles it. */
export function afterwards(promise: unknown, done: () => void): void {
  const failed = (reason: unknown): never => {
    done();
    throw reason;
  };
  void apply(nativeThen, promise, [done, failed]);
}

/** Methods, so that they have no prototype and can't be constructed, as the standard says. */
const patched = {
  then(this: unknown, fulfilled?: unknown, rejected?: unknown): unknown {
    const context = current;
    if (context === null && !rejections.isOpen) return apply(nativeThen, this, [fulfilled, rejected]);
    let derived: unknown;
    const ofDerived = (): unknown => derived;
    const onFulfilled =
      typeof fulfilled !== 'function'
        ? fulfilled
        : (value: unknown): unknown => {
            const before = enter(context);
            try {
              return adopt((fulfilled as Reaction)(value), ofDerived);
            } catch (error) {
              noteRejected(derived, error);
              throw error;
            } finally {
              leave(before);
            }
          };
    const onRejected = (reason: unknown): unknown => {
      rejections.handled(this as object);
      const before = enter(context);
      try {
        if (typeof rejected !== 'function') throw reason;
        return adopt((rejected as Reaction)(reason), ofDerived);
      } catch (error) {
        noteRejected(derived, error);
        throw error;
      } finally {
        leave(before);
      }
    };
    return (derived = apply(nativeThen, this, [onFulfilled, onRejected]));
  },
  resolve(this: unknown, value?: unknown): unknown {
    let made: unknown;
    if (this !== ContextPromise) return (made = apply(nativeResolve, this, [adopt(value, () => made)]));
    const isPromise = typeof value === 'object' && value !== null && getPrototypeOf(value) === promisePrototype;
    return isPromise ? value : (made = apply(nativeResolve, NativePromise, [adopt(value, () => made)]));
  },
};

type Reaction = (value: unknown) => unknown;
type Settle = (value: unknown) => void;

/**
 * Promise, but for what it is resolved with (see {@link adopt}). What `then` and the like make are the engine's own: they
 * are resolved with what a reaction returns, which is seen to there.
 */
const ContextPromise = function Promise(executor: unknown): unknown {
  if (new.target === undefined) throw new TypeError("Promise constructor cannot be invoked without 'new'");
  if (typeof executor !== 'function') return construct(NativePromise, [executor], new.target as never);
  let promise: unknown;
  let isSettled = false;
  let failure: { readonly reason: unknown } | null = null;
  const run = (resolve: Settle, reject: Settle): void => {
    const refuse = (reason: unknown): void => {
      if (isSettled) return;
      isSettled = true;
      reject(reason);
      if (promise === undefined) failure = { reason };
      else noteRejected(promise, reason);
    };
    try {
      (executor as (resolve: Settle, reject: Settle) => void)((value) => {
        if (isSettled) return;
        isSettled = true;
        resolve(value === promise ? value : adopt(value, () => promise));
      }, refuse);
    } catch (error) {
      refuse(error);
    }
  };
  promise =
    new.target === ContextPromise ? new NativePromise(run) : construct(NativePromise, [run], new.target as never);
  if (failure !== null) noteRejected(promise, (failure as { readonly reason: unknown }).reason);
  return promise;
};

install();

function install(): void {
  const names = ownKeys(NativePromise);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (name === 'name' || name === 'length' || name === 'prototype') continue;
    replace(ContextPromise, name, NativePromise[name as 'all']);
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

function noteRejected(promise: unknown, reason: unknown): void {
  if (rejections.isOpen) rejections.rejected(promise as object, reason, callOf(current));
}

/**
 * What a promise is to be resolved with. The engine calls the `then` of anything that is no promise of its own (a lazy
 * query, say) by itself, later, and would do so outside of the invocation. `owner` gives the promise, by then.
 */
function adopt(value: unknown, owner: () => unknown): unknown {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return value;
  if (current === null && !rejections.isOpen) return value;
  let method: unknown;
  try {
    method = (value as { then?: unknown }).then;
  } catch {
    // The engine finds out for itself, and rejects.
    return value;
  }
  if (typeof method !== 'function') return value;
  if (method === patched.then) return rejections.isOpen && value !== owner() ? followed(value, owner) : value;
  const call = bindContext((resolve: Settle, reject: Settle) => {
    let isSettled = false;
    const settle = (result: unknown): void => {
      if (isSettled) return;
      isSettled = true;
      resolve(adopt(result, owner));
    };
    const refuse = (reason: unknown): void => {
      if (isSettled) return;
      isSettled = true;
      reject(reason);
      noteRejected(owner(), reason);
    };
    try {
      apply(method, value, [settle, refuse]);
    } catch (error) {
      refuse(error);
    }
  });
  return { __proto__: null, then: call };
}

/** A promise that another one follows: when it is rejected, it is the follower that somebody has to handle. */
function followed(promise: object, owner: () => unknown): object {
  const context = current;
  const follow = (resolve: Settle, reject: Settle): unknown =>
    apply(nativeThen, promise, [
      resolve,
      (reason: unknown): void => {
        rejections.handled(promise);
        reject(reason);
        rejections.rejected(owner() as object, reason, callOf(context));
      },
    ]);
  return { __proto__: null, then: follow };
}
