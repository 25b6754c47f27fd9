/** node:events. Listeners run in the order in which they were added, on a list that a listener may change. */

import { callable } from '../lib/callable.ts';
import { codedError, codedTypeError, invalidArgument, outOfRange, requireFunction } from '../lib/errors.ts';
import { web, type WebSignal } from '../lib/web.ts';
import { emittedBy } from '../lib/emitted.ts';

type Name = string | symbol;
// oxlint-disable-next-line typescript/no-explicit-any -- a listener takes what its event brings
export type Listener = (...args: any[]) => unknown;
type Kept = Listener & { readonly listener?: Listener };

interface Options {
  readonly captureRejections?: boolean;
}

export const errorMonitor: unique symbol = Symbol('events.errorMonitor');
export const captureRejectionSymbol: unique symbol = Symbol.for('nodejs.rejection') as never;
export let defaultMaxListeners = 10;

class EventEmitterMethods {
  declare _events: Record<Name, Kept[]>;
  declare _eventsCount: number;
  declare _maxListeners: number | undefined;
  declare _captures: boolean;

  emit(name: Name, ...args: unknown[]): boolean {
    const lists = this._events;
    if (name === 'error' && lists?.[errorMonitor] !== undefined) emitTo(this, lists[errorMonitor], args);
    const list = lists?.[name];
    if (list !== undefined) return emitTo(this, list, args);
    if (name === 'error') throw unhandled(args[0]);
    return false;
  }

  on(name: Name, listener: Listener): this {
    return add(this, name, listener, false);
  }

  addListener(name: Name, listener: Listener): this {
    return add(this, name, listener, false);
  }

  prependListener(name: Name, listener: Listener): this {
    return add(this, name, listener, true);
  }

  once(name: Name, listener: Listener): this {
    return add(this, name, onceOnly(this, name, listener), false);
  }

  prependOnceListener(name: Name, listener: Listener): this {
    return add(this, name, onceOnly(this, name, listener), true);
  }

  off(name: Name, listener: Listener): this {
    return this.removeListener(name, listener);
  }

  removeListener(name: Name, listener: Listener): this {
    requireFunction('listener', listener);
    const list = this._events?.[name];
    const at = list?.findLastIndex((kept) => kept === listener || kept.listener === listener) ?? -1;
    if (list === undefined || at === -1) return this;
    setList(this, name, list.toSpliced(at, 1));
    if (this._events['removeListener'] !== undefined) this.emit('removeListener', name, listener);
    return this;
  }

  removeAllListeners(name?: Name): this {
    if (this._events === undefined) return this;
    const names = name === undefined ? this.eventNames().filter((each) => each !== 'removeListener') : [name];
    for (const each of names) {
      const list = this._events[each] ?? [];
      if (this._events['removeListener'] === undefined || each === 'removeListener') setList(this, each, []);
      else for (const kept of list.toReversed()) this.removeListener(each, kept.listener ?? kept);
    }
    if (name === undefined) setList(this, 'removeListener', []);
    return this;
  }

  listeners(name: Name): Listener[] {
    return (this._events?.[name] ?? []).map((kept) => kept.listener ?? kept);
  }

  rawListeners(name: Name): Listener[] {
    return [...(this._events?.[name] ?? [])];
  }

  listenerCount(name: Name, listener?: Listener): number {
    const list = this._events?.[name] ?? [];
    if (listener === undefined) return list.length;
    return list.filter((kept) => kept === listener || kept.listener === listener).length;
  }

  eventNames(): Name[] {
    return this._events === undefined ? [] : Reflect.ownKeys(this._events);
  }

  setMaxListeners(count: number): this {
    requireCount('setMaxListeners', count);
    this._maxListeners = count;
    return this;
  }

  getMaxListeners(): number {
    return this._maxListeners ?? defaultMaxListeners;
  }
}

function requireCount(name: string, count: unknown): void {
  if (typeof count !== 'number' || !(count >= 0)) throw outOfRange(name, 'a non-negative number', count);
}

