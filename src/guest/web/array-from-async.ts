/**
 * Array.fromAsync, written in the language: the engine's own awaits natively, which loses the invocation that the code
 * belongs to. The bundler lowers this `await` as it lowers the user's.
 */

import { apply, isObject, max, min, put, toNumber, TypeError } from './primordials.ts';

type Mapper = (value: unknown, index: number) => unknown;
interface Target {
  length: number;
}

/** `Array.fromAsync` with its receiver as the first argument. */
export async function fromAsync(
  constructor: unknown,
  items: unknown,
  mapper: unknown,
  thisArg: unknown,
): Promise<Target> {
  if (mapper !== undefined && typeof mapper !== 'function') {
    throw new TypeError('The second argument of Array.fromAsync() must be a function');
  }
  if (items === undefined || items === null)
    throw new TypeError('Array.fromAsync() needs an iterable or an array-like object');
  const map = mapper as Mapper | undefined;
  const source = items as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  const isIterable = (source[Symbol.asyncIterator] ?? source[Symbol.iterator] ?? null) !== null;
  const length = isIterable ? null : lengthOf(items);
  const target = targetOf(constructor, length);
  let index = 0;
  const add = async (value: unknown): Promise<void> => {
    const at = index++;
    put(target, at, map === undefined ? value : await apply(map, thisArg, [value, at]));
  };
  if (length === null) for await (const value of source as AsyncIterable<unknown>) await add(value);
  else for (let at = 0; at < length; at++) await add(await (items as Record<number, unknown>)[at]);
  target.length = index;
  return target;
}

/** An array, unless the method was put on another constructor. */
function targetOf(constructor: unknown, length: number | null): Target {
  if (
    !isObject(constructor) ||
    typeof constructor !== 'function' ||
    constructor === Array ||
    constructor.prototype === undefined
  )
    return [];
  const Kind = constructor as unknown as new (length?: number) => Target;
  return length === null ? new Kind() : new Kind(length);
}

function lengthOf(items: object): number {
  const length = toNumber((items as { length?: unknown }).length);
  return length > 0 ? min(max(length - (length % 1), 0), Number.MAX_SAFE_INTEGER) : 0;
}
