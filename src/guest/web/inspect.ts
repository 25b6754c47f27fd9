/**
 * Values as people read them in a log.
 *
 * What is shown is read from property descriptors: no getter, toString or toJSON of the user's runs here. A proxy's traps
 * do, since the language hides proxies; a trap that throws makes the value unreadable and nothing else. The size of
 * the text is bounded while it is made, not afterwards.
 */

import {
  arrayBufferLength,
  exec,
  functionText,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hasOwn,
  isArray,
  isArrayBuffer,
  isObject,
  isView,
  join,
  min,
  ownKeys,
  push,
  repeat,
  split,
  stringify,
  stringIndexOf,
  stringSlice,
  toText,
  typedArrayName,
  uncurry,
} from './primordials.ts';
import { webParts } from './web-parts.ts';

const { Date, Map, Object, RegExp, Set } = globalThis;

const MAX_DEPTH = 4;
const MAX_ITEMS = 100;
const LINE_UNITS = 72;

const mapForEach = uncurry(
  Map.prototype.forEach as (this: object, callback: (value: unknown, key: unknown) => void) => void,
);
const setForEach = uncurry(Set.prototype.forEach as (this: object, callback: (value: unknown) => void) => void);
const dateText = uncurry(Date.prototype.toISOString);
const regexpSource = uncurry(getOwnPropertyDescriptor(RegExp.prototype, 'source')?.get as (this: object) => string);
const regexpFlags = uncurry(getOwnPropertyDescriptor(RegExp.prototype, 'flags')?.get as (this: object) => string);
const promisePrototype = Promise.prototype;
const symbolText = uncurry(Symbol.prototype.toString);
const { isError } = Error as unknown as { isError(value: unknown): boolean };
/** In this engine an error's stack is an accessor; reading it formats the stack and runs no user code. */
const nativeStack = getOwnPropertyDescriptor(new Error(), 'stack')?.get;
const readStack = nativeStack === undefined ? null : uncurry(nativeStack as (this: object) => unknown);

/** Up to about `maxUnits` long. */
export function inspect(value: unknown, maxUnits: number): string {
  return new Inspector(maxUnits).show(value, 0);
}

class Inspector {
  #room: number;
  /** The objects that enclose the one at hand. */
  readonly #path: object[] = [];

  constructor(maxUnits: number) {
    this.#room = maxUnits;
  }

  show(value: unknown, depth: number): string {
    if (this.#room <= 0) return '…';
    const text = isObject(value) ? this.#showObject(value, depth) : showPrimitive(value, this.#room);
    this.#room -= isObject(value) ? 4 : text.length + 2;
    return text;
  }

  #showObject(value: object, depth: number): string {
    for (let i = 0; i < this.#path.length; i++) if (this.#path[i] === value) return '[Circular]';
    push(this.#path, value);
    try {
      return this.#describe(value, depth);
    } catch {
      return '[unreadable object]';
    } finally {
      this.#path.length--;
    }
  }

  #describe(value: object, depth: number): string {
    if (typeof value === 'function') return this.#withProperties(functionLabel(value), value, depth, true);
    if (isError(value)) return this.#describeError(value, depth);
    const name = classOf(value);
    if (isArray(value)) return this.#describeList(value, name, depth);
    if (isView(value)) return this.#describeView(value, depth);
    if (isArrayBuffer(value)) return `ArrayBuffer { byteLength: ${arrayBufferLength(value)} }`;
    return (
      this.#describeBuiltIn(value, name, depth) ?? this.#withProperties(name === 'Object' ? '' : name, value, depth)
    );
  }

  /** Null where the value only inherits from one of them. */
  #describeBuiltIn(value: object, name: string, depth: number): string | null {
    if (value instanceof Date) return attempt(() => dateText(value)) ?? 'Invalid Date';
    if (value instanceof RegExp) return attempt(() => `/${regexpSource(value)}/${regexpFlags(value)}`);
    if (value instanceof Map) return this.#describeMap(value, name, depth);
    if (value instanceof Set) return this.#describeSet(value, name, depth);
    if (getPrototypeOf(value) === promisePrototype) return 'Promise {}';
    const parts = webParts(value);
    return parts === null ? null : this.#withProperties(name, parts, depth);
  }

  #describeError(error: object, depth: number): string {
    const stack = stackOf(error);
    const label = stack === '' ? errorLabel(error) : stack;
    const text = stringSlice(label, 0, this.#room);
    this.#room -= text.length;
    return this.#withProperties(depth === 0 ? text : `[${text}]`, error, depth, true);
  }

  #describeList(list: readonly unknown[], name: string, depth: number): string {
    const label = name === 'Array' ? '' : `${name}(${list.length}) `;
    if (depth > MAX_DEPTH) return `[${name}]`;
    const items: string[] = [];
    const shown = min(list.length, MAX_ITEMS);
    for (let i = 0; i < shown && this.#room > 0; i++) {
      const descriptor = getOwnPropertyDescriptor(list, i);
      push(items, descriptor === undefined ? '<empty>' : this.#showDescriptor(descriptor, depth));
    }
    if (list.length > shown) push(items, `… ${list.length - shown} more`);
    return label + layOut('[', items, ']', depth);
  }

