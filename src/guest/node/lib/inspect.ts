/**
 * util.inspect: values as Node shows them, one line where they fit. An object's own way to be shown
 * (`[util.inspect.custom]`) is respected; otherwise nothing of the value is run.
 */

import { isArrayBuffer, isBoxedPrimitive, isDate, isMap, isNativeError, isPromise, isRegExp, isSet, isTypedArray } from './kinds.ts';

export interface InspectOptions {
  depth?: number | null;
  showHidden?: boolean;
  colors?: boolean;
  customInspect?: boolean;
  maxArrayLength?: number | null;
  maxStringLength?: number | null;
  breakLength?: number;
  compact?: number | boolean;
  sorted?: boolean | ((a: string, b: string) => number);
  getters?: boolean;
}

export const custom: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

const DEFAULTS = {
  depth: 2 as number | null,
  showHidden: false,
  colors: false,
  customInspect: true,
  maxArrayLength: 100 as number | null,
  maxStringLength: 10_000 as number | null,
  breakLength: 80,
  compact: 3 as number | boolean,
  sorted: false as NonNullable<InspectOptions['sorted']>,
  getters: false,
};

/** A value as large as this is cut, whatever the options say: the text would be megabytes. */
const MAX_UNITS = 512 * 1024;
/** How long a line of short properties may get. */
const LINE_UNITS = 72;
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

type Custom = (depth: number, options: object, inspect: typeof inspectValue) => unknown;

export function inspectValue(value: unknown, options: InspectOptions | boolean = {}, depth?: number | null): string {
  const given = typeof options === 'boolean' ? { showHidden: options, ...(depth === undefined ? {} : { depth }) } : options;
  return new Inspector({ ...DEFAULTS, ...given }).show(value, 0);
}

class Inspector {
  readonly #options: typeof DEFAULTS;
  readonly #depth: number;
  readonly #path: object[] = [];
  /** The objects that something inside of them points back to, numbered. */
  readonly #circles = new Map<object, number>();
  #room = MAX_UNITS;

  constructor(options: InspectOptions) {
    this.#options = options as typeof DEFAULTS;
    this.#depth = options.depth ?? Infinity;
  }

  show(value: unknown, level: number): string {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return this.#primitive(value, level);
    const shown = this.#custom(value, level);
    if (shown !== null) return shown;
    if (this.#path.includes(value)) {
      if (!this.#circles.has(value)) this.#circles.set(value, this.#circles.size + 1);
      return `[Circular *${this.#circles.get(value)}]`;
    }
    if (this.#room <= 0) return '...';
    this.#path.push(value);
    const text = this.#object(value, level);
    this.#path.pop();
    const circle = this.#circles.get(value);
    const whole = circle === undefined ? text : `<ref *${circle}> ${text}`;
    this.#room -= level === 0 ? 0 : Math.min(whole.length, 100);
    return whole;
  }

  #custom(value: object, level: number): string | null {
    if (!this.#options.customInspect) return null;
    const show = (value as { [custom]?: unknown })[custom];
    if (typeof show !== 'function' || (show as unknown) === inspectValue) return null;
    const shown: unknown = Reflect.apply(show as Custom, value, [
      this.#depth - level,
      { ...this.#options, stylize: (text: string) => text },
      inspectValue,
    ]);
    if (shown === value) return null;
    return typeof shown === 'string' ? shown.replaceAll('\n', `\n${' '.repeat(level * 2)}`) : this.show(shown, level);
  }

  #primitive(value: unknown, level: number): string {
    if (typeof value === 'string') return this.#string(value, level);
    if (typeof value === 'bigint') return `${value}n`;
    return Object.is(value, -0) ? '-0' : String(value);
  }

  #string(text: string, level: number): string {
    const { maxStringLength, breakLength } = this.#options;
    const most = maxStringLength ?? Infinity;
    const rest = text.length - most;
    const shown = rest > 0 ? text.slice(0, most) : text;
    const more = rest > 0 ? `... ${rest} more character${rest > 1 ? 's' : ''}` : '';
    if (shown.length > 16 && shown.length > breakLength - level * 2 - 4 && shown.includes('\n'))
      return shown.split(/(?<=\n)/).map(quoted).join(` +\n${' '.repeat(level * 2 + 2)}`) + more;
    return quoted(shown) + more;
  }

  #object(value: object, level: number): string {
    const keys = this.#keys(value);
    if (typeof value === 'function') return this.#body(functionLabel(value), '{', [], value, keys, level);
    if (isNativeError(value)) return this.#error(value, keys, level);
    if (isDate(value)) return this.#body(Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString(), '{', [], value, keys, level);
    if (isRegExp(value)) return this.#body(RegExp.prototype.toString.call(value), '{', [], value, keys, level);
    if (isBoxedPrimitive(value)) return this.#boxed(value, keys, level);
    const name = classOf(value);
    if (level > this.#depth) return Array.isArray(value) ? '[Array]' : `[${name ?? 'Object: null prototype'}]`;
    if (Array.isArray(value)) return this.#list(value, name, keys, level);
    return this.#collection(value, name, keys, level) ?? this.#plain(value, name, keys, level);
  }

  #plain(value: object, name: string | null, keys: PropertyKey[], level: number): string {
    const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
    const tagged = typeof tag === 'string' && tag !== '' && tag !== name ? ` [${tag}]` : '';
    const label = isArguments(value) ? '[Arguments]' : name === 'Object' && tagged === '' ? '' : `${name ?? '[Object: null prototype]'}${name === 'Object' ? tagged.replace(/^ /, ' ') : tagged}`;
    return this.#body(label, '{', [], value, keys, level);
  }

