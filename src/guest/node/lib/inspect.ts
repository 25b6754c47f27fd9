/**
 * util.inspect: values as Node shows them. An object's own way to be shown (`[util.inspect.custom]`) is respected, and
 * the class's tag is read; otherwise nothing of the value is run.
 */

import { functionText, keyText, layOut, prefixText, quoted, type Layout } from './inspect-text.ts';
import * as kinds from './kinds.ts';

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
  getters?: boolean | 'get' | 'set';
}

export const custom: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

export const defaults: Required<InspectOptions> = {
  depth: 2,
  showHidden: false,
  colors: false,
  customInspect: true,
  maxArrayLength: 100,
  maxStringLength: 10_000,
  breakLength: 128,
  compact: 3,
  sorted: false,
  getters: false,
};

/** Beyond it nothing more is looked into: the text would be megabytes. */
const MAX_UNITS = 4 * 1024 * 1024;
const MIN_BROKEN_UNITS = 16;
const MAX_BYTES_SHOWN = 50;

/** `inspect(value, options)`, or as it was: `inspect(value, showHidden, depth)`. */
export function inspect(value: unknown, options: InspectOptions | boolean | null = {}, depth?: number | null): string {
  const given =
    typeof options === 'boolean' ? { showHidden: options, ...(depth === undefined ? {} : { depth }) } : options;
  return new Inspector({ ...defaults, breakLength: 80, ...given }).show(value, 0, 0);
}

/** What is shown of an object: a label and a bracket, or the label alone, and what stands in it. */
interface Shown {
  readonly base: string;
  readonly open: string;
  readonly close: string;
  readonly keys: readonly PropertyKey[];
  items(): string[];
  readonly list: ArrayLike<unknown> | null;
  /** For an object without entries, or too deep. */
  readonly empty: string;
  readonly cut: string;
}

class Inspector {
  readonly #options: Required<InspectOptions>;
  readonly #depth: number;
  readonly #layout: Layout;
  readonly #path: object[] = [];
  /** Objects that something inside of them points back to, numbered. */
  readonly #circles = new Map<object, number>();
  /** The level of the object that was looked into last. */
  #lastLevel = 0;
  #units = 0;

