/**
 * console: each call becomes one line of text for the host, bounded in length. It throws nothing of its own; only what the
 * conversion of a label to text throws.
 */

import { elapsedTimeMs } from './clock.ts';
import { tableOf } from './console-table.ts';
import { host } from './engine.ts';
import { inspect } from './inspect.ts';
import { defineTag } from './interface.ts';
import {
  dictionary,
  domString,
  isObject,
  join,
  keysOf,
  push,
  put,
  rename,
  repeat,
  split,
  stringIndexOf,
  stringSlice,
  stringify,
  toNumber,
  toText,
} from './primordials.ts';

type Level = Parameters<typeof host.log>[0];

const MAX_LINE_UNITS = 16 * 1024;
const MAX_GROUPS = 20;
/** Labels are the user's to invent, so how many are kept is not. */
const MAX_LABELS = 1_000;
const MAX_LABEL_UNITS = 256;

const counts = dictionary<number>();
const startsMs = dictionary<number>();
let labels = 0;
let groups = 0;

/** The methods need no receiver, so that they can be passed around alone. */
const methods = {
  assert(condition: unknown = false, ...args: unknown[]): void {
    if (condition) return;
    const text = args.length === 0 ? '' : `: ${typeof args[0] === 'string' ? format(args) : shownAll(args)}`;
    write('error', [`Assertion failed${text}`]);
  },
  /** There is no screen to clear; it ends the groups, as the standard says. */
  clear(): void {
    groups = 0;
  },
  debug: (...args: unknown[]): void => write('debug', args),
  error: (...args: unknown[]): void => write('error', args),
  info: (...args: unknown[]): void => write('info', args),
  log: (...args: unknown[]): void => write('info', args),
  table(data: unknown = undefined, columns: unknown = undefined): void {
    write('info', [tableOf(data, columns) ?? data]);
  },
  trace: (...args: unknown[]): void => write('debug', [`${format(args)}\n${stackHere()}`]),
  warn: (...args: unknown[]): void => write('warn', args),
  dir(value: unknown = undefined): void {
    write('info', [[value]]);
  },
  dirxml: (...args: unknown[]): void => write('info', args),
  count(label: unknown = 'default'): void {
    const name = labelOf(label);
    if (!remember(counts, name)) return;
    counts[name] = (counts[name] ?? 0) + 1;
    write('info', [`${name}: ${counts[name]}`]);
  },
  countReset(label: unknown = 'default'): void {
    const name = labelOf(label);
    if (!forget(counts, name)) write('warn', [`There is no count ${name}`]);
  },
  group(...args: unknown[]): void {
    if (args.length > 0) write('info', args);
    if (groups < MAX_GROUPS) groups++;
  },
  groupCollapsed: (...args: unknown[]): void => methods.group(...args),
  groupEnd(): void {
    if (groups > 0) groups--;
  },
  time(label: unknown = 'default'): void {
    const name = labelOf(label);
    if (startsMs[name] !== undefined) write('warn', [`There is a timer ${name} already`]);
    else if (remember(startsMs, name)) startsMs[name] = elapsedTimeMs();
  },
  timeLog(label: unknown = 'default', ...args: unknown[]): void {
    logTime(labelOf(label), args);
  },
  timeEnd(label: unknown = 'default'): void {
    const name = labelOf(label);
    logTime(name, []);
    forget(startsMs, name);
  },
};

/** A namespace, as Web IDL has it: its prototype is an empty object. */
export const console: typeof methods = Object.create({}) as typeof methods;
for (const name of keysOf(methods)) {
  const method = methods[name as 'log'];
  rename(method, name);
  put(console, name, method);
}
defineTag(console, 'console');

function logTime(name: string, args: unknown[]): void {
  const startMs = startsMs[name];
  if (startMs === undefined) return write('warn', [`There is no timer ${name}`]);
  const text = `${name}: ${elapsedTimeMs() - startMs} ms`;
  write('info', [args.length === 0 ? text : `${text} ${shownAll(args)}`]);
}

function write(level: Level, args: unknown[]): void {
  let text: string;
  try {
    text = format(args);
    if (groups > 0) {
      const indent = repeat('  ', groups);
      text = indent + join(split(text, '\n'), `\n${indent}`);
    }
  } catch {
    text = '[console output that cannot be shown]';
  }
  host.log(
    level,
    text.length > MAX_LINE_UNITS
      ? `${stringSlice(text, 0, MAX_LINE_UNITS)}… ${text.length - MAX_LINE_UNITS} more characters`
      : text,
  );
}

/** Strings as they are, the rest inspected, after printf's directives in the first of them. */
function format(args: unknown[]): string {
  let text = '';
  let next = 0;
  if (typeof args[0] === 'string' && args.length > 1 && stringIndexOf(args[0], '%') !== -1) {
    const done = substitute(args[0], args);
    text = done.text;
    next = done.next;
  }
  return text + shownAll(args, next, text.length);
}

/** Each after a space but the first. */
function shownAll(args: unknown[], from = 0, used = 0): string {
  let text = '';
  for (let i = from; i < args.length && used + text.length <= MAX_LINE_UNITS; i++) {
    if (i > 0) text += ' ';
    text += show(args[i], MAX_LINE_UNITS - used - text.length);
  }
  return text;
}

const show = (value: unknown, maxUnits: number): string =>
  typeof value === 'string' ? value : inspect(value, maxUnits);

function substitute(template: string, args: unknown[]): { readonly text: string; readonly next: number } {
  let text = '';
  let from = 0;
  let next = 1;
  for (;;) {
    const at = stringIndexOf(template, '%', from);
    if (at === -1 || at === template.length - 1) break;
    const directive = template[at + 1] as string;
    text += stringSlice(template, from, at);
    from = at + 2;
    if (directive === '%') text += '%';
    else if (next < args.length && stringIndexOf('sdifjoOc', directive) !== -1)
      text += directed(directive, args[next++]);
    else text += `%${directive}`;
  }
  return { text: text + stringSlice(template, from), next };
}

function directed(directive: string, value: unknown): string {
  if (directive === 'c') return '';
  if (directive === 's') return isObject(value) ? inspect(value, MAX_LINE_UNITS) : toText(value);
  if (directive === 'j' && !isObject(value)) return `${stringify(value)}`;
  if (directive === 'j' || directive === 'o' || directive === 'O') return inspect(value, MAX_LINE_UNITS);
  if (typeof value !== 'number' && typeof value !== 'string') return typeof value === 'bigint' ? `${value}n` : 'NaN';
  const number = toNumber(value);
  return toText(directive === 'i' ? number - (number % 1) : number);
}

function stackHere(): string {
  const stack = toText(new Error().stack);
  const lines = split(stack, '\n');
  const kept: string[] = [];
  for (let i = 1; i < lines.length; i++)
    if (stringIndexOf(lines[i] as string, 'cordon:') === -1) push(kept, lines[i] as string);
  return join(kept, '\n');
}

/** Converted as any text is, so what its `toString` throws is thrown. */
const labelOf = (label: unknown): string => stringSlice(domString(label), 0, MAX_LABEL_UNITS);

function remember(table: Record<PropertyKey, number>, name: string): boolean {
  if (table[name] !== undefined) return true;
  if (labels >= MAX_LABELS) return false;
  labels++;
  return true;
}

/** Returns whether it was there. */
function forget(table: Record<PropertyKey, number>, name: string): boolean {
  if (table[name] === undefined) return false;
  delete table[name];
  labels--;
  return true;
}
