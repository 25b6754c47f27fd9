/**
 * The language's own functions, taken before user code can patch them.
 *
 * Whatever of ours runs after user code has loaded calls these and not the methods of the values it holds: a patched
 * `Array.prototype.push` or `Object.prototype.get` then changes what user code does, never what we do. Two habits
 * belong to it: descriptors have no prototype, and lists are walked by index, since `for…of`, spreading and array
 * destructuring run `Array.prototype[Symbol.iterator]`.
 */

export { turnTimeMs as now } from './clock.ts';

type Method = (this: never, ...args: never[]) => unknown;
type Uncurried<F extends Method> = (self: ThisParameterType<F>, ...args: Parameters<F>) => ReturnType<F>;

const { bind, call } = Function.prototype;

/** `uncurry(method)(self, ...args)` is `self.method(...args)`, whatever happens to the prototype later. */
export const uncurry: <F extends Method>(method: F) => Uncurried<F> = bind.bind(call as never) as never;

export const apply: (fn: unknown, self: unknown, args: ArrayLike<unknown>) => unknown = Reflect.apply as never;
export const construct: (target: unknown, args: ArrayLike<unknown>, newTarget?: unknown) => object =
  Reflect.construct as never;
export const ownKeys: (target: object) => PropertyKey[] = Reflect.ownKeys;

export const TypeError: TypeErrorConstructor = globalThis.TypeError;
export const RangeError: RangeErrorConstructor = globalThis.RangeError;
export const Uint8Array: Uint8ArrayConstructor = globalThis.Uint8Array;
export const ArrayBuffer: ArrayBufferConstructor = globalThis.ArrayBuffer;
export const Promise: PromiseConstructor = globalThis.Promise;
/** Of a symbol too, for people to read. */
export const toText: (value: unknown) => string = globalThis.String;
/** As Web IDL converts to DOMString. Throws a TypeError for a symbol. */
export const domString = (value: unknown): string => `${value as string}`;
export const captureStack: (target: object, upTo: unknown) => void = (Error as never as { captureStackTrace: never })
  .captureStackTrace;
export const toNumber: (value: unknown) => number = globalThis.Number;

export const parse: typeof JSON.parse = JSON.parse;
export const stringify: typeof JSON.stringify = JSON.stringify;
export const isArray: typeof Array.isArray = Array.isArray;
export const isView: typeof ArrayBuffer.isView = globalThis.ArrayBuffer.isView;
export const isInteger: typeof Number.isInteger = Number.isInteger;
export const min: typeof Math.min = Math.min;
export const max: typeof Math.max = Math.max;
export const freeze: typeof Object.freeze = Object.freeze;
export const getPrototypeOf: typeof Object.getPrototypeOf = Object.getPrototypeOf;
export const setPrototypeOf: typeof Object.setPrototypeOf = Object.setPrototypeOf;
export const getOwnPropertyDescriptor: typeof Object.getOwnPropertyDescriptor = Object.getOwnPropertyDescriptor;
export const hasOwn: typeof Object.hasOwn = Object.hasOwn;
export const keysOf: (value: object) => string[] = Object.keys;

/** The descriptor must have no prototype; see {@link put}. */
export const defineProperty: (target: object, key: PropertyKey, descriptor: object) => object =
  Object.defineProperty as never;

/**
 * A descriptor that inherits from nothing: `Object.prototype.get` would turn another into an accessor's. One of each
 * kind is used over and over, since properties are defined on the hot path.
 */
class Descriptor {
  value: unknown = undefined;
  readonly writable = true;
  readonly enumerable: boolean;
  readonly configurable = true;

  constructor(enumerable: boolean) {
    this.enumerable = enumerable;
  }
}
Object.setPrototypeOf(Descriptor.prototype, null);

const shown = new Descriptor(true);
const hidden = new Descriptor(false);

/** A data property like one made by assignment or an object literal, whatever setters and prototypes say. */
export function put(target: object, key: PropertyKey, value: unknown): void {
  shown.value = value;
  defineProperty(target, key, shown);
  shown.value = undefined;
}

/** A data property like a method's: not enumerable. */
export function hide(target: object, key: PropertyKey, value: unknown): void {
  hidden.value = value;
  defineProperty(target, key, hidden);
  hidden.value = undefined;
}

class Accessor {
  get: unknown = undefined;
  set: unknown = undefined;
  enumerable = false;
  readonly configurable = true;
}
Object.setPrototypeOf(Accessor.prototype, null);

const accessor = new Accessor();

export function defineAccessor(
  target: object,
  key: PropertyKey,
  get: () => unknown,
  set: (value: unknown) => void,
  enumerable: boolean,
): void {
  accessor.get = get;
  accessor.set = set;
  accessor.enumerable = enumerable;
  defineProperty(target, key, accessor);
  accessor.get = accessor.set = undefined;
}