  constructor(options: Required<InspectOptions>) {
    this.#options = options;
    this.#depth = options.depth ?? Infinity;
    const { breakLength, compact, maxArrayLength } = options;
    this.#layout = {
      breakLength,
      compact: compact === true ? 3 : compact,
      maxArrayLength: Math.max(0, maxArrayLength ?? Infinity),
    };
  }

  show(value: unknown, level: number, indent: number): string {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null)
      return this.#primitive(value, indent);
    const own = this.#custom(value, level, indent);
    if (own !== null) return own;
    if (this.#path.includes(value)) {
      if (!this.#circles.has(value)) this.#circles.set(value, this.#circles.size + 1);
      return `[Circular *${this.#circles.get(value)}]`;
    }
    return this.#object(value, level, indent);
  }

  #custom(value: object, level: number, indent: number): string | null {
    if (!this.#options.customInspect) return null;
    const show = (value as { [custom]?: unknown })[custom];
    const isPrototype =
      (Object.getOwnPropertyDescriptor(value, 'constructor')?.value as { prototype?: unknown } | undefined)
        ?.prototype === value;
    if (typeof show !== 'function' || (show as unknown) === inspect || isPrototype) return null;
    const options = { ...this.#options, stylize: (text: unknown) => `${text as string}` };
    const shown: unknown = Reflect.apply(show as () => unknown, value, [this.#depth - level, options, inspect]);
    if (shown === value) return null;
    return typeof shown === 'string'
      ? shown.replaceAll('\n', `\n${' '.repeat(indent)}`)
      : this.show(shown, level, indent);
  }

  #primitive(value: unknown, indent: number): string {
    if (typeof value === 'string') return this.#string(value, indent);
    if (typeof value === 'bigint') return `${value}n`;
    return Object.is(value, -0) ? '-0' : String(value);
  }

  #string(text: string, indent: number): string {
    const rest = text.length - (this.#options.maxStringLength ?? Infinity);
    const shown = rest > 0 ? text.slice(0, -rest) : text;
    const trailer = rest > 0 ? `... ${rest} more character${rest > 1 ? 's' : ''}` : '';
    if (shown.length <= MIN_BROKEN_UNITS || shown.length <= this.#options.breakLength - indent - 4)
      return quoted(shown) + trailer;
    return (
      shown
        .split(/(?<=\n)/)
        .map(quoted)
        .join(` +\n${' '.repeat(indent + 2)}`) + trailer
    );
  }

  #object(value: object, level: number, indent: number): string {
    const shown = this.#shown(value, level + 1, indent);
    const isEmpty = shown.keys.length === 0 && shown.empty !== '';
    if (isEmpty) return shown.empty;
    if (level > this.#depth || this.#units > MAX_UNITS) return shown.cut;
    this.#path.push(value);
    this.#lastLevel = level + 1;
    const texts = [...shown.items(), ...shown.keys.map((key) => this.#property(value, key, level + 1, indent))];
    this.#path.pop();
    const circle = this.#circles.get(value);
    const mark = circle === undefined ? '' : `<ref *${circle}>`;
    const base = [mark, shown.base].filter((part) => part !== '').join(' ');
    const levels = this.#lastLevel - (level + 1);
    const sorted = this.#sorted(texts, shown);
    const text = layOut(
      { base, open: shown.open, close: shown.close, texts: sorted, list: shown.list, indent, levels },
      this.#layout,
    );
    this.#units += text.length;
    return text;
  }

  #sorted(texts: string[], { list, keys }: Shown): string[] {
    const { sorted } = this.#options;
    if (sorted === false) return texts;
    const from = list === null ? 0 : texts.length - keys.length;
    return [...texts.slice(0, from), ...texts.slice(from).sort(sorted === true ? undefined : sorted)];
  }

  /** `level` and `indent` are for what stands inside. */
  #shown(value: object, level: number, indent: number): Shown {
    const constructor = constructorOf(value);
    const tag = tagOf(value);
    return (
      this.#shownList(value, constructor, tag, level, indent) ??
      this.#shownCollection(value, constructor, tag, level, indent) ??
      this.#shownByLabel(value, constructor, tag, indent) ??
      this.#shownPlain(value, constructor, tag)
    );
  }

  #shownList(value: object, constructor: string | null, tag: string, level: number, indent: number): Shown | null {
    const isBytes = kinds.isTypedArray(value);
    if (!Array.isArray(value) && !isBytes) return null;
    const list = value as unknown[];
    const fallback = isBytes ? 'TypedArray' : 'Array';
    const prefix =
      constructor === 'Array' && tag === ''
        ? ''
        : prefixText(constructor, isBytes ? '' : tag, fallback, `(${list.length})`);
    const isIndex = (key: PropertyKey): boolean => typeof key === 'string' && /^(?:0|[1-9]\d*)$/.test(key);
    const keys = this.#keys(value).filter((key) => !isIndex(key));
    return {
      base: '',
      open: `${prefix}[`,
      close: ']',
      keys,
      list,
      items: () =>
        isBytes ? this.#cut(list, (item) => this.#primitive(item, 0)) : this.#listItems(list, level, indent),
      empty: list.length === 0 ? `${prefix}[]` : '',
      cut: `[${constructor === null ? `${fallback}: null prototype` : `${constructor}${tag !== '' && tag !== constructor ? ` [${tag}]` : ''}`}]`,
    };
  }

  #listItems(list: unknown[], level: number, indent: number): string[] {
    const most = Math.min(this.#layout.maxArrayLength, list.length);
    const texts: string[] = [];
    let i = 0;
    while (i < list.length && texts.length < most) {
      if (Object.hasOwn(list, i)) {
        texts.push(this.#valueOf(list, i, level, indent));
        i++;
        continue;
      }
      const start = i;
      while (i < list.length && !Object.hasOwn(list, i)) i++;
      texts.push(`<${i - start} empty item${i - start > 1 ? 's' : ''}>`);
    }
    if (i < list.length) texts.push(more(list.length - i));
    return texts;
  }

  #cut<T>(values: ArrayLike<T>, show: (value: T) => string): string[] {
    const most = Math.min(values.length, this.#layout.maxArrayLength);
    const texts = Array.from({ length: most }, (_, i) => show(values[i]!));
    return most < values.length ? [...texts, more(values.length - most)] : texts;
  }

  #shownCollection(
    value: object,
    constructor: string | null,
    tag: string,
    level: number,
    indent: number,
  ): Shown | null {
    const inside = (item: unknown): string => this.show(item, level, indent + 2);
    if (kinds.isMap(value)) {
      const items = (): string[] => this.#cut([...value], ([key, item]) => `${inside(key)} => ${inside(item)}`);
      return this.#braced(value, prefixText(constructor, tag, 'Map', `(${value.size})`), items, value.size === 0);
    }
    if (kinds.isSet(value)) {
      const items = (): string[] => this.#cut([...value], inside);
      return this.#braced(value, prefixText(constructor, tag, 'Set', `(${value.size})`), items, value.size === 0);
    }
    if (kinds.isArrayBuffer(value)) {
      const items = (): string[] => [contentsText(new Uint8Array(value)), `[byteLength]: ${value.byteLength}`];
      return this.#braced(value, prefixText(constructor, tag, 'ArrayBuffer'), items, false);
    }
    if (kinds.isDataView(value)) {
      const items = (): string[] => [
        `[byteLength]: ${value.byteLength}`,
        `[byteOffset]: ${value.byteOffset}`,
        `[buffer]: ${inside(value.buffer)}`,
      ];
      return this.#braced(value, prefixText(constructor, tag, 'DataView'), items, false);
    }
    // Nobody but the engine knows what these hold.
    if (kinds.isPromise(value))
      return this.#braced(value, prefixText(constructor, tag, 'Promise'), () => ['<unknown>'], false);
    const weak = kinds.isWeakMap(value) ? 'WeakMap' : kinds.isWeakSet(value) ? 'WeakSet' : null;
    return weak === null
      ? null
      : this.#braced(value, prefixText(constructor, tag, weak), () => ['<items unknown>'], false);
  }

  #braced(value: object, prefix: string, items: () => string[], isEmpty: boolean): Shown {
    return {
      base: '',
      open: `${prefix}{`,
      close: '}',
      keys: this.#keys(value),
      list: null,
      items,
      empty: isEmpty ? `${prefix}{}` : '',
      cut: `[${prefix.trimEnd().replace(/\(\d+\)/, '')}]`,
    };
  }

  #shownByLabel(value: object, constructor: string | null, tag: string, indent: number): Shown | null {
    const keys = this.#keys(value);
    const base = this.#labelOf(value, keys, constructor, tag, indent);
    if (base === null) return null;
    return { base, open: '{', close: '}', keys, list: null, items: () => [], empty: base, cut: base };
  }

  /** Of what has a text of its own: a function, a date, an error …; `keys` loses those that the text shows. */
  #labelOf(value: object, keys: PropertyKey[], constructor: string | null, tag: string, indent: number): string | null {
    const other = (kind: string): string => {
      const prefix = prefixText(constructor, tag, kind);
      return prefix === `${kind} ` ? '' : prefix;
    };
    if (typeof value === 'function') return functionText(value, constructor, tag);
    if (kinds.isNativeError(value)) return errorText(value, keys, constructor, indent);
    if (kinds.isRegExp(value)) return `${other('RegExp')}${RegExp.prototype.toString.call(value)}`;
    if (kinds.isDate(value))
      return `${other('Date')}${Number.isNaN(Date.prototype.getTime.call(value)) ? 'Invalid Date' : Date.prototype.toISOString.call(value)}`;
    if (!kinds.isBoxedPrimitive(value)) return isUrl(value, constructor) ? (value as { href: string }).href : null;
    const inner = value.valueOf() as unknown;
    if (typeof inner === 'string') keys.splice(0, inner.length);
    const type =
      { bigint: 'BigInt', boolean: 'Boolean', number: 'Number', string: 'String' }[typeof inner as string] ?? 'Symbol';
    const kind = type === constructor ? '' : constructor === null ? ' (null prototype)' : ` (${constructor})`;
    return `[${type}${kind}: ${this.#primitive(inner, 0)}]${tag !== '' && tag !== constructor ? ` [${tag}]` : ''}`;
  }

  #shownPlain(value: object, constructor: string | null, tag: string): Shown {
    const isArguments = kinds.isArgumentsObject(value);
    const prefix = isArguments
      ? '[Arguments] '
      : constructor === 'Object' && tag === ''
        ? ''
        : prefixText(constructor, tag, 'Object');
    const name = prefix.trimEnd();
    return {
      ...this.#braced(value, prefix, () => [], true),
      cut: constructor === null ? name : `[${name === '' ? 'Object' : name}]`,
    };
  }

  #keys(value: object): PropertyKey[] {
    const symbols = Object.getOwnPropertySymbols(value);
    if (this.#options.showHidden) return [...Object.getOwnPropertyNames(value), ...symbols];
    return [
      ...Object.keys(value),
      ...symbols.filter((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol)),
    ];
  }

  #property(owner: object, key: PropertyKey, level: number, indent: number): string {
    const name = keyText(key);
    const isEnumerable = Object.prototype.propertyIsEnumerable.call(owner, key);
    return `${isEnumerable ? name : `[${name}]`}: ${this.#valueOf(owner, key, level, indent)}`;
  }

  #valueOf(owner: object, key: PropertyKey, level: number, indent: number): string {
    const descriptor = Object.getOwnPropertyDescriptor(owner, key);
    if (descriptor === undefined) return 'undefined';
    const { get, set } = descriptor;
    if (get === undefined) return set === undefined ? this.show(descriptor.value, level, indent + 2) : '[Setter]';
    const label = set === undefined ? 'Getter' : 'Getter/Setter';
    const { getters } = this.#options;
    if (getters !== true && getters !== (set === undefined ? 'get' : 'set')) return `[${label}]`;
    try {
      const value: unknown = Reflect.apply(get, owner, []);
      const text = this.show(value, level, indent + 2);
      const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
      return isObject ? `[${label}] ${text}` : `[${label}: ${text}]`;
    } catch (error) {
      return `[${label}: <Inspection threw (${this.show(error, level, indent + 2)})>]`;
    }
  }
}

