/**
 * harden: takes out of the language what would widen the wall around a sandbox.
 *
 * Code from strings or bytes (the engine's own switch against it has no effect here), shared memory and the clocks that
 * can be made of it, buffers whose growth the engine's memory limit does not count. User code can't get any of it back:
 * nothing that it can reach holds the originals.
 */

import { fromAsync } from './array-from-async.ts';
import { turnTimeMs } from './clock.ts';

const { apply, construct, defineProperty, setPrototypeOf, getPrototypeOf } = Reflect;

/**
 * Shared memory is a clock; WebAssembly is code from bytes. Temporal has a finer clock than the guest may read, and only
 * to touch it costs a quarter of a millisecond and a quarter of a megabyte in every isolate.
 */
const REMOVED = ['SharedArrayBuffer', 'Atomics', 'WebAssembly', 'ShadowRealm', 'Temporal'];

/** What harden() took away, and what some functions may have. No user code may see it. */
export interface Removed {
  /** Undefined where the engine has none. */
  readonly WebAssembly: unknown;
  /** Gives `eval` and the Function constructors back. */
  allowCodeGeneration(): void;
}

/** Hardens the realm that `target` is the global object of. Call it once, before any user code. */
export function harden(target: object): Removed {
  const realm = target as Record<string, unknown>;
  requireStrictMode();
  const { WebAssembly } = realm;
  const allowCodeGeneration = removeCodeGeneration(realm);
  for (const name of REMOVED) delete realm[name];
  delete (Date.prototype as { toTemporalInstant?: unknown }).toTemporalInstant;
  fixArrayBuffer(realm);
  fixDate(realm);
  fixDateTimeFormat();
  replaceFromAsync();
  return { WebAssembly, allowCodeGeneration };
}

/**
 * Every function knows its constructor, and the other kinds' constructors inherit from `Function` itself: all four are
 * replaced, under the same prototypes, so that `instanceof` and the methods of functions stay as they are. Returns what puts
 * them back.
 */
function removeCodeGeneration(realm: Record<string, unknown>): () => void {
  // The bundler's own two, which no linter can know.
  /* oxlint-disable no-undef */
  const kinds = [
    ['Function', Function.prototype],
    ['AsyncFunction', getPrototypeOf($asyncFunction)],
    ['AsyncGeneratorFunction', getPrototypeOf($asyncGeneratorFunction)],
    ['GeneratorFunction', getPrototypeOf(function* () {})],
  ] as readonly (readonly [keyof ReturnType<typeof blockedConstructors>, { readonly constructor: object }])[];
  /* oxlint-enable no-undef */
  const natives = kinds.map(([, prototype]) => prototype.constructor);
  const constructors = blockedConstructors();
  for (const [name, prototype] of kinds) {
    const blocked = constructors[name];
    defineProperty(blocked, 'length', { value: 1 });
    defineProperty(blocked, 'prototype', { value: prototype, writable: false });
    defineProperty(prototype, 'constructor', { value: blocked });
    if (name !== 'Function') setPrototypeOf(blocked, constructors.Function);
  }
  define(realm, 'Function', constructors.Function);
  const { eval: nativeEval } = realm;
  const evaluate = (): never => refuse();
  defineProperty(evaluate, 'name', { value: 'eval' });
  define(realm, 'eval', evaluate);
  return () => {
    // User code has not run yet: the methods of lists are still the engine's.
    for (const [i, [, prototype]] of kinds.entries()) defineProperty(prototype, 'constructor', { value: natives[i] });
    define(realm, 'Function', natives[0]);
    define(realm, 'eval', nativeEval);
  };
}

/** Each has the name that it is kept under. */
function blockedConstructors(): Record<
  'Function' | 'AsyncFunction' | 'AsyncGeneratorFunction' | 'GeneratorFunction',
  object
> {
  return {
    Function: function (): never {
      return refuse();
    },
    AsyncFunction: function (): never {
      return refuse();
    },
    AsyncGeneratorFunction: function (): never {
      return refuse();
    },
    GeneratorFunction: function (): never {
      return refuse();
    },
  };
}