function setUp(self: EventEmitterMethods, options?: Options): void {
  // One that a subclass has, or that stands on a prototype, is not this object's own.
  if (!Object.hasOwn(self, '_events') || self._events === undefined) {
    self._events = Object.create(null) as Record<Name, Kept[]>;
    self._eventsCount = 0;
  }
  self._maxListeners ??= undefined;
  self._captures = options?.captureRejections === true;
}

/** Lists are replaced and never changed, so that one that is being walked stays as it is. */
function setList(emitter: EventEmitterMethods, name: Name, list: Kept[]): void {
  if (list.length === 0) delete emitter._events[name];
  else emitter._events[name] = list;
  emitter._eventsCount = Reflect.ownKeys(emitter._events).length;
}

function add(emitter: EventEmitterMethods, name: Name, listener: Kept, first: boolean): never {
  requireFunction('listener', listener);
  if (emitter._events === undefined) setUp(emitter);
  if (emitter._events['newListener'] !== undefined) emitter.emit('newListener', name, listener.listener ?? listener);
  const before = emitter._events[name] ?? [];
  const list = first ? [listener, ...before] : [...before, listener];
  setList(emitter, name, list);
  warnOfMany(emitter, name, list);
  return emitter as never;
}

const warned = new WeakMap<object, Set<Name>>();

function warnOfMany(emitter: EventEmitterMethods, name: Name, list: readonly Kept[]): void {
  const most = emitter.getMaxListeners();
  if (most === 0 || list.length <= most) return;
  const names = warned.get(emitter) ?? new Set();
  if (names.has(name)) return;
  warned.set(emitter, names.add(name));
  web.console.warn(
    `Possible EventEmitter memory leak detected. ${list.length} ${String(name)} listeners added. MaxListeners is ${most}. Use emitter.setMaxListeners() to increase limit`,
  );
}

function onceOnly(emitter: EventEmitterMethods, name: Name, listener: Listener): Kept {
  requireFunction('listener', listener);
  let fired = false;
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    if (fired) return undefined;
    fired = true;
    emitter.removeListener(name, wrapper);
    return Reflect.apply(listener, this, args);
  };
  return Object.assign(wrapper, { listener });
}

function emitTo(emitter: EventEmitterMethods, list: readonly Kept[], args: unknown[]): true {
  for (const listener of list) {
    const result: unknown = Reflect.apply(listener, emitter, args);
    if (emitter._captures && isThenable(result))
      result.then(undefined, (error: unknown) => caught(emitter, error, args));
  }
  return true;
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

function caught(emitter: EventEmitterMethods, error: unknown, args: unknown[]): void {
  const handler = (emitter as { [captureRejectionSymbol]?: unknown })[captureRejectionSymbol];
  if (typeof handler === 'function') Reflect.apply(handler, emitter, [error, ...args]);
  else emitter.emit('error', error);
}

function unhandled(error: unknown): unknown {
  if (error instanceof Error) return error;
  const text = typeof error === 'string' ? `'${error}'` : String(error);
  return Object.assign(codedError('ERR_UNHANDLED_ERROR', `Unhandled error. (${text})`), { context: error });
}

export interface EventEmitter extends EventEmitterMethods {}

interface EventEmitterConstructor {
  new (options?: Options): EventEmitter;
  readonly prototype: EventEmitter;
}

export const EventEmitter: EventEmitterConstructor = callable('EventEmitter', EventEmitterMethods, null, setUp);

/** Of an emitter or an EventTarget. */
interface Target {
  addEventListener(type: string, listener: Listener, options?: { once?: boolean }): void;
  removeEventListener(type: string, listener: Listener): void;
}

function listen(target: unknown, name: Name, listener: Listener): () => void {
  if (typeof (target as EventEmitter).on === 'function') {
    (target as EventEmitter).on(name, listener);
    return () => void (target as EventEmitter).removeListener(name, listener);
  }
  if (typeof (target as Target).addEventListener !== 'function')
    throw invalidArgument('emitter', 'an instance of EventEmitter', target);
  (target as Target).addEventListener(name as string, listener);
  return () => (target as Target).removeEventListener(name as string, listener);
}

interface SignalOptions {
  readonly signal?: WebSignal;
}

/** Resolves to the arguments of the next such event; rejects with the next error. */
export function once(emitter: unknown, name: Name, { signal }: SignalOptions = {}): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const stops: (() => void)[] = [];
    const settle = (settled: () => void): void => {
      for (const stop of stops) stop();
      settled();
    };
    const abort = (): void => settle(() => reject(aborted(signal)));
    if (signal?.aborted === true) return abort();
    stops.push(listen(emitter, name, (...args) => settle(() => resolve(args))));
    if (name !== 'error' && typeof (emitter as EventEmitter).on === 'function')
      stops.push(listen(emitter, 'error', (error: unknown) => settle(() => reject(error))));
    if (signal === undefined) return;
    signal.addEventListener('abort', abort, { once: true });
    stops.push(() => signal.removeEventListener('abort', abort));
  });
}

