/** PerformanceObserver: hears of marks and measures, a microtask after they are made. */

import { chain, reportException, resolved } from './engine.ts';
import { DOMException } from './dom-exception.ts';
import { dictionaryOf } from './event.ts';
import { defineInterface, illegalConstructor, requireArguments } from './interface.ts';
import { typeOf, type EntryType, type PerformanceEntry } from './performance-entry.ts';
import { isEntryType, keep, keptOf, select } from './performance-timeline.ts';
import { apply, freeze, isObject, push, domString, TypeError } from './primordials.ts';

const MAKE: unique symbol = Symbol('make');

export class PerformanceObserverEntryList {
  readonly #entries: readonly PerformanceEntry[];

  constructor(token: unknown = undefined, entries: readonly PerformanceEntry[] = []) {
    if (token !== MAKE) throw illegalConstructor();
    this.#entries = entries;
  }

  getEntries(): PerformanceEntry[] {
    return select(this.#entries, null, null);
  }

  getEntriesByType(type: unknown): PerformanceEntry[] {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, 'getEntriesByType()');
    return select(entries, null, domString(type));
  }

  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    const entries = this.#entries;
    requireArguments(arguments.length, 1, 'getEntriesByName()');
    return select(entries, domString(name), type === undefined ? null : domString(type));
  }
}

interface ObserveOptions {
  readonly entryTypes?: unknown;
  readonly type?: unknown;
  readonly buffered?: unknown;
}

const SUPPORTED: readonly EntryType[] = freeze(['mark', 'measure'] as const);
/** Those that observe anything. */
let observers: PerformanceObserver[] = [];
let scheduled = false;
let queue: (observer: PerformanceObserver, entry: PerformanceEntry) => boolean;
let deliver: (observer: PerformanceObserver) => void;

/** Puts an entry on the timeline and tells who observes its type. */
export function enqueue(entry: PerformanceEntry): void {
  keep(entry);
  let told = false;
  for (let i = 0; i < observers.length; i++) if (queue(observers[i] as PerformanceObserver, entry)) told = true;
  if (told) schedule();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  void chain(resolved(undefined), () => {
    scheduled = false;
    const waiting = observers;
    for (let i = 0; i < waiting.length; i++) deliver(waiting[i] as PerformanceObserver);
  });
}

export class PerformanceObserver {
  readonly #callback: object;
  #types: EntryType[] = [];
  /** What it was first told with, which can't be changed. */
  #mode: 'single' | 'multiple' | null = null;
  #entries: PerformanceEntry[] = [];

  static {
    queue = (observer, entry) => {
      if (!observer.#observes(typeOf(entry))) return false;
      push(observer.#entries, entry);
      return true;
    };
    deliver = (observer) => {
      if (observer.#entries.length === 0) return;
      const list = new PerformanceObserverEntryList(MAKE, observer.takeRecords());
      try {
        apply(observer.#callback, observer, [list, observer, { droppedEntriesCount: 0 }]);
      } catch (error) {
        reportException(error);
      }
    };
  }

  constructor(callback: unknown) {
    if (typeof callback !== 'function') throw new TypeError('A PerformanceObserver needs a function');
    this.#callback = callback;
  }

  static get supportedEntryTypes(): readonly string[] {
    return SUPPORTED;
  }

  observe(options: ObserveOptions | null | undefined = undefined): void {
    const { buffered, entryTypes, type } = dictionaryOf<ObserveOptions>(options);
    if ((entryTypes === undefined) === (type === undefined))
      throw new TypeError('PerformanceObserver.observe() needs either entryTypes or a type');
    if (entryTypes !== undefined && buffered !== undefined)
      throw new TypeError('PerformanceObserver.observe() takes no entryTypes beside buffered');
    const mode = type === undefined ? 'multiple' : 'single';
    if (this.#mode !== null && this.#mode !== mode)
      throw new DOMException('An observer of a type does not become one of entryTypes', 'InvalidModificationError');
    const names = mode === 'single' ? [domString(type)] : namesOf(entryTypes);
    this.#mode = mode;
    const types = supportedOf(names);
    if (types.length === 0) return;
    if (mode === 'multiple') this.#types = types;
    else if (!this.#observes(types[0] as EntryType)) push(this.#types, types[0] as EntryType);
    register(this);
    if (mode === 'single' && buffered) this.#queueKept(types[0] as EntryType);
  }

  disconnect(): void {
    this.#types = [];
    this.#entries = [];
    this.#mode = null;
    unregister(this);
  }

  takeRecords(): PerformanceEntry[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }

  #observes(type: EntryType): boolean {
    for (let i = 0; i < this.#types.length; i++) if (this.#types[i] === type) return true;
    return false;
  }

  #queueKept(type: EntryType): void {
    const entries = keptOf(type);
    for (let i = 0; i < entries.length; i++) push(this.#entries, entries[i] as PerformanceEntry);
    schedule();
  }
}
defineInterface(PerformanceObserverEntryList, 'PerformanceObserverEntryList');
defineInterface(PerformanceObserver, 'PerformanceObserver');

function namesOf(entryTypes: unknown): string[] {
  if (!isObject(entryTypes)) throw new TypeError('entryTypes is not a list');
  const names: string[] = [];
  for (const name of entryTypes as Iterable<unknown>) push(names, domString(name));
  return names;
}

function supportedOf(names: readonly string[]): EntryType[] {
  const types: EntryType[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (isEntryType(name)) push(types, name);
  }
  return types;
}

function register(observer: PerformanceObserver): void {
  for (let i = 0; i < observers.length; i++) if (observers[i] === observer) return;
  push(observers, observer);
}

function unregister(observer: PerformanceObserver): void {
  const others: PerformanceObserver[] = [];
  for (let i = 0; i < observers.length; i++)
    if (observers[i] !== observer) push(others, observers[i] as PerformanceObserver);
  observers = others;
}
