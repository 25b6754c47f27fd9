/** Whether two values are the same all the way down, as `assert.deepEqual` (loose) and `deepStrictEqual` (strict) mean it. */

import {
  isArrayBuffer,
  isBoxedPrimitive,
  isDate,
  isMap,
  isNativeError,
  isRegExp,
  isSet,
  isTypedArray,
  isDataView,
} from './kinds.ts';

type Pairs = Map<object, object>;

export function isDeepEqual(a: unknown, b: unknown, strict: boolean): boolean {
  return new Comparison(strict).same(a, b);
}

class Comparison {
  readonly #strict: boolean;
  /** The objects that enclose those at hand, so that two circles of one shape are the same. */
  readonly #path: Pairs = new Map();

  constructor(strict: boolean) {
    this.#strict = strict;
  }

  same(a: unknown, b: unknown): boolean {
    if (Object.is(a, b)) return true;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return this.#samePrimitive(a, b);
    if (this.#path.has(a)) return this.#path.get(a) === b;
    this.#path.set(a, b);
    const result = this.#sameKind(a, b) && this.#sameContent(a, b) && this.#sameProperties(a, b);
    this.#path.delete(a);
    return result;
  }

  #samePrimitive(a: unknown, b: unknown): boolean {
    if (this.#strict) return false;
    if (typeof a === 'object' || typeof b === 'object' || typeof a === 'function' || typeof b === 'function')
      return a === null || b === null ? a == b : false;
    return a == b || (a !== a && b !== b);
  }

  #sameKind(a: object, b: object): boolean {
    if (this.#strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
    return (
      Object.prototype.toString.call(a) === Object.prototype.toString.call(b) && Array.isArray(a) === Array.isArray(b)
    );
  }

  #sameContent(a: object, b: object): boolean {
    if (isDate(a)) return isDate(b) && Object.is(a.getTime(), b.getTime());
    if (isRegExp(a)) return isRegExp(b) && String(a) === String(b) && a.lastIndex === b.lastIndex;
    if (isNativeError(a)) return isNativeError(b) && this.#sameError(a, b);
    if (isMap(a)) return isMap(b) && this.#sameMap(a, b);
    if (isSet(a)) return isSet(b) && this.#sameSet(a, b);
    if (isBoxedPrimitive(a)) return isBoxedPrimitive(b) && Object.is(a.valueOf(), b.valueOf());
    if (isArrayBuffer(a)) return isArrayBuffer(b) && sameBytes(new Uint8Array(a), new Uint8Array(b));
    if (isDataView(a)) return isDataView(b) && sameBytes(bytesOf(a), bytesOf(b));
    if (isTypedArray(a)) return this.#sameItems(a as Uint8Array, b as Uint8Array);
    return !Array.isArray(a) || a.length === (b as unknown[]).length;
  }

  #sameError(a: Error, b: Error): boolean {
    return a.message === b.message && a.name === b.name && this.same(a.cause, b.cause);
  }

  #sameItems(a: Uint8Array, b: Uint8Array): boolean {
    return a.length === b.length && a.every((item, i) => (this.#strict ? Object.is(item, b[i]) : item === b[i]));
  }

  #sameMap(a: Map<unknown, unknown>, b: Map<unknown, unknown>): boolean {
    if (a.size !== b.size) return false;
    const unmatched = new Set<unknown>();
    for (const key of b.keys()) if (!a.has(key)) unmatched.add(key);
    for (const [key, value] of a) {
      if (b.has(key) && this.same(value, b.get(key))) continue;
      const match = find(unmatched, (other) => this.same(key, other) && this.same(value, b.get(other)));
      if (match === null) return false;
      unmatched.delete(match.value);
    }
    return true;
  }

  #sameSet(a: Set<unknown>, b: Set<unknown>): boolean {
    if (a.size !== b.size) return false;
    const unmatched = new Set<unknown>();
    for (const item of b) if (!a.has(item)) unmatched.add(item);
    for (const item of a) {
      if (b.has(item)) continue;
      const match = find(unmatched, (other) => this.same(item, other));
      if (match === null) return false;
      unmatched.delete(match.value);
    }
    return true;
  }

  #sameProperties(a: object, b: object): boolean {
    const isBytes = isTypedArray(a);
    const [keys, others] = [this.#keys(a, isBytes), this.#keys(b, isBytes)];
    if (keys.length !== others.length) return false;
    return keys.every(
      (key) =>
        Object.prototype.propertyIsEnumerable.call(b, key) &&
        this.same((a as Record<PropertyKey, unknown>)[key], (b as Record<PropertyKey, unknown>)[key]),
    );
  }

  /** Of bytes those that are no index: the items have been compared. */
  #keys(value: object, isBytes: boolean): PropertyKey[] {
    const names = Object.keys(value);
    const keys: PropertyKey[] = isBytes ? names.slice((value as Uint8Array).length) : names;
    if (!this.#strict) return keys;
    const symbols = Object.getOwnPropertySymbols(value);
    return [...keys, ...symbols.filter((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))];
  }
}

function find(items: Iterable<unknown>, is: (item: unknown) => boolean): { readonly value: unknown } | null {
  for (const value of items) if (is(value)) return { value };
  return null;
}

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