  #collection(value: object, name: string | null, keys: PropertyKey[], level: number): string | null {
    if (isMap(value)) {
      const items = this.#cut([...value], ([key, item]) => `${this.show(key, level + 1)} => ${this.show(item, level + 1)}`);
      return this.#body(`${name}(${value.size})`, '{', items, value, keys, level);
    }
    if (isSet(value)) {
      const items = this.#cut([...value], (item) => this.show(item, level + 1));
      return this.#body(`${name}(${value.size})`, '{', items, value, keys, level);
    }
    if (isTypedArray(value)) {
      const view = value as Uint8Array;
      const items = this.#cut(view, (item) => this.show(item, level + 1));
      return this.#body(`${name}(${view.length})`, '[', items, value, keys.slice(view.length), level);
    }
    if (isArrayBuffer(value)) {
      const bytes = new Uint8Array(value);
      const hex = Array.from(bytes.subarray(0, 50), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const more = bytes.length > 50 ? ` ... ${bytes.length - 50} more byte${bytes.length > 51 ? 's' : ''}` : '';
      return this.#body(name ?? '', '{', [`[Uint8Contents]: <${hex}${more}>`, `byteLength: ${bytes.length}`], value, keys, level);
    }
    // Nobody but the engine knows what a promise holds.
    return isPromise(value) ? this.#body('Promise', '{', ['<state unknown>'], value, keys, level) : null;
  }

  #list(value: unknown[], name: string | null, keys: PropertyKey[], level: number): string {
    const items: string[] = [];
    const most = this.#options.maxArrayLength ?? Infinity;
    let holes = 0;
    let shown = 0;
    const closeHoles = (): void => {
      if (holes > 0) items.push(`<${holes} empty item${holes > 1 ? 's' : ''}>`);
      holes = 0;
    };
    let i = 0;
    for (; i < value.length && shown < most; i++) {
      if (!Object.hasOwn(value, i)) {
        if (holes++ === 0) shown++;
        continue;
      }
      closeHoles();
      shown++;
      items.push(this.#property(value, `${i}`, level, true));
    }
    closeHoles();
    if (i < value.length) items.push(more(value.length - i));
    const others = keys.filter((key) => typeof key === 'symbol' || !/^(?:0|[1-9]\d*)$/.test(String(key)));
    return this.#body(name === 'Array' ? '' : `${name}(${value.length})`, '[', items, value, others, level);
  }

  #cut<T>(values: ArrayLike<T>, show: (value: T) => string): string[] {
    const most = Math.min(values.length, this.#options.maxArrayLength ?? Infinity);
    const items: string[] = [];
    for (let i = 0; i < most; i++) items.push(show(values[i]!));
    if (values.length > most) items.push(more(values.length - most));
    return items;
  }

