/** Headers, as the Fetch standard has them, over one flat list of names and values. */

import { nameInterface, requireArguments } from './interface.ts';
import { iterateEntries, pairIteration, type Pair, type PairIteration } from './pair-iterator.ts';
import {
  charCodeAt,
  dictionary,
  exec,
  getOwnPropertyDescriptor,
  isObject,
  ownKeys,
  push,
  sort,
  stringify,
  stringSlice,
  toLowerCase,
  TypeError,
} from './primordials.ts';
import { eachOf, iterationOf } from './sequence.ts';

const NOT_A_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/;
const NOT_A_VALUE = /[\0\r\n\u0100-\uffff]/;
const NOT_A_BYTE = /[^\0-\xff]/;

/** The list itself: name, value, name, value …, names in lower case. Not a copy. */
export let listOf: (headers: Headers) => string[];
/** Headers from a list that is known to be valid; names in any case. */
export let headersOf: (list: readonly string[]) => Headers;
/** The same headers, which refuse every change from now on. */
export let immutable: (headers: Headers) => Headers;
export let isHeaders: (value: unknown) => value is Headers;
/** A copy that can be changed only where the original can. */
export let copyHeaders: (headers: Headers) => Headers;
let pairAt: (headers: Headers, index: number) => Pair | null;

export class Headers {
  declare [Symbol.iterator]: () => IterableIterator<[string, string]>;
  #list: string[] = [];
  /** In the order of iteration; null since the last change. */
  #pairs: Pair[] | null = null;
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
    copyHeaders = (from) => {
      const headers = new Headers();
      headers.#copy(from.#list);
      headers.#isImmutable = from.#isImmutable;
      return headers;
    };
    pairAt = (headers, index) => (headers.#pairs ??= headers.#sorted())[index] ?? null;
  }

  constructor(init: unknown = undefined) {
    if (init === undefined) return;
    if (!isObject(init)) throw new TypeError('Headers can be made of Headers, of a list of pairs, or of an object');
    const method = iterationOf(init);
    if (method === null) this.#fillFromObject(init);
    else if (#list in init && method === ownIterator) this.#copy(init.#list);
    else this.#fillFromPairs(init, method);
  }

  append(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'Headers.append()');
    const added = nameOf(name);
    const text = valueOf(value);
    this.#requireMutable();
    this.#add(added, text);
  }

  set(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'Headers.set()');
    const wanted = nameOf(name);
    const text = valueOf(value);
    this.#requireMutable();
    const at = this.#find(wanted, 0);
    if (at === -1) return this.#add(wanted, text);
    this.#list[at + 1] = text;
    this.#remove(wanted, at + 2);
  }

  get(name: unknown): string | null {
    requireArguments(arguments.length, 1, 'Headers.get()');
    return this.#combined(nameOf(name));
  }

  has(name: unknown): boolean {
    requireArguments(arguments.length, 1, 'Headers.has()');
    return this.#find(nameOf(name), 0) !== -1;
  }

  delete(name: unknown): void {
    requireArguments(arguments.length, 1, 'Headers.delete()');
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

  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArg: unknown = undefined): void {
    iteration().forEach(this, callback, thisArg);
  }

  keys(): IterableIterator<string> {
    return iteration().iterate(this, 'keys');
  }

  values(): IterableIterator<string> {
    return iteration().iterate(this, 'values');
  }

  entries(): IterableIterator<[string, string]> {
    return iteration().iterate(this, 'entries');
  }

  #requireMutable(): void {
    if (this.#isImmutable)
      throw new TypeError('These headers are immutable: make new Headers() of them to change them');
  }

  #add(name: string, value: string): void {
    this.#pairs = null;
    push(this.#list, name);
    push(this.#list, value);
  }

  #copy(list: readonly string[]): void {
    for (let i = 0; i < list.length; i++) push(this.#list, list[i] as string);
  }

  #fillFromPairs(pairs: object, method: unknown): void {
    const list: string[] = [];
    eachOf(pairs, method, (pair) => readPair(pair, list));
    for (let i = 0; i < list.length; i += 2) this.#add(nameOf(list[i]), valueOf(list[i + 1]));
  }

  /** All names and values are read before any is judged. */
  #fillFromObject(init: object): void {
    const keys = ownKeys(init);
    const list: string[] = [];
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      if (getOwnPropertyDescriptor(init, key)?.enumerable !== true) continue;
      push(list, byteText(key));
      push(list, byteText((init as Record<string, unknown>)[key]));
    }
    for (let i = 0; i < list.length; i += 2) this.#add(nameOf(list[i]), valueOf(list[i + 1]));
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
    this.#pairs = null;
    const kept: string[] = [];
    for (let i = 0; i < this.#list.length; i += 2) {
      if (i >= from && this.#list[i] === name) continue;
      push(kept, this.#list[i] as string);
      push(kept, this.#list[i + 1] as string);
    }
    this.#list = kept;
  }

  /** Pairs in the standard's order: by name, values of one name combined, but each Set-Cookie apart. */
  #sorted(): Pair[] {
    const list = this.#list;
    const names: string[] = [];
    const values = dictionary<string>();
    for (let i = 0; i < list.length; i += 2) {
      const name = list[i] as string;
      const before = values[name];
      if (before === undefined || name === 'set-cookie') push(names, name);
      values[name] = before === undefined ? (list[i + 1] as string) : `${before}, ${list[i + 1]}`;
    }
    sort(names);
    const cookies = this.getSetCookie();
    const pairs: Pair[] = [];
    for (let i = 0, cookie = 0; i < names.length; i++) {
      const name = names[i] as string;
      push(pairs, [name, name === 'set-cookie' ? cookies[cookie++] : values[name]] as const);
    }
    return pairs;
  }
}

iterateEntries(Headers.prototype);
nameInterface(Headers, 'Headers');
const ownIterator: unknown = Headers.prototype.entries;

let made: PairIteration<Headers> | null = null;
/** Made when somebody walks over headers for the first time. */
const iteration = (): PairIteration<Headers> => (made ??= pairIteration('Headers', pairAt));

/** Appends the name and the value. */
function readPair(pair: unknown, list: string[]): void {
  const method = isObject(pair) ? iterationOf(pair) : null;
  if (method === null) throw noPair();
  let count = 0;
  eachOf(pair as object, method, (item) => {
    if (count++ === 2) throw noPair();
    push(list, byteText(item));
  });
  if (count !== 2) throw noPair();
}

const noPair = (): TypeError => new TypeError('A header must be a pair of name and value');

function nameOf(name: unknown): string {
  const text = byteText(name);
  if (text === '' || exec(NOT_A_TOKEN, text) !== null) throw new TypeError(`${quote(text)} is not a header name`);
  return toLowerCase(text);
}

function valueOf(value: unknown): string {
  const text = trimmed(typeof value === 'string' ? value : `${value as string}`);
  if (exec(NOT_A_VALUE, text) !== null) throw new TypeError(`${quote(text)} is not a header value`);
  return text;
}

function byteText(value: unknown): string {
  const text = typeof value === 'string' ? value : `${value as string}`;
  if (exec(NOT_A_BYTE, text) !== null) throw new TypeError(`${quote(text)} holds a character that no header may hold`);
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