/** Gives a function another name. */
export function rename(fn: object, name: string): void {
  defineProperty(fn, 'name', { __proto__: null, value: name, writable: false, enumerable: false, configurable: true });
}

/** Appends without running a setter that user code put on `Array.prototype`. */
export function push<T>(list: T[], value: T): void {
  put(list, list.length, value);
}

/** An object without a prototype, to be used as a map from names. */
export const dictionary = <T>(): Record<PropertyKey, T> => ({ __proto__: null }) as unknown as Record<PropertyKey, T>;

export const stringSlice: (self: string, start?: number, end?: number) => string = uncurry(String.prototype.slice);
export const stringIndexOf: (self: string, part: string, from?: number) => number = uncurry(String.prototype.indexOf);
export const charCodeAt: (self: string, index: number) => number = uncurry(String.prototype.charCodeAt);
export const codePointAt: (self: string, index: number) => number | undefined = uncurry(String.prototype.codePointAt);
export const toLowerCase: (self: string) => string = uncurry(String.prototype.toLowerCase);
export const toUpperCase: (self: string) => string = uncurry(String.prototype.toUpperCase);
export const toWellFormed: (self: string) => string = uncurry(String.prototype.toWellFormed);
export const trim: (self: string) => string = uncurry(String.prototype.trim);
export const trimEnd: (self: string) => string = uncurry(String.prototype.trimEnd);
export const split: (self: string, separator: string) => string[] = uncurry(String.prototype.split as never) as never;
export const repeat: (self: string, count: number) => string = uncurry(String.prototype.repeat);
export const join: (self: readonly string[], separator: string) => string = uncurry(Array.prototype.join);
export const sort: (self: string[]) => string[] = uncurry(Array.prototype.sort) as never;
export const sortBy: <T>(self: T[], compare: (a: T, b: T) => number) => T[] = uncurry(Array.prototype.sort) as never;
export const arrayIterator: <T>(self: T[]) => ArrayIterator<T> = uncurry(Array.prototype.values) as never;
/** Not `test`, which looks `exec` up again. */
export const exec: (self: RegExp, text: string) => RegExpExecArray | null = uncurry(RegExp.prototype.exec);
export const tagOf: (value: unknown) => string = uncurry(Object.prototype.toString);
export const functionText: (value: unknown) => string = uncurry(Function.prototype.toString);

const typedArray = Object.getPrototypeOf(globalThis.Uint8Array.prototype) as object;
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what the getter gives
const getter = <T>(prototype: object, key: PropertyKey): ((self: unknown) => T) =>
  uncurry(getOwnPropertyDescriptor(prototype, key)?.get as Method) as unknown as (self: unknown) => T;

/** Throws a TypeError unless `self` is what it says. */
export const arrayBufferLength: (self: unknown) => number = getter(globalThis.ArrayBuffer.prototype, 'byteLength');
export const arrayBufferDetached: (self: unknown) => boolean = getter(globalThis.ArrayBuffer.prototype, 'detached');
export const typedArrayName: (self: unknown) => string | undefined = getter(typedArray, Symbol.toStringTag);
export const typedArrayBuffer: (self: unknown) => ArrayBuffer = getter(typedArray, 'buffer');
export const typedArrayOffset: (self: unknown) => number = getter(typedArray, 'byteOffset');
export const typedArrayByteLength: (self: unknown) => number = getter(typedArray, 'byteLength');
export const dataViewBuffer: (self: unknown) => ArrayBuffer = getter(DataView.prototype, 'buffer');
export const dataViewOffset: (self: unknown) => number = getter(DataView.prototype, 'byteOffset');
export const dataViewByteLength: (self: unknown) => number = getter(DataView.prototype, 'byteLength');
export const setBytes: (self: Uint8Array, from: ArrayLike<number>, offset?: number) => void = uncurry(
  globalThis.Uint8Array.prototype.set,
);
export const toBase64: (self: Uint8Array) => string = uncurry(globalThis.Uint8Array.prototype.toBase64);
const { fromBase64 } = globalThis.Uint8Array;
export const bytesOfBase64 = (text: string): Uint8Array => apply(fromBase64, Uint8Array, [text]) as Uint8Array;

/** The bytes of a buffer or view, shared with it; null for anything else. */
export function bytesOf(value: unknown): Uint8Array | null {
  if (isView(value)) {
    return typedArrayName(value) === undefined
      ? new Uint8Array(dataViewBuffer(value), dataViewOffset(value), dataViewByteLength(value))
      : new Uint8Array(typedArrayBuffer(value), typedArrayOffset(value), typedArrayByteLength(value));
  }
  return isArrayBuffer(value) ? new Uint8Array(value) : null;
}

/** A typed array is copied element by element, without a look at its species. */
export const copyBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  if (!(value instanceof ArrayBuffer)) return false;
  try {
    arrayBufferLength(value);
    return true;
  } catch {
    return false;
  }
}

export const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';