  #error(error: Error, keys: PropertyKey[], level: number): string {
    const { name, message, stack } = error;
    const text = typeof stack === 'string' && stack !== '' ? stack : `[${name}${message === '' ? '' : `: ${message}`}]`;
    const others = keys.filter((key) => key !== 'stack' && key !== 'message');
    if (Object.hasOwn(error, 'cause') && !others.includes('cause')) others.push('cause');
    const indented = text.replaceAll('\n', `\n${' '.repeat(level * 2)}`);
    const shown = others.map((key) => this.#property(error, key, level, false, key === 'cause'));
    if (shown.length === 0) return indented;
    const pad = ' '.repeat(level * 2);
    return `${indented} {\n${pad}  ${shown.join(`,\n${pad}  `)}\n${pad}}`;
  }

  #boxed(value: object, keys: PropertyKey[], level: number): string {
    const inner = value.valueOf();
    const kind = typeof inner;
    const others = kind === 'string' ? keys.slice((inner as unknown as string).length) : keys;
    return this.#body(`[${kind[0]!.toUpperCase()}${kind.slice(1)}: ${this.show(inner, level)}]`, '{', [], value, others, level);
  }

  #keys(value: object): PropertyKey[] {
    const { showHidden, sorted } = this.#options;
    if (showHidden) return Reflect.ownKeys(value).filter((key) => !(Array.isArray(value) && key !== 'length' ? false : Array.isArray(value) && key === 'length'));
    const names = Object.keys(value);
    if (sorted !== false) names.sort(sorted === true ? undefined : sorted);
    const symbols = Object.getOwnPropertySymbols(value);
    return [...names, ...symbols.filter((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))];
  }

  #property(owner: object, key: PropertyKey, level: number, isItem: boolean, isHidden = false): string {
    const descriptor = Object.getOwnPropertyDescriptor(owner, key) ?? { value: (owner as Record<PropertyKey, unknown>)[key], enumerable: true };
    const label = isHidden || descriptor.enumerable === false ? `[${String(key)}]` : keyText(key);
    const text = 'value' in descriptor ? this.show(descriptor.value, level + 1) : this.#accessor(owner, key, descriptor, level);
    return isItem ? text : `${label}: ${text}`;
  }

  #accessor(owner: object, key: PropertyKey, { get, set }: PropertyDescriptor, level: number): string {
    if (get === undefined) return '[Setter]';
    const label = set === undefined ? 'Getter' : 'Getter/Setter';
    if (!this.#options.getters) return `[${label}]`;
    const value: unknown = Reflect.get(owner, key);
    return typeof value === 'object' && value !== null ? `[${label}] ${this.show(value, level + 1)}` : `[${label}: ${this.show(value, level + 1)}]`;
  }

  /** The label, then what is inside: on one line where it is short, else one below the other. */
  #body(label: string, open: '{' | '[', items: string[], value: object, keys: PropertyKey[], level: number): string {
    const all = [...items, ...keys.map((key) => this.#property(value, key, level, false))];
    const close = open === '{' ? '}' : ']';
    const prefix = label === '' ? '' : `${label} `;
    if (all.length === 0) return open === '[' || label === '' || !isComplete(value) ? `${prefix}${open}${close}` : label;
    const isList = open === '[' && all.length > 6;
    const rows = isList ? grouped(all, value, this.#options.breakLength) : all;
    const { compact, breakLength } = this.#options;
    if (rows === all && compact !== false && this.#nesting(value) <= (compact === true ? Infinity : (compact as number))) {
      const line = all.join(', ');
      const length = line.length + all.length + prefix.length;
      if (length + level * 2 < breakLength && line.length <= Math.max(LINE_UNITS, 0) + 4 && !line.includes('\n')) return `${prefix}${open} ${line} ${close}`;
    }
    const pad = ' '.repeat(level * 2);
    return `${prefix}${open}\n${pad}  ${rows.join(`,\n${pad}  `)}\n${pad}${close}`;
  }

  /** How many objects stand in one another below this one, as far as that matters. */
  #nesting(value: unknown, most = 4): number {
    if (typeof value !== 'object' || value === null || most === 0) return 0;
    let deepest = 0;
    const entries: Iterable<unknown> = isMap(value) ? value.values() : isSet(value) ? value : isTypedArray(value) ? [] : ownValues(value);
    for (const item of entries) deepest = Math.max(deepest, typeof item === 'object' && item !== null ? 1 + this.#nesting(item, most - 1) : 0);
    return deepest;
  }
}

/** Whether the label alone says it: a function, a date … */
const isComplete = (value: object): boolean =>
  typeof value === 'function' || isDate(value) || isRegExp(value) || isBoxedPrimitive(value);

const isArguments = (value: object): boolean => Object.prototype.toString.call(value) === '[object Arguments]';

function* ownValues(value: object): Iterable<unknown> {
  for (const key of Object.keys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor !== undefined && 'value' in descriptor) yield descriptor.value;
  }
}

