/**
 * structuredClone(): primitives and their objects, plain objects and arrays, Map, Set, Date, RegExp, errors, buffers and
 * views, and those of the platform's own objects that can be copied, in any graph. Whatever else is refused, as the HTML
 * standard refuses it.
 */

import { cloneError } from './clone-error.ts';
import { DOMException } from './dom-exception.ts';
import { dictionaryOf } from './event.ts';
import { requireArguments } from './interface.ts';
import { isPlatformObject, kindOf, type PlatformKind } from './platform-objects.ts';
import {
  arrayBufferDetached,
  bytesOf,
  dataViewBuffer,
  dataViewByteLength,
  dataViewOffset,
  functionText,
  getPrototypeOf,
  hasOwn,
  isArray,
  isArrayBuffer,
  isObject,
  isView,
  keysOf,
  push,
  put,
  setBytes,
  stringSlice,
  tagOf,
  toText,
  TypeError,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayName,
  typedArrayOffset,
  uncurry,
  Uint8Array,
} from './primordials.ts';

type Seen = Map<object, unknown>;

const { BigInt, Boolean, DataView, Date, Map, Number, Object, RegExp, Set, String, Symbol } = globalThis;
const { Error: Native } = globalThis;
const { isError } = Native as unknown as { isError(value: unknown): boolean };
const objectPrototype = Object.prototype;
type View = new (buffer: ArrayBuffer, offset: number, length: number) => object;
const VIEWS = { __proto__: null } as unknown as Record<string, View & { readonly BYTES_PER_ELEMENT: number }>;
for (const name of Object.getOwnPropertyNames(globalThis))
  if (/^(?:Big)?(?:Uint|Int|Float)\d+(?:Clamped)?Array$/.test(name)) VIEWS[name] = (globalThis as never)[name];

const seenHas = uncurry(Map.prototype.has as (this: Seen, key: object) => boolean);
const seenGet = uncurry(Map.prototype.get as (this: Seen, key: object) => unknown);
const mapSet = uncurry(Map.prototype.set as (this: object, key: unknown, value: unknown) => unknown);
const setAdd = uncurry(Set.prototype.add as (this: object, value: unknown) => unknown);
const mapForEach = uncurry(
  Map.prototype.forEach as (this: object, callback: (value: unknown, key: unknown) => void) => void,
);
const setForEach = uncurry(Set.prototype.forEach as (this: object, callback: (value: unknown) => void) => void);
const dateValue = uncurry(Date.prototype.getTime);
const regexpSource = uncurry(
  Object.getOwnPropertyDescriptor(RegExp.prototype, 'source')?.get as (this: object) => string,
);
const regexpFlags = uncurry(
  Object.getOwnPropertyDescriptor(RegExp.prototype, 'flags')?.get as (this: object) => string,
);
const transferBuffer = uncurry(ArrayBuffer.prototype.transfer);

interface Options {
  readonly transfer?: unknown;
}

export function structuredClone(value: unknown, options: Options | null | undefined = undefined): unknown {
  requireArguments(arguments.length, 1, 'structuredClone()');
  return cloneWithTransfer(value, transferOf(options)).clone;
}

/** The members of `transfer` in an options object. Throws a TypeError for what is no list. */
export function transferOf(options: Options | null | undefined): unknown[] {
  const { transfer } = dictionaryOf<Options>(options);
  const list: unknown[] = [];
  if (transfer === undefined) return list;
  if (!isObject(transfer)) throw new TypeError('What is to be transferred is not a list');
  for (const item of transfer as Iterable<unknown>) push(list, item);
  return list;
}

/** A copy for ourselves: nothing moves. Throws a DataCloneError. */
export const cloneValue = (value: unknown): unknown => cloneOf(value, new Map());

/** `moved`: what has taken the place of each of `transfer`, in their order. Throws a DataCloneError. */
export function cloneWithTransfer(
  value: unknown,
  transfer: readonly unknown[],
): { readonly clone: unknown; readonly moved: readonly object[] } {
  const seen: Seen = new Map();
  const moved: object[] = [];
  const commits: (() => void)[] = [];
  for (let i = 0; i < transfer.length; i++) {
    const item = transfer[i];
    if (!isObject(item) || seenHas(seen, item)) throw uncloneable(item, 'cannot be transferred');
    const move = moveOf(item);
    mapSet(seen, item, move.moved);
    push(moved, move.moved);
    push(commits, () => move.commit());
  }
  // What moves leaves its owner only when nothing can fail any more.
  const clone = cloneOf(value, seen);
  for (let i = 0; i < commits.length; i++) commits[i]?.();
  return { clone, moved };
}

function moveOf(item: object): ReturnType<NonNullable<PlatformKind['move']>> {
  if (isArrayBuffer(item)) return { moved: copyBuffer(item), commit: () => void transferBuffer(item) };
  const move = isPlatformObject(item) ? kindOf(item)?.move : undefined;
  if (move === undefined) throw uncloneable(item, 'cannot be transferred');
  return move(item);
}

function cloneOf(value: unknown, seen: Seen): unknown {
  if (!isObject(value)) {
    if (typeof value === 'symbol') throw uncloneable(value);
    return value;
  }
  if (seenHas(seen, value)) return seenGet(seen, value);
  if (typeof value === 'function') throw uncloneable(value);
  if (isArray(value)) return cloneArray(value, seen);
  const prototype: unknown = getPrototypeOf(value);
  if (prototype !== objectPrototype && prototype !== null) {
    const clone = cloneSpecial(value, seen);
    if (clone !== null) return clone;
  }
  return copyProperties(value, remember(seen, value, {}), seen);
}

