/** The engine's services and its `then`, set once by installWeb, before anything of the web API runs. */

import type { WebHost } from './host.ts';
import { apply, Promise } from './primordials.ts';

export let host: WebHost;

/** `Promise.prototype.then` as the engine left it: it keeps the invocation that a continuation belongs to. */
export let promiseThen: unknown;

export function setEngine(services: WebHost): void {
  host = services;
  promiseThen = Promise.prototype.then;
}

/** Hears of an error before the host does; returns true if that is all that should come of it. */
let hear: ((error: unknown) => boolean) | null = null;

export function hearExceptions(listener: (error: unknown) => boolean): void {
  hear = listener;
}

/** An error that nobody caught: told to who listens for it, else to the host. */
export function reportException(error: unknown): void {
  if (hear === null || !hear(error)) host.reportError(error);
}

/** Whoever tells the listeners of the global scope. */
export interface ScopeEvents {
  /** Nobody handled it. Returns true if no more should come of it. */
  rejected(promise: object, reason: unknown): boolean;
  /** Somebody did after all. */
  handledLater(promise: object, reason: unknown): void;
  beforeUnload(reason: string): void;
}

/** Null where nobody can have listened yet. */
export let scopeEvents: ScopeEvents | null = null;

export function setScopeEvents(events: ScopeEvents): void {
  scopeEvents = events;
}

/** `promise.then(fulfilled, rejected)`, whatever user code made of `then`. Throws a TypeError if it is no promise. */
export function chain<T, R>(
  promise: PromiseLike<T>,
  fulfilled: (value: T) => R | PromiseLike<R>,
  rejected?: (reason: unknown) => R | PromiseLike<R>,
): Promise<R> {
  return apply(promiseThen, promise, [fulfilled, rejected]) as Promise<R>;
}

const { resolve, reject } = Promise;

export const resolved = <T>(value: T | PromiseLike<T>): Promise<T> => apply(resolve, Promise, [value]) as Promise<T>;
export const rejected = <T>(reason: unknown): Promise<T> => apply(reject, Promise, [reason]) as Promise<T>;