  #describeView(view: object, depth: number): string {
    const name = typedArrayName(view);
    if (name === undefined) return 'DataView {}';
    const list = view as ArrayLike<number | bigint>;
    const items: string[] = [];
    const shown = min(list.length, MAX_ITEMS);
    for (let i = 0; i < shown; i++) push(items, this.show(list[i], depth + 1));
    if (list.length > shown) push(items, `… ${list.length - shown} more`);
    return `${name}(${list.length}) ${layOut('[', items, ']', depth)}`;
  }

  #describeMap(map: object, name: string, depth: number): string | null {
    const entries: string[] = [];
    let size = 0;
    const read = attempt(() => {
      mapForEach(map, (value, key) => {
        if (size++ < MAX_ITEMS && this.#room > 0 && depth <= MAX_DEPTH)
          push(entries, `${this.show(key, depth + 1)} => ${this.show(value, depth + 1)}`);
      });
      return true;
    });
    return read === null ? null : this.#describeCollection(name, size, entries, depth);
  }

  #describeSet(set: object, name: string, depth: number): string | null {
    const items: string[] = [];
    let size = 0;
    const read = attempt(() => {
      setForEach(set, (value) => {
        if (size++ < MAX_ITEMS && this.#room > 0 && depth <= MAX_DEPTH) push(items, this.show(value, depth + 1));
      });
      return true;
    });
    return read === null ? null : this.#describeCollection(name, size, items, depth);
  }

  #describeCollection(name: string, size: number, items: string[], depth: number): string {
    if (depth > MAX_DEPTH) return `[${name}]`;
    if (size > items.length) push(items, `… ${size - items.length} more`);
    return `${name}(${size}) ${layOut('{', items, '}', depth)}`;
  }

  /** `omitEmpty`: the label alone says it, where there are no properties. */
  #withProperties(label: string, value: object, depth: number, omitEmpty = false): string {
    if (depth > MAX_DEPTH) return label === '' ? '[Object]' : `[${label}]`;
    const items: string[] = [];
    const keys = ownKeys(value);
    let hidden = 0;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string | symbol;
      const descriptor = getOwnPropertyDescriptor(value, key);
      const isCause = key === 'cause' && omitEmpty && typeof value !== 'function';
      if (descriptor === undefined || (!descriptor.enumerable && !isCause)) continue;
      if (items.length === MAX_ITEMS || this.#room <= 0) hidden++;
      else push(items, `${keyText(key)}: ${this.#showDescriptor(descriptor, depth)}`);
    }
    if (hidden > 0) push(items, `… ${hidden} more`);
    if (items.length === 0 && omitEmpty) return label;
    return (label === '' ? '' : `${label} `) + layOut('{', items, '}', depth);
  }

  #showDescriptor(descriptor: PropertyDescriptor, depth: number): string {
    if (hasOwn(descriptor, 'value')) return this.show(descriptor.value, depth + 1);
    if (descriptor.get === undefined) return '[Setter]';
    return descriptor.set === undefined ? '[Getter]' : '[Getter/Setter]';
  }
}

function showPrimitive(value: unknown, room: number): string {
  if (typeof value === 'string') return quoted(value.length > room ? `${stringSlice(value, 0, room)}…` : value);
  if (typeof value === 'bigint') return `${toText(value)}n`;
  if (typeof value === 'symbol') return symbolText(value);
  return Object.is(value, -0) ? '-0' : toText(value);
}

/** In the quotes that need no escape, where one kind does not. */
function quoted(text: string): string {
  const json = stringify(text);
  if (stringIndexOf(text, "'") !== -1) return json;
  return `'${join(split(stringSlice(json, 1, json.length - 1), '\\"'), '"')}'`;
}

function keyText(key: string | symbol): string {
  if (typeof key === 'symbol') return `[${symbolText(key)}]`;
  return exec(/^[A-Za-z_$][\w$]*$/, key) === null ? quoted(key) : key;
}

function layOut(open: string, items: readonly string[], close: string, depth: number): string {
  if (items.length === 0) return open + close;
  const line = join(items, ', ');
  const space = open === '{' ? ' ' : '';
  if (line.length <= LINE_UNITS && stringIndexOf(line, '\n') === -1) return open + space + line + space + close;
  const indent = `\n${repeat('  ', depth + 1)}`;
  return `${open}${indent}${join(items, `,${indent}`)}\n${repeat('  ', depth)}${close}`;
}

function functionLabel(value: object): string {
  const name = ownText(value, 'name');
  const kind = exec(/^class\b/, functionText(value)) === null ? 'Function' : 'class';
  return name === '' ? `[${kind} (anonymous)]` : `[${kind}: ${name}]`;
}

/** The name of the nearest constructor that is a data property; a null prototype is said so. */
function classOf(value: object): string {
  for (let at: object | null = value; at !== null; at = getPrototypeOf(at) as object | null) {
    const constructor = getOwnPropertyDescriptor(at, 'constructor')?.value as unknown;
    if (typeof constructor === 'function' && constructor.prototype === at)
      return ownText(constructor, 'name') || 'Object';
  }
  return '[Object: null prototype]';
}

function stackOf(error: object): string {
  const descriptor = getOwnPropertyDescriptor(error, 'stack');
  const stack: unknown =
    descriptor?.get !== undefined && descriptor.get === nativeStack ? readStack?.(error) : descriptor?.value;
  return typeof stack === 'string' ? withoutOurs(stack) : '';
}

/** The frames of user code; ours tell their reader nothing. */
function withoutOurs(stack: string): string {
  const lines = split(stack, '\n');
  const kept: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    if (exec(/^ {4}at /, line) === null || stringIndexOf(line, 'cordon:') === -1) push(kept, line);
  }
  return join(kept, '\n');
}

function errorLabel(error: object): string {
  const message = ownText(error, 'message');
  const name = classOf(error);
  return message === '' ? name : `${name}: ${message}`;
}

function ownText(value: object, key: string): string {
  const text: unknown = getOwnPropertyDescriptor(value, key)?.value;
  return typeof text === 'string' ? text : '';
}

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
