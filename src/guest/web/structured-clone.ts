/**
 * structuredClone(), for what a function holds: primitives and their objects, plain objects and arrays, Map, Set, Date,
 * RegExp, errors, buffers and views, in any graph. Whatever else is refused, as the HTML standard refuses it.
 */

import { DOMException } from './dom-exception.ts';
import {
  apply,
  bytesOf,
  getOwnPropertyDescriptor,
  hide,
  isArray,
  isArrayBuffer,
  isObject,
  isView,
  keysOf,
  put,
  setBytes,
  tagOf,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayName,
  typedArrayOffset,
  dataViewBuffer,
  dataViewByteLength,
  dataViewOffset,
  toText,
  uncurry,
  Uint8Array,
} from './primordials.ts';

type Seen = Map<object, unknown>;

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError } as const;
const VIEWS = globalThis as unknown as Record<
  string,
  new (buffer: ArrayBuffer, offset: number, length: number) => object
>;

const mapForEach = uncurry(
  Map.prototype.forEach as (this: object, callback: (value: unknown, key: unknown) => void) => void,
);
const setForEach = uncurry(Set.prototype.forEach as (this: object, callback: (value: unknown) => void) => void);
const dateValue = uncurry(Date.prototype.getTime);
const regexpSource = uncurry(getOwnPropertyDescriptor(RegExp.prototype, 'source')?.get as (this: object) => string);
const regexpFlags = uncurry(getOwnPropertyDescriptor(RegExp.prototype, 'flags')?.get as (this: object) => string);
const transferBuffer = uncurry(ArrayBuffer.prototype.transfer);
const isError = (Error as unknown as { isError(value: unknown): boolean }).isError;

export function structuredClone(value: unknown, options?: { readonly transfer?: Iterable<unknown> }): unknown {
  const seen: Seen = new Map();
  const moving: ArrayBuffer[] = [];
  for (const item of options?.transfer ?? []) {
    if (!isArrayBuffer(item) || moving.includes(item)) throw uncloneable(item, 'cannot be transferred');
    moving.push(item);
    seen.set(item, copyBuffer(item));
  }
  // What moves leaves its owner only when nothing can fail any more.
  const clone = cloneOf(value, seen);
  for (const buffer of moving) transferBuffer(buffer);
  return clone;
}

function cloneOf(value: unknown, seen: Seen): unknown {
  if (!isObject(value)) {
    if (typeof value === 'symbol') throw uncloneable(value);
    return value;
  }
  if (seen.has(value)) return seen.get(value);
  const clone = typeof value === 'function' ? undefined : (cloneBuiltIn(value, seen) ?? clonePlain(value, seen));
  if (clone === undefined) throw uncloneable(value);
  return clone;
}

/** Undefined where it is none of them; a method called on something that only has the name of its class throws. */
function cloneBuiltIn(value: object, seen: Seen): object | undefined {
  if (isArray(value)) return undefined;
  if (isView(value)) return remember(seen, value, cloneView(value, seen));
  if (isError(value)) return cloneError(value as Error, seen);
  try {
    switch (tagOf(value)) {
      case '[object ArrayBuffer]':
        return remember(seen, value, copyBuffer(value as ArrayBuffer));
      case '[object Date]':
        return remember(seen, value, new Date(dateValue(value)));
      case '[object RegExp]':
        return remember(seen, value, new RegExp(regexpSource(value), regexpFlags(value)));
      case '[object Boolean]':
      case '[object Number]':
      case '[object String]':
        return remember(seen, value, Object((value as { valueOf(): unknown }).valueOf()) as object);
    }
  } catch {
    return undefined;
  }
  if (value instanceof Map) return cloneMap(value, seen);
  if (value instanceof Set) return cloneSet(value, seen);
  return undefined;
}

function cloneMap(value: object, seen: Seen): object {
  const clone = remember(seen, value, new Map<unknown, unknown>());
  const entries: [unknown, unknown][] = [];
  mapForEach(value, (item, key) => void entries.push([key, item]));
  for (const [key, item] of entries) clone.set(cloneOf(key, seen), cloneOf(item, seen));
  return clone;
}

function cloneSet(value: object, seen: Seen): object {
  const clone = remember(seen, value, new Set<unknown>());
  const items: unknown[] = [];
  setForEach(value, (item) => void items.push(item));
  for (const item of items) clone.add(cloneOf(item, seen));
  return clone;
}

function cloneError(error: Error, seen: Seen): object {
  const { name } = error;
  const Kind = name in ERRORS ? ERRORS[name as keyof typeof ERRORS] : Error;
  const clone = remember(seen, error, new Kind());
  const message = getOwnPropertyDescriptor(error, 'message');
  if (message !== undefined && 'value' in message) hide(clone, 'message', toText(message.value));
  hide(clone, 'stack', toText(error.stack));
  if (Object.hasOwn(error, 'cause')) hide(clone, 'cause', cloneOf(error.cause, seen));
  return clone;
}

function cloneView(view: object, seen: Seen): object {
  const name = typedArrayName(view);
  if (name === undefined) {
    return new DataView(
      cloneOf(dataViewBuffer(view), seen) as ArrayBuffer,
      dataViewOffset(view),
      dataViewByteLength(view),
    );
  }
  const Kind = VIEWS[name] as (typeof VIEWS)[string] & { readonly BYTES_PER_ELEMENT: number };
  return new Kind(
    cloneOf(typedArrayBuffer(view), seen) as ArrayBuffer,
    typedArrayOffset(view),
    typedArrayByteLength(view) / Kind.BYTES_PER_ELEMENT,
  );
}

function copyBuffer(buffer: ArrayBuffer): ArrayBuffer {
  const bytes = bytesOf(buffer) as Uint8Array;
  const copy = new Uint8Array(bytes.length);
  setBytes(copy, bytes);
  return typedArrayBuffer(copy);
}

/** Own enumerable properties with string keys, as the standard says; classes are lost. */
function clonePlain(value: object, seen: Seen): object | undefined {
  if (NEVER.some((kind) => value instanceof kind)) return undefined;
  const clone = remember(seen, value, isArray(value) ? [] : {});
  if (isArray(value)) (clone as unknown[]).length = value.length;
  for (const key of keysOf(value)) put(clone, key, cloneOf((value as Record<string, unknown>)[key], seen));
  return clone;
}

const NEVER: readonly (abstract new (...args: never[]) => unknown)[] = [Promise, WeakMap, WeakSet, WeakRef];

function remember<T extends object>(seen: Seen, original: object, clone: T): T {
  seen.set(original, clone);
  return clone;
}

function uncloneable(value: unknown, why = 'could not be cloned'): DOMException {
  let name: string;
  try {
    name =
      typeof value === 'symbol'
        ? toText(value)
        : typeof value === 'function'
          ? (apply(Function.prototype.toString, value, []) as string).slice(0, 80)
          : tagOf(value);
  } catch {
    name = 'The value';
  }
  return new DOMException(`${name} ${why}`, 'DataCloneError');
}