function cloneArray(array: unknown[], seen: Seen): object {
  const clone: unknown[] = [];
  clone.length = array.length;
  return copyProperties(array, remember(seen, array, clone), seen);
}

/** Own enumerable properties with string keys, as the standard says; classes are lost. */
function copyProperties(value: object, clone: object, seen: Seen): object {
  const keys = keysOf(value);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    // A getter that ran meanwhile may have deleted it.
    if (hasOwn(value, key)) put(clone, key, cloneOf((value as Record<string, unknown>)[key], seen));
  }
  return clone;
}

/** Null for an object that is nothing special. */
function cloneSpecial(value: object, seen: Seen): object | null {
  if (isView(value)) return remember(seen, value, cloneView(value, seen));
  if (isArrayBuffer(value)) return remember(seen, value, copyBuffer(value));
  if (isPlatformObject(value)) return remember(seen, value, clonePlatform(value));
  if (isError(value))
    return cloneError(
      value,
      (clone) => void remember(seen, value, clone),
      (part) => cloneOf(part, seen),
    );
  if (value instanceof Map) return cloneMap(value, seen);
  if (value instanceof Set) return cloneSet(value, seen);
  const simple = cloneSimple(value);
  if (simple !== null) return remember(seen, value, simple);
  for (let i = 0; i < NEVER.length; i++) if (value instanceof (NEVER[i] as Kind)) throw uncloneable(value);
  return null;
}

type Kind = abstract new (...args: never[]) => unknown;
const NEVER: readonly Kind[] = [Promise, WeakMap, WeakSet, WeakRef, FinalizationRegistry, Symbol as never];

function clonePlatform(value: object): object {
  const clone = kindOf(value)?.clone;
  if (clone === undefined) throw uncloneable(value);
  return clone(value);
}

/** What holds nothing else. A method throws for what only inherits from its class, which then is a plain object. */
function cloneSimple(value: object): object | null {
  try {
    if (value instanceof Date) return new Date(dateValue(value));
    if (value instanceof RegExp) return new RegExp(regexpSource(value), regexpFlags(value));
    for (let i = 0; i < WRAPPERS.length; i++) {
      const { Wrapper, valueOf } = WRAPPERS[i] as (typeof WRAPPERS)[number];
      if (value instanceof Wrapper) return Object(valueOf(value)) as object;
    }
  } catch {
    return null;
  }
  return null;
}

type Unwrap = (wrapper: object) => unknown;
const WRAPPERS: readonly { readonly Wrapper: Kind; readonly valueOf: Unwrap }[] = [
  { Wrapper: Boolean, valueOf: uncurry(Boolean.prototype.valueOf as never) as unknown as Unwrap },
  { Wrapper: Number, valueOf: uncurry(Number.prototype.valueOf as never) as unknown as Unwrap },
  { Wrapper: String, valueOf: uncurry(String.prototype.valueOf as never) as unknown as Unwrap },
  { Wrapper: BigInt as never, valueOf: uncurry(BigInt.prototype.valueOf as never) as unknown as Unwrap },
];

function cloneMap(map: object, seen: Seen): object | null {
  const entries: unknown[] = [];
  try {
    mapForEach(map, (value, key) => {
      push(entries, key);
      push(entries, value);
    });
  } catch {
    return null;
  }
  const clone = remember(seen, map, new Map<unknown, unknown>());
  for (let i = 0; i < entries.length; i += 2) mapSet(clone, cloneOf(entries[i], seen), cloneOf(entries[i + 1], seen));
  return clone;
}

function cloneSet(set: object, seen: Seen): object | null {
  const items: unknown[] = [];
  try {
    setForEach(set, (item) => push(items, item));
  } catch {
    return null;
  }
  const clone = remember(seen, set, new Set<unknown>());
  for (let i = 0; i < items.length; i++) setAdd(clone, cloneOf(items[i], seen));
  return clone;
}

function cloneView(view: object, seen: Seen): object {
  const name = typedArrayName(view);
  if (name === undefined) {
    const buffer = cloneOf(bufferOf(dataViewBuffer(view)), seen) as ArrayBuffer;
    return new DataView(buffer, dataViewOffset(view), dataViewByteLength(view));
  }
  const buffer = cloneOf(bufferOf(typedArrayBuffer(view)), seen) as ArrayBuffer;
  const Typed = VIEWS[name] as (typeof VIEWS)[string];
  return new Typed(buffer, typedArrayOffset(view), typedArrayByteLength(view) / Typed.BYTES_PER_ELEMENT);
}

/** A view of a buffer that has moved away is nothing that could be copied. */
function bufferOf(buffer: ArrayBuffer): ArrayBuffer {
  if (arrayBufferDetached(buffer)) throw uncloneable(buffer, 'is detached');
  return buffer;
}

function copyBuffer(buffer: ArrayBuffer): ArrayBuffer {
  const bytes = bytesOf(bufferOf(buffer)) as Uint8Array;
  const copy = new Uint8Array(bytes.length);
  setBytes(copy, bytes);
  return typedArrayBuffer(copy);
}

function remember<T extends object>(seen: Seen, original: object, clone: T): T {
  mapSet(seen, original, clone);
  return clone;
}

function uncloneable(value: unknown, why = 'could not be cloned'): DOMException {
  let name = 'The value';
  try {
    if (typeof value === 'function') name = stringSlice(functionText(value), 0, 80);
    else name = isObject(value) ? tagOf(value) : toText(value);
  } catch {
    // A proxy may refuse to say what it is.
  }
  return new DOMException(`${name} ${why}`, 'DataCloneError');
}
