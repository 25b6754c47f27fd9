/** URLSearchParams, as the URL standard has it. */

import { defineInterface, requireArguments } from './interface.ts';
import { iterateEntries, pairIteration, type PairIteration } from './pair-iterator.ts';
import {
  dictionary,
  getOwnPropertyDescriptor,
  isObject,
  ownKeys,
  push,
  put,
  sortBy,
  stringSlice,
  toWellFormed,
  TypeError,
} from './primordials.ts';
import { parseQuery, serializeQuery, type Entry } from './url-query.ts';

export let isURLSearchParams: (value: unknown) => value is URLSearchParams;
/** Parameters that tell a URL of their changes. */
export let paramsOfUrl: (query: string, onChange: (query: string) => void) => URLSearchParams;
/** The URL has another query. */
export let resetParams: (params: URLSearchParams, query: string) => void;
let entryAt: (params: URLSearchParams, index: number) => Entry | null;

const text = (value: unknown): string => toWellFormed(`${value as string}`);

export class URLSearchParams {
  declare [Symbol.iterator]: () => IterableIterator<Entry>;
  #list: Entry[] = [];
  #onChange: ((query: string) => void) | null = null;

  static {
    isURLSearchParams = (value): value is URLSearchParams => isObject(value) && #list in value;
    paramsOfUrl = (query, onChange) => {
      const params = new URLSearchParams();
      params.#list = parseQuery(query);
      params.#onChange = onChange;
      return params;
    };
    resetParams = (params, query) => void (params.#list = parseQuery(query));
    entryAt = (params, index) => (index < params.#list.length ? (params.#list[index] as Entry) : null);
  }

  constructor(init: unknown = '') {
    if (!isObject(init)) {
      this.#list = parseQuery(withoutMark(text(init)));
      return;
    }
    const iterate: unknown = (init as Partial<Iterable<unknown>>)[Symbol.iterator];
    if (iterate === undefined || iterate === null) this.#list = entriesOfObject(init);
    else if (#list in init && iterate === entries) this.#list = copyOf(init.#list);
    else this.#list = entriesOfPairs(init as Iterable<unknown>);
  }

  get size(): number {
    return this.#list.length;
  }

  append(name: unknown, value: unknown): void {
    const list = this.#list;
    requireArguments(arguments.length, 2, 'URLSearchParams.append()');
    push(list, [text(name), text(value)]);
    this.#changed();
  }

  delete(name: unknown, value: unknown = undefined): void {
    const list = this.#list;
    requireArguments(arguments.length, 1, 'URLSearchParams.delete()');
    this.#list = select(list, text(name), wanted(value), false);
    this.#changed();
  }

  get(name: unknown): string | null {
    const list = this.#list;
    requireArguments(arguments.length, 1, 'URLSearchParams.get()');
    const index = indexOf(list, text(name), null);
    return index === -1 ? null : (list[index] as Entry)[1];
  }

  getAll(name: unknown): string[] {
    const list = this.#list;
    requireArguments(arguments.length, 1, 'URLSearchParams.getAll()');
    const found = select(list, text(name), null, true);
    const values: string[] = [];
    for (let i = 0; i < found.length; i++) push(values, (found[i] as Entry)[1]);
    return values;
  }

  has(name: unknown, value: unknown = undefined): boolean {
    const list = this.#list;
    requireArguments(arguments.length, 1, 'URLSearchParams.has()');
    return indexOf(list, text(name), wanted(value)) !== -1;
  }

  set(name: unknown, value: unknown): void {
    const list = this.#list;
    requireArguments(arguments.length, 2, 'URLSearchParams.set()');
    const key = text(name);
    const entry: Entry = [key, text(value)];
    const index = indexOf(list, key, null);
    if (index === -1) push(list, entry);
    else this.#list = replaced(list, index, entry);
    this.#changed();
  }

  sort(): void {
    sortBy(this.#list, byName);
    this.#changed();
  }

  forEach(callback: unknown, thisArg: unknown = undefined): void {
    iteration.forEach(this, callback, thisArg);
  }

  keys(): IterableIterator<string> {
    return iteration.iterate(this, 'keys');
  }

  values(): IterableIterator<string> {
    return iteration.iterate(this, 'values');
  }

  entries(): IterableIterator<Entry> {
    return iteration.iterate(this, 'entries');
  }

  toString(): string {
    return serializeQuery(this.#list);
  }

  #changed(): void {
    this.#onChange?.(serializeQuery(this.#list));
  }
}

const iteration: PairIteration<URLSearchParams> = pairIteration('URLSearchParams', entryAt);
const { entries } = URLSearchParams.prototype;
defineInterface(URLSearchParams, 'URLSearchParams');
iterateEntries(URLSearchParams.prototype);

function entriesOfPairs(pairs: Iterable<unknown>): Entry[] {
  const list: Entry[] = [];
  for (const pair of pairs) {
    if (!isObject(pair)) throw notPair();
    const parts: string[] = [];
    for (const part of pair as Iterable<unknown>) push(parts, text(part));
    if (parts.length !== 2) throw notPair();
    push(list, [parts[0] as string, parts[1] as string]);
  }
  return list;
}

const notPair = (): TypeError => new TypeError('A parameter must be a pair of name and value');

function entriesOfObject(init: object): Entry[] {
  const list: Entry[] = [];
  const places = dictionary<number>();
  const keys = ownKeys(init);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as PropertyKey;
    if (getOwnPropertyDescriptor(init, key)?.enumerable !== true) continue;
    if (typeof key === 'symbol') throw new TypeError('The name of a parameter cannot be a symbol');
    const entry: Entry = [text(key), text((init as Record<PropertyKey, unknown>)[key])];
    // Two keys may become one, where they have lone surrogates.
    const place = places[entry[0]];
    if (place === undefined) {
      places[entry[0]] = list.length;
      push(list, entry);
    } else put(list, place, entry);
  }
  return list;
}

function copyOf(list: readonly Entry[]): Entry[] {
  const copy: Entry[] = [];
  for (let i = 0; i < list.length; i++) push(copy, [(list[i] as Entry)[0], (list[i] as Entry)[1]]);
  return copy;
}

const wanted = (value: unknown): string | null => (value === undefined ? null : text(value));

const matches = (entry: Entry, name: string, value: string | null): boolean =>
  entry[0] === name && (value === null || entry[1] === value);

function indexOf(list: readonly Entry[], name: string, value: string | null): number {
  for (let i = 0; i < list.length; i++) if (matches(list[i] as Entry, name, value)) return i;
  return -1;
}

/** The entries that match, or those that don't. */
function select(list: readonly Entry[], name: string, value: string | null, matching: boolean): Entry[] {
  const found: Entry[] = [];
  for (let i = 0; i < list.length; i++)
    if (matches(list[i] as Entry, name, value) === matching) push(found, list[i] as Entry);
  return found;
}

/** `entry` at `index`, and no other of its name. */
function replaced(list: readonly Entry[], index: number, entry: Entry): Entry[] {
  const others: Entry[] = [];
  for (let i = 0; i < list.length; i++) {
    if (i === index) push(others, entry);
    else if ((list[i] as Entry)[0] !== entry[0]) push(others, list[i] as Entry);
  }
  return others;
}

const byName = (a: Entry, b: Entry): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);

const withoutMark = (query: string): string => (query[0] === '?' ? stringSlice(query, 1) : query);
