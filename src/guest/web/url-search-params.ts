/** URLSearchParams, as the URL standard has it. */

import * as modules from './modules.ts';
import {
  arrayIterator,
  isObject,
  join,
  push,
  put,
  split,
  stringIndexOf,
  stringSlice,
  toWellFormed,
  TypeError,
} from './primordials.ts';

type Pair = [name: string, value: string];

export let isURLSearchParams: (value: unknown) => value is URLSearchParams;
/** Parameters that tell a URL of their changes. */
export let paramsOfUrl: (query: string, onChange: (query: string) => void) => URLSearchParams;
/** The URL has another query. */
export let resetParams: (params: URLSearchParams, query: string) => void;

const text = (value: unknown): string => toWellFormed(`${value as string}`);

export class URLSearchParams {
  #list: Pair[] = [];
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
  }

  constructor(init?: unknown) {
    if (init === undefined) return;
    if (!isObject(init)) this.#list = parseQuery(withoutMark(text(init)));
    else if (#list in init) this.#list = init.#list.map(([name, value]) => [name, value]);
    else if (typeof (init as Iterable<unknown>)[Symbol.iterator] === 'function')
      this.#fillFromPairs(init as Iterable<unknown>);
    else this.#fillFromObject(init as Record<string, unknown>);
  }

  get size(): number {
    return this.#list.length;
  }

  append(name: unknown, value: unknown): void {
    push(this.#list, [text(name), text(value)]);
    this.#changed();
  }

  delete(name: unknown, value?: unknown): void {
    const matches = matcher(name, value);
    this.#list = this.#list.filter((pair) => !matches(pair));
    this.#changed();
  }

  get(name: unknown): string | null {
    const wanted = text(name);
    for (let i = 0; i < this.#list.length; i++)
      if ((this.#list[i] as Pair)[0] === wanted) return (this.#list[i] as Pair)[1];
    return null;
  }

  getAll(name: unknown): string[] {
    return this.#list.filter(matcher(name, undefined)).map((pair) => pair[1]);
  }

  has(name: unknown, value?: unknown): boolean {
    return this.#list.some(matcher(name, value));
  }

  set(name: unknown, value: unknown): void {
    const wanted = text(name);
    const first = this.#list.find((pair) => pair[0] === wanted);
    if (first === undefined) push(this.#list, [wanted, text(value)]);
    else {
      first[1] = text(value);
      this.#list = this.#list.filter((pair) => pair === first || pair[0] !== wanted);
    }
    this.#changed();
  }

  sort(): void {
    this.#list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#changed();
  }

  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, thisArg?: unknown): void {
    if (typeof callback !== 'function') throw new TypeError('URLSearchParams.forEach() needs a function');
    // The standard lets the callback change what is still to come.
    for (let i = 0; i < this.#list.length; i++) {
      const [name, value] = this.#list[i] as Pair;
      callback.call(thisArg, value, name, this);
    }
  }

  keys(): ArrayIterator<string> {
    return arrayIterator(this.#list.map((pair) => pair[0]));
  }

  values(): ArrayIterator<string> {
    return arrayIterator(this.#list.map((pair) => pair[1]));
  }

  entries(): ArrayIterator<Pair> {
    return arrayIterator(this.#list.map(([name, value]): Pair => [name, value]));
  }

  [Symbol.iterator](): ArrayIterator<Pair> {
    return this.entries();
  }

  toString(): string {
    return serialize(this.#list);
  }

  get [Symbol.toStringTag](): string {
    return 'URLSearchParams';
  }

  #changed(): void {
    this.#onChange?.(serialize(this.#list));
  }

  #fillFromPairs(pairs: Iterable<unknown>): void {
    for (const pair of pairs) {
      const [name, value, ...more] = isObject(pair) ? (pair as Iterable<unknown>) : [];
      if (value === undefined || more.length > 0) throw new TypeError('A parameter must be a pair of name and value');
      push(this.#list, [text(name), text(value)]);
    }
  }

  #fillFromObject(init: Record<string, unknown>): void {
    const known = new Map<string, Pair>();
    for (const key of Object.keys(init)) {
      const pair: Pair = [text(key), text(init[key])];
      const before = known.get(pair[0]);
      if (before === undefined) push(this.#list, pair);
      else before[1] = pair[1];
      known.set(pair[0], before ?? pair);
    }
  }
}

/** `a=1&b=2` as pairs. */
export function parseQuery(query: string): Pair[] {
  try {
    return parsePlainQuery(query);
  } catch {
    // Not every sequence of escapes is UTF-8; the standard's own parser has an answer for those too.
    return modules.urlParser().parseUrlencodedString(query);
  }
}

function parsePlainQuery(query: string): Pair[] {
  const pairs: Pair[] = [];
  if (query === '') return pairs;
  const parts = split(query, '&');
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string;
    if (part === '') continue;
    const equals = stringIndexOf(part, '=');
    if (equals === -1) push(pairs, [decode(part), '']);
    else push(pairs, [decode(stringSlice(part, 0, equals)), decode(stringSlice(part, equals + 1))]);
  }
  return pairs;
}

const { decodeURIComponent, encodeURIComponent } = globalThis;

/** Throws a URIError for escapes that are not UTF-8. */
function decode(part: string): string {
  const spaced = stringIndexOf(part, '+') === -1 ? part : join(split(part, '+'), ' ');
  return stringIndexOf(spaced, '%') === -1 ? spaced : decodeURIComponent(spaced);
}

const serialize = (list: readonly Pair[]): string =>
  list.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');

const ESCAPES: Readonly<Record<string, string>> = {
  '%20': '+',
  '!': '%21',
  "'": '%27',
  '(': '%28',
  ')': '%29',
  '~': '%7E',
};
const encode = (part: string): string =>
  encodeURIComponent(part).replace(/%20|[!'()~]/g, (found) => ESCAPES[found] as string);

const withoutMark = (query: string): string => (query[0] === '?' ? stringSlice(query, 1) : query);

function matcher(name: unknown, value: unknown): (pair: Pair) => boolean {
  const wanted = text(name);
  if (value === undefined) return (pair) => pair[0] === wanted;
  const wantedValue = text(value);
  return (pair) => pair[0] === wanted && pair[1] === wantedValue;
}

/** The query as a plain object; of a name that occurs more than once, the last value. */
export function queryObject(query: string): Record<string, string> {
  const object: Record<string, string> = {};
  const pairs = parseQuery(query);
  for (let i = 0; i < pairs.length; i++) put(object, (pairs[i] as Pair)[0], (pairs[i] as Pair)[1]);
  return object;
}
