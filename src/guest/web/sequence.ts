/** A list that user code gives, read as Web IDL reads a sequence: the method that iterates is looked up once. */

import { apply, isObject, TypeError } from './primordials.ts';

const iterator: typeof Symbol.iterator = Symbol.iterator;

/** Null for what cannot be iterated over. Throws a TypeError where it only seems to be. */
export function iterationOf(value: object): unknown {
  const method = (value as { [iterator]?: unknown })[iterator];
  if (method === undefined || method === null) return null;
  if (typeof method !== 'function') throw new TypeError('The value given as a list cannot be iterated over');
  return method;
}

/** `method` is what {@link iterationOf} found. */
export function eachOf(value: object, method: unknown, each: (item: unknown) => void): void {
  const iteration = apply(method, value, []) as { readonly next: unknown };
  if (!isObject(iteration)) throw new TypeError('The value given as a list cannot be iterated over');
  const { next } = iteration;
  for (;;) {
    const step = apply(next, iteration, []) as { readonly done: unknown; readonly value: unknown };
    if (!isObject(step))
      throw new TypeError('The value given as a list gave something that is no step of an iteration');
    if (step.done) return;
    each(step.value);
  }
}