const { EvalError } = globalThis;

function refuse(): never {
  throw new EvalError('Code generation from strings disallowed');
}

/** Buffers that can grow reserve memory that nobody counts, so the option that makes them is refused. */
function fixArrayBuffer(realm: Record<string, unknown>): void {
  const Native = ArrayBuffer;
  const { TypeError } = globalThis;
  const Fixed = function (length?: number, options?: { maxByteLength?: unknown } | null): unknown {
    if (new.target === undefined) throw new TypeError("Constructor ArrayBuffer requires 'new'");
    if (typeof options === 'object' && options !== null && options.maxByteLength !== undefined) {
      throw new TypeError('A resizable ArrayBuffer (maxByteLength) cannot be made here');
    }
    return construct(Native, [length], new.target);
  };
  for (const key of ['isView', Symbol.species] as const)
    defineProperty(Fixed, key, Object.getOwnPropertyDescriptor(Native, key) as PropertyDescriptor);
  defineProperty(Fixed, 'name', { value: 'ArrayBuffer' });
  defineProperty(Fixed, 'length', { value: 1 });
  defineProperty(Fixed, 'prototype', { value: Native.prototype, writable: false });
  define(Native.prototype, 'constructor', Fixed);
  define(realm, 'ArrayBuffer', Fixed);
}

/** The time of day is the turn's, wherever the language gives it. */
function fixDate(realm: Record<string, unknown>): void {
  const Native = Date;
  const { toString } = Native.prototype;
  const Fixed = function (...parts: unknown[]): unknown {
    if (new.target === undefined) return apply(toString, construct(Native, [turnTimeMs()]), []);
    return construct(Native, parts.length === 0 ? [turnTimeMs()] : parts, new.target);
  };
  const now = { now: () => turnTimeMs() }.now;
  for (const key of ['parse', 'UTC'] as const) define(Fixed, key, Native[key]);
  define(Fixed, 'now', now);
  defineProperty(Fixed, 'name', { value: 'Date' });
  defineProperty(Fixed, 'length', { value: 7 });
  defineProperty(Fixed, 'prototype', { value: Native.prototype, writable: false });
  define(Native.prototype, 'constructor', Fixed);
  define(realm, 'Date', Fixed);
}

/** Without a date, both of its methods take the time of day. */
function fixDateTimeFormat(): void {
  if (typeof Intl === 'undefined') return;
  const { prototype } = Intl.DateTimeFormat;
  const { formatToParts } = prototype;
  const getFormat = Object.getOwnPropertyDescriptor(prototype, 'format')?.get as () => (date: unknown) => string;
  const methods = {
    formatToParts(this: Intl.DateTimeFormat, date: unknown): unknown {
      return apply(formatToParts, this, [date === undefined ? turnTimeMs() : date] as never);
    },
    get format(): (date: unknown) => string {
      const format = apply(getFormat, this, []);
      return { format: (date: unknown) => format(date === undefined ? turnTimeMs() : date) }.format;
    },
  };
  define(prototype, 'formatToParts', methods.formatToParts);
  const { get } = Object.getOwnPropertyDescriptor(methods, 'format') as PropertyDescriptor;
  defineProperty(prototype, 'format', { get: get as () => unknown, enumerable: false, configurable: true });
}

/**
 * A stack's frames (Error.prepareStackTrace) show the functions and receivers of sloppy code, and so does
 * `function.caller`. Of strict code they show nothing, so all of ours has to be.
 */
function requireStrictMode(): void {
  const receiver = (function (this: unknown): unknown {
    return this;
  })();
  if (receiver !== undefined) throw new TypeError('The guest must be bundled as strict code');
}

function replaceFromAsync(): void {
  const method = function (this: unknown, items: unknown, mapper: unknown, thisArg: unknown): unknown {
    return fromAsync(this, items, mapper, thisArg);
  };
  defineProperty(method, 'name', { value: 'fromAsync' });
  defineProperty(method, 'length', { value: 1 });
  define(Array, 'fromAsync', method);
}

function define(target: object, key: PropertyKey, value: unknown): void {
  defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}
