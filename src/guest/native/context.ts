/** Context: which invocation the code that runs now belongs to. Node keeps it over every way to wait. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { NativeCall } from './call.ts';

const storage = new AsyncLocalStorage<NativeCall>();

/** It may be over by now. */
export const currentCall = (): NativeCall | null => storage.getStore() ?? null;

export const runAs = <T>(call: NativeCall, fn: () => T): T => storage.run(call, fn);

export function bindContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  const inContext = AsyncLocalStorage.snapshot();
  return function (this: unknown, ...args: A): R {
    return inContext(() => Reflect.apply(fn, this, args));
  };
}
