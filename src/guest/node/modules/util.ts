/** node:util. */

import { isDeepEqual } from '../lib/deep-equal.ts';
import { codedError, codedTypeError, invalidArgument, requireFunction } from '../lib/errors.ts';
import { format, formatWithOptions } from '../lib/format.ts';
import { custom as customInspect, defaults, inspect as inspectValue } from '../lib/inspect.ts';
import { web, type WebSignal } from '../lib/web.ts';
import types, { isPromise } from './util-types.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- any function can be promisified, inherited from, deprecated
type Callable = (...args: any[]) => any;
type Callback = (error: unknown, ...values: unknown[]) => void;

const customPromisify: unique symbol = Symbol.for('nodejs.util.promisify.custom') as never;

/** A function that takes a callback as one that returns a promise. */
function promisifyFunction(original: Callable): Callable {
  requireFunction('original', original);
  const own = (original as { [customPromisify]?: unknown })[customPromisify];
  if (own !== undefined) {
    requireFunction('util.promisify.custom', own);
    return Object.defineProperty(own, customPromisify, { value: own, configurable: true });
  }
  const promisified = function (this: unknown, ...args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const callback: Callback = (error, value) => (error ? reject(error) : resolve(value));
      const result: unknown = Reflect.apply(original, this, [...args, callback]);
      // An async function, given by mistake: what it throws would be lost.
      if (isPromise(result)) result.catch(reject);
    });
  };
  Object.setPrototypeOf(promisified, Object.getPrototypeOf(original) as object);
  Object.defineProperty(promisified, customPromisify, { value: promisified, configurable: true });
  return Object.defineProperties(promisified, Object.getOwnPropertyDescriptors(original));
}

export const promisify: typeof promisifyFunction & { readonly custom: typeof customPromisify } = Object.assign(
  promisifyFunction,
  { custom: customPromisify } as const,
);

/** A function that returns a promise as one that takes a callback. */
export function callbackify(original: Callable): Callable {
  requireFunction('original', original);
  return function (this: unknown, ...args: unknown[]): void {
    const callback = args.pop();
    requireFunction('last argument', callback);
    // In a turn of its own: what the callback throws is nothing that the promise could do about.
    const call = (...values: unknown[]): void => web.queueMicrotask(() => void Reflect.apply(callback, this, values));
    (Reflect.apply(original, this, args) as Promise<unknown>).then(
      (value) => call(null, value),
      (error: unknown) => call(error || falsyRejection(error)),
    );
  };
}

const falsyRejection = (reason: unknown): Error =>
  Object.assign(codedError('ERR_FALSY_VALUE_REJECTION', 'Promise was rejected with falsy value'), { reason });

export function inherits(constructor: Callable, parent: Callable): void {
  requireFunction('ctor', constructor);
  requireFunction('superCtor', parent);
  if (parent.prototype === undefined) throw invalidArgument('superCtor.prototype', 'of type object', undefined);
  Object.defineProperty(constructor, 'super_', { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype as object, parent.prototype as object);
}

const warnedCodes = new Set<string>();

/** Says once that it should not be used any more. */
export function deprecate(fn: Callable, message: string, code?: string): Callable {
  let warned = false;
  const deprecated = function (this: unknown, ...args: unknown[]): unknown {
    if (!warned && !(code !== undefined && warnedCodes.has(code))) {
      if (code !== undefined) warnedCodes.add(code);
      web.console.warn(`${code === undefined ? '' : `[${code}] `}DeprecationWarning: ${message}`);
    }
    warned = true;
    return new.target === undefined ? Reflect.apply(fn, this, args) : Reflect.construct(fn, args, new.target);
  };
  Object.setPrototypeOf(deprecated, fn);
  if (fn.prototype !== undefined) deprecated.prototype = fn.prototype as object;
  return deprecated;
}

interface DebugLog {
  (...args: unknown[]): void;
  readonly enabled: boolean;
}

/** There is no NODE_DEBUG here to turn one on. */
export const debuglog = (): DebugLog => Object.assign((): void => undefined, { enabled: false } as const);
export { debuglog as debug };

export const inspect: typeof inspectValue & {
  readonly custom: typeof customInspect;
  readonly defaultOptions: typeof defaults;
} = Object.assign(inspectValue, { custom: customInspect, defaultOptions: defaults } as const);

export const isDeepStrictEqual = (a: unknown, b: unknown): boolean => isDeepEqual(a, b, true);

const CONTROL_SEQUENCES =
  // oxlint-disable-next-line no-control-regex
  /[\u001b\u009b][[\]()#;?]*(?:(?:(?:[a-zA-Z\d]*(?:;[-a-zA-Z\d/#&.:=?%@~_]*)*)?(?:\u0007|\u001b\u005c|\u009c))|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-ntqry=><~]))/g;

export function stripVTControlCharacters(text: string): string {
  if (typeof text !== 'string') throw invalidArgument('str', 'of type string', text);
  return text.replace(CONTROL_SEQUENCES, '');
}

export const toUSVString = (text: unknown): string => String(text).toWellFormed();

/** Resolves when the signal fires; `resource` would only keep it from being collected. */
export function aborted(signal: WebSignal, resource: object): Promise<void> {
  if (typeof signal?.addEventListener !== 'function')
    throw invalidArgument('signal', 'an instance of AbortSignal', signal);
  if (typeof resource !== 'object' || resource === null) throw invalidArgument('resource', 'an Object', resource);
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

export const isArray = (value: unknown): boolean => Array.isArray(value);

export const TextEncoder: unknown = web.TextEncoder;
export const TextDecoder: unknown = web.TextDecoder;

/** Copies properties, as `Object.assign` does now. */
export function _extend(target: object, source: unknown): object {
  return typeof source === 'object' && source !== null ? Object.assign(target, source) : target;
}

export function parseEnv(content: string): Record<string, string> {
  if (typeof content !== 'string')
    throw codedTypeError('ERR_INVALID_ARG_TYPE', 'The "content" argument must be of type string.');
  const result: Record<string, string> = {};
  const line =
    /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|`([^`]*)`|([^#\r\n]*))/gm;
  for (const [, name, double, single, backtick, bare] of content.matchAll(line))
    result[name!] = double?.replaceAll('\\n', '\n') ?? single ?? backtick ?? bare!.trim();
  return result;
}

export { format, formatWithOptions, types };

const all: object = {
  TextDecoder,
  TextEncoder,
  _extend,
  aborted,
  callbackify,
  debug: debuglog,
  debuglog,
  deprecate,
  format,
  formatWithOptions,
  inherits,
  inspect,
  isArray,
  isDeepStrictEqual,
  parseEnv,
  promisify,
  stripVTControlCharacters,
  toUSVString,
  types,
};

export default all;
