/** Iteration over what is a list of pairs, as Web IDL has it: live, so that changes on the way are seen. */

import { defineTag } from './interface.ts';
import { apply, getPrototypeOf, hide, put, setPrototypeOf, TypeError } from './primordials.ts';

export type Pair = readonly [name: string, value: unknown];
type Kind = 'keys' | 'values' | 'entries';
/** Null after the last. Throws a TypeError if `target` is not what it says. */
export type PairAt<T> = (target: T, index: number) => Pair | null;

/** What a class with such a list makes its methods of. */
export interface PairIteration<T> {
  iterate<V>(target: T, kind: Kind): IterableIterator<V>;
  forEach(target: T, callback: unknown, thisArg: unknown): void;
}

const iteratorPrototype = getPrototypeOf(getPrototypeOf([][Symbol.iterator]()) as object) as object;

export function pairIteration<T extends object>(name: string, pairAt: PairAt<T>): PairIteration<T> {
  class PairIterator {
    readonly #target: T;
    readonly #kind: Kind;
    #index = 0;

    constructor(target: T, kind: Kind) {
      this.#target = target;
      this.#kind = kind;
    }

    next(): unknown {
      const pair = pairAt(this.#target, this.#index);
      if (pair === null) return resultOf(undefined, true);
      this.#index++;
      if (this.#kind === 'entries') return resultOf([pair[0], pair[1]], false);
      return resultOf(this.#kind === 'keys' ? pair[0] : pair[1], false);
    }
  }
  const { prototype } = PairIterator;
  put(prototype, 'next', prototype.next);
  delete (prototype as { constructor?: unknown }).constructor;
  setPrototypeOf(prototype, iteratorPrototype);
  defineTag(prototype, `${name} Iterator`);
  return {
    iterate(target, kind) {
      // Throws for what is none, before there is an iterator.
      pairAt(target, 0);
      return new PairIterator(target, kind) as never;
    },
    forEach(target, callback, thisArg) {
      pairAt(target, 0);
      if (typeof callback !== 'function') throw new TypeError(`${name}.forEach() needs a function`);
      for (let i = 0, pair = pairAt(target, 0); pair !== null; pair = pairAt(target, ++i))
        apply(callback, thisArg, [pair[1], pair[0], target]);
    },
  };
}

/** The default iterator is the very function that gives the entries. */
export function iterateEntries(prototype: object): void {
  hide(prototype, Symbol.iterator, (prototype as { entries: unknown }).entries);
}

/** `{ value, done }`, whatever setters there are. */
function resultOf(value: unknown, done: boolean): object {
  const result = {};
  put(result, 'value', value);
  put(result, 'done', done);
  return result;
}