const more = (count: number): string => `... ${count} more item${count > 1 ? 's' : ''}`;

function contentsText(bytes: Uint8Array): string {
  const hex = Array.from(bytes.subarray(0, MAX_BYTES_SHOWN), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const rest = bytes.length - MAX_BYTES_SHOWN;
  return `[Uint8Contents]: <${hex}${rest > 0 ? ` ... ${rest} more byte${rest > 1 ? 's' : ''}` : ''}>`;
}

/** The name of its class; null where nothing in its chain of prototypes has one. */
function constructorOf(value: object): string | null {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const made: unknown = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
    if (typeof made === 'function' && made.name !== '' && (value instanceof made || at !== value)) return made.name;
  }
  return null;
}

function tagOf(value: object): string {
  if (Object.prototype.propertyIsEnumerable.call(value, Symbol.toStringTag)) return '';
  try {
    const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
    return typeof tag === 'string' ? tag : '';
  } catch {
    return '';
  }
}

const isUrl = (value: object, constructor: string | null): boolean =>
  constructor === 'URL' && typeof (value as { href?: unknown }).href === 'string';

/** The stack; in brackets where it shows no frame. What it shows already needs no property of its own. */
function errorText(error: Error, keys: PropertyKey[], constructor: string | null, indent: number): string {
  const { message, name } = error;
  const stack: unknown = error.stack;
  const own = typeof stack === 'string' && stack !== '' ? stack : Error.prototype.toString.call(error);
  const named =
    constructor !== null && name === 'Error' && constructor !== 'Error' && own.startsWith('Error')
      ? own.replace('Error', constructor)
      : own;
  for (const [key, value] of [
    ['stack', ''],
    ['message', message],
    ['name', name],
  ] as const) {
    const at = keys.indexOf(key);
    if (at !== -1 && (typeof value !== 'string' || own.includes(value))) keys.splice(at, 1);
  }
  if (Object.hasOwn(error, 'cause') && !keys.includes('cause')) keys.push('cause');
  if (Array.isArray((error as { errors?: unknown }).errors) && !keys.includes('errors')) keys.push('errors');
  const text = /\n\s+at /.test(named) ? named : `[${named}]`;
  return text.replaceAll('\n', `\n${' '.repeat(indent)}`);
}