function aborted(signal: WebSignal | undefined): Error {
  const error = new Error('The operation was aborted', { cause: signal?.reason });
  error.name = 'AbortError';
  return Object.assign(error, { code: 'ABORT_ERR' });
}

interface OnOptions extends SignalOptions {
  readonly close?: readonly string[];
}

/** Every such event from now on, as an async iterator of lists of arguments. */
export function on(
  emitter: unknown,
  name: Name,
  { signal, close = [] }: OnOptions = {},
): AsyncIterableIterator<unknown[]> {
  if (signal?.aborted === true) throw aborted(signal);
  return emittedBy<unknown[]>(({ give, end, fail }) => {
    const stops = [
      listen(emitter, name, (...args) => give(args)),
      ...(name === 'error' ? [] : [listen(emitter, 'error', (error: unknown) => fail(error))]),
      ...close.map((each) => listen(emitter, each, end)),
    ];
    const abort = (): void => fail(aborted(signal));
    signal?.addEventListener('abort', abort, { once: true });
    return () => {
      for (const stop of stops) stop();
      signal?.removeEventListener('abort', abort);
    };
  });
}

export function getEventListeners(emitter: EventEmitter, name: Name): Listener[] {
  if (typeof emitter.listeners !== 'function') throw invalidArgument('emitter', 'an instance of EventEmitter', emitter);
  return emitter.listeners(name);
}

export const getMaxListeners = (emitter: EventEmitter): number => emitter.getMaxListeners();

export const listenerCount = (emitter: EventEmitter, name: Name): number => emitter.listenerCount(name);

/** Without targets: the default of all emitters. */
export function setMaxListeners(count: number = defaultMaxListeners, ...targets: EventEmitter[]): void {
  requireCount('setMaxListeners', count);
  if (targets.length === 0) defaultMaxListeners = count;
  // An EventTarget has no such bound.
  for (const target of targets) target.setMaxListeners?.(count);
}

export function addAbortListener(signal: WebSignal, listener: () => void): { [Symbol.dispose](): void } {
  if (typeof signal?.addEventListener !== 'function')
    throw codedTypeError('ERR_INVALID_ARG_TYPE', 'The "signal" argument must be an instance of AbortSignal.');
  requireFunction('listener', listener);
  if (signal.aborted) web.queueMicrotask(listener);
  else signal.addEventListener('abort', listener, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', listener) };
}

const statics = {
  EventEmitter,
  addAbortListener,
  captureRejectionSymbol,
  errorMonitor,
  getEventListeners,
  getMaxListeners,
  listenerCount,
  on,
  once,
  setMaxListeners,
};
Object.assign(EventEmitter, statics);
Object.defineProperty(EventEmitter, 'defaultMaxListeners', {
  get: () => defaultMaxListeners,
  set(count: number) {
    requireCount('defaultMaxListeners', count);
    defaultMaxListeners = count;
  },
  enumerable: true,
  configurable: true,
});

export default EventEmitter;
