/** Headers, as the Fetch standard has them, over one flat list of names and values. */

import {
  apply,
  arrayIterator,
  charCodeAt,
  exec,
  getOwnPropertyDescriptor,
  isObject,
  ownKeys,
  push,
  sort,
  stringify,
  stringSlice,
  toLowerCase,
  toText,
  TypeError,
} from './primordials.ts';

const iterator: typeof Symbol.iterator = Symbol.iterator;
const NOT_A_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;
const NOT_A_VALUE = /[\0\r\n\u0100-\uffff]/;

/** The list itself: name, value, name, value …, names in lower case. Not a copy. */
export let listOf: (headers: Headers) => string[];
/** Headers from a list that is known to be valid; names in any case. */
export let headersOf: (list: readonly string[]) => Headers;
/** The same headers, which refuse every change from now on. */
export let immutable: (headers: Headers) => Headers;
export let isHeaders: (value: unknown) => value is Headers;

export class Headers {
  #list: string[] = [];
  #isImmutable = false;

  static {
    immutable = (headers) => {
      headers.#isImmutable = true;
      return headers;
    };
    listOf = (headers) => headers.#list;
    isHeaders = (value): value is Headers => isObject(value) && #list in value;
    headersOf = (list) => {
      const headers = new Headers();
      for (let i = 0; i < list.length; i += 2) headers.#add(toLowerCase(list[i] as string), list[i + 1] as string);
      return headers;
    };
  }

  constructor(init?: unknown) {
    if (init === undefined || init === null) return;
    if (!isObject(init)) throw new TypeError('Headers can be made of Headers, of a list of pairs, or of an object');
    if (#list in init) this.#copy(init.#list);
    else if (typeof (init as Iterable<unknown>)[iterator] === 'function')
      this.#fillFromPairs(init as Iterable<unknown>);
    else this.#fillFromObject(init);
  }

  append(name: unknown, value: unknown): void {
    const added = nameOf(name);
    const text = valueOf(value);
    this.#requireMutable();
    this.#add(added, text);
  }

  set(name: unknown, value: unknown): void {
    const wanted = nameOf(name);
    const text = valueOf(value);
    this.#requireMutable();
    const at = this.#find(wanted, 0);
    if (at === -1) return this.#add(wanted, text);
    this.#list[at + 1] = text;
    this.#remove(wanted, at + 2);
  }

  get(name: unknown): string | null {
    return this.#combined(nameOf(name));
  }

  has(name: unknown): boolean {
    return this.#find(nameOf(name), 0) !== -1;
  }

  delete(name: unknown): void {
    const unwanted = nameOf(name);
    this.#requireMutable();
    this.#remove(unwanted, 0);
  }

  getSetCookie(): string[] {
    const cookies: string[] = [];
    for (let i = 0; i < this.#list.length; i += 2)
      if (this.#list[i] === 'set-cookie') push(cookies, this.#list[i + 1] as string);
    return cookies;
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArg?: unknown): void {
    if (typeof callback !== 'function') throw new TypeError('Headers.forEach() needs a function');
    const pairs = this.#sorted();
    for (let i = 0; i < pairs.length; i++) {
      const pair = pairs[i] as [string, string];
      apply(callback, thisArg, [pair[1], pair[0], this]);
    }
  }

  keys(): ArrayIterator<string> {
    return arrayIterator(this.#column(0));
  }

  values(): ArrayIterator<string> {
    return arrayIterator(this.#column(1));
  }

  entries(): ArrayIterator<[string, string]> {
    return arrayIterator(this.#sorted());
  }

  [Symbol.iterator](): ArrayIterator<[string, string]> {
    return arrayIterator(this.#sorted());
  }

  get [Symbol.toStringTag](): string {
    return 'Headers';
  }

  #requireMutable(): void {
    if (this.#isImmutable) throw new TypeError('These headers cannot be changed: copy them with new Headers(headers)');
  }

  #add(name: string, value: string): void {
    push(this.#list, name);
    push(this.#list, value);
  }

  #copy(list: readonly string[]): void {
    for (let i = 0; i < list.length; i++) push(this.#list, list[i] as string);
  }

  #fillFromPairs(pairs: Iterable<unknown>): void {
    for (const pair of pairs) {
      if (!isObject(pair) || typeof (pair as Iterable<unknown>)[iterator] !== 'function')
        throw new TypeError('A header must be a pair of name and value');
      const [name, value, ...more] = pair as Iterable<unknown>;
      if (value === undefined || more.length > 0) throw new TypeError('A header must be a pair of name and value');
      this.append(name, value);
    }
  }

  #fillFromObject(init: object): void {
    const keys = ownKeys(init);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      if (getOwnPropertyDescriptor(init, key)?.enumerable !== true) continue;
      this.#add(nameOf(key), valueOf((init as Record<string, unknown>)[key]));
    }
  }

  /** Where in the list `name` stands, at `from` or later; -1 where it does not. */
  #find(name: string, from: number): number {
    for (let i = from; i < this.#list.length; i += 2) if (this.#list[i] === name) return i;
    return -1;
  }

  #combined(name: string): string | null {
    let at = this.#find(name, 0);
    if (at === -1) return null;
    let value = this.#list[at + 1] as string;
    while ((at = this.#find(name, at + 2)) !== -1) value += `, ${this.#list[at + 1]}`;
    return value;
  }

  #remove(name: string, from: number): void {
    const kept: string[] = [];
    for (let i = 0; i < this.#list.length; i += 2) {
      if (i >= from && this.#list[i] === name) continue;
      push(kept, this.#list[i] as string);
      push(kept, this.#list[i + 1] as string);
    }
    this.#list = kept;
  }

  /** Pairs in the standard's order: by name, values of one name combined, but each Set-Cookie apart. */
  #sorted(): [string, string][] {
    const names: string[] = [];
    for (let i = 0; i < this.#list.length; i += 2) push(names, this.#list[i] as string);
    sort(names);
    const cookies = this.getSetCookie();
    const pairs: [string, string][] = [];
    let cookie = 0;
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      if (name === 'set-cookie') push(pairs, [name, cookies[cookie++] as string]);
      else if (name !== names[i - 1]) push(pairs, [name, this.#combined(name) as string]);
    }
    return pairs;
  }

  #column(index: 0 | 1): string[] {
    const pairs = this.#sorted();
    const column: string[] = [];
    for (let i = 0; i < pairs.length; i++) push(column, (pairs[i] as [string, string])[index]);
    return column;
  }
}

function nameOf(name: unknown): string {
  const text = typeof name === 'string' ? name : toText(name);
  if (text === '' || exec(NOT_A_TOKEN, text) !== null) throw new TypeError(`${quote(text)} is not a header name`);
  return toLowerCase(text);
}

function valueOf(value: unknown): string {
  const text = trimmed(typeof value === 'string' ? value : `${value as string}`);
  if (exec(NOT_A_VALUE, text) !== null) throw new TypeError(`${quote(text)} is not a header value`);
  return text;
}

/** Without HTTP's white space at its ends. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(charCodeAt(text, start))) start++;
  while (end > start && isSpace(charCodeAt(text, end - 1))) end--;
  return start === 0 && end === text.length ? text : stringSlice(text, start, end);
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
const quote = (text: string): string => stringify(text.length > 80 ? `${stringSlice(text, 0, 80)}…` : text);