const more = (count: number): string => `... ${count} more item${count > 1 ? 's' : ''}`;

/** Many short items of a list, in columns, as near to a square as the line allows. */
function grouped(all: string[], value: object, breakLength: number): string[] {
  const isCut = all.at(-1)!.startsWith('... ');
  const items = isCut ? all.slice(0, -1) : all;
  const lengths = items.map((item) => item.length + 2);
  const longest = Math.max(...lengths);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (longest * 3 + 2 >= breakLength || !(total / longest > 5 || longest <= 8)) return all;
  const bias = Math.sqrt(longest - total / all.length);
  const columns = Math.min(
    Math.round(Math.sqrt(2.5 * Math.max(bias - 3 + 1, 1) * items.length) / Math.max(bias - 3 + 1, 1)),
    Math.floor(breakLength / longest),
    12,
    15,
  );
  if (columns <= 1) return all;
  const widths: number[] = [];
  for (let column = 0; column < columns; column++) {
    let width = 0;
    for (let i = column; i < items.length; i += columns) width = Math.max(width, lengths[i]!);
    widths.push(width);
  }
  const isNumeric = isTypedArray(value) || (Array.isArray(value) && value.every((item) => typeof item === 'number' || typeof item === 'bigint'));
  const rows: string[] = [];
  for (let i = 0; i < items.length; i += columns) {
    const row = items.slice(i, i + columns).map((item, column, { length }) => {
      const last = column === length - 1;
      const text = last ? item : `${item}, `;
      const width = widths[column]! - (last ? 2 : 0);
      return isNumeric ? text.padStart(width) : last ? text : text.padEnd(width);
    });
    rows.push(row.join(''));
  }
  return isCut ? [...rows, all.at(-1)!] : rows;
}

function classOf(value: object): string | null {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const made = Object.getOwnPropertyDescriptor(at, 'constructor')?.value as { name?: unknown } | undefined;
    if (typeof made === 'function' && typeof made.name === 'string' && made.name !== '') return made.name;
  }
  return null;
}

function functionLabel(value: object): string {
  const name = Object.getOwnPropertyDescriptor(value, 'name')?.value as unknown;
  const isClass = /^class\b/.test(Function.prototype.toString.call(value));
  const kind = isClass ? 'class' : Object.prototype.toString.call(value).slice(8, -1);
  const parent = Object.getPrototypeOf(value) as { name?: unknown } | null;
  const extending = isClass && typeof parent?.name === 'string' && parent.name !== '' ? ` extends ${parent.name}` : '';
  const shown = typeof name === 'string' && name !== '' ? name : '(anonymous)';
  return isClass ? `[class ${shown}${extending}]` : `[${kind}${shown === '(anonymous)' ? ` ${shown}` : `: ${shown}`}]`;
}

const keyText = (key: PropertyKey): string =>
  typeof key === 'symbol' ? `[${key.toString()}]` : IDENTIFIER.test(String(key)) ? String(key) : quoted(String(key));

/** In the quotes that need no escape. */
function quoted(text: string): string {
  const quote = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') && !text.includes('${') ? '`' : "'";
  // oxlint-disable-next-line no-control-regex
  const escaped = text.toWellFormed() === text && !/[\0-\x1f\x27\x5c\x7f-\x9f]/.test(text) ? text : text.replace(/[\0-\x1f\x27\x5c\x7f-\x9f\ud800-\udfff]/gu, (char) => escapeChar(char, quote));
  return `${quote}${escaped}${quote}`;
}

const SHORT: Readonly<Record<string, string>> = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '\\': '\\\\' };

function escapeChar(char: string, quote: string): string {
  if (char === "'") return quote === "'" ? "\\'" : "'";
  const code = char.charCodeAt(0);
  const hex = code.toString(16).toUpperCase();
  return SHORT[char] ?? (code > 0xff ? `\\u${hex}` : `\\x${hex.padStart(2, '0')}`);
}
