/** console: each call becomes one line of text for the host, bounded in length, and never throws. */

import { host } from './engine.ts';
import { inspect } from './inspect.ts';
import {
  dictionary,
  getOwnPropertyDescriptor,
  isObject,
  join,
  keysOf,
  now,
  push,
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

const counts = dictionary<number>();
const startsMs = dictionary<number>();
let labels = 0;
let groups = 0;

/** Plain functions in an object, so that they can be passed around alone. */
export const console = {
  log: (...args: unknown[]): void => write('info', args),
  info: (...args: unknown[]): void => write('info', args),
  warn: (...args: unknown[]): void => write('warn', args),
  error: (...args: unknown[]): void => write('error', args),
  debug: (...args: unknown[]): void => write('debug', args),
  trace: (...args: unknown[]): void => write('debug', [`${format(args)}\n${stackHere()}`]),
  dir: (value?: unknown): void => write('info', [[value]]),
  assert(condition?: unknown, ...args: unknown[]): void {
    if (!condition) write('error', [args.length === 0 ? 'Assertion failed' : `Assertion failed: ${format(args)}`]);
  },
  count(label?: unknown): void {
    const name = labelOf(label);
    if (!remember(counts, name)) return;
    counts[name] = (counts[name] ?? 0) + 1;
    write('info', [`${name}: ${counts[name]}`]);
  },
  countReset: (label?: unknown): void => forget(counts, labelOf(label)),
  time(label?: unknown): void {
    const name = labelOf(label);
    if (startsMs[name] === undefined && remember(startsMs, name)) startsMs[name] = now();
  },
  timeLog(label?: unknown, ...args: unknown[]): void {
    const name = labelOf(label);
    const startMs = startsMs[name];
    if (startMs === undefined) return;
    const text = `${name}: ${now() - startMs} ms`;
    write('info', [args.length === 0 ? text : `${text} ${format(args)}`]);
  },
  timeEnd(label?: unknown): void {
    console.timeLog(label);
    forget(startsMs, labelOf(label));
  },
  group(...args: unknown[]): void {
    if (args.length > 0) write('info', args);
    if (groups < MAX_GROUPS) groups++;
  },
  groupCollapsed: (...args: unknown[]): void => console.group(...args),
  groupEnd(): void {
    if (groups > 0) groups--;
  },
  table: (rows?: unknown): void => write('info', [tableOf(rows) ?? rows]),
};

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
    [text, next] = substitute(args[0], args);
  }
  for (let i = next; i < args.length && text.length <= MAX_LINE_UNITS; i++) {
    if (i > 0) text += ' ';
    text += show(args[i], MAX_LINE_UNITS - text.length);
  }
  return text;
}

const show = (value: unknown, maxUnits: number): string =>
  typeof value === 'string' ? value : inspect(value, maxUnits);

function substitute(template: string, args: unknown[]): [text: string, next: number] {
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
  return [text + stringSlice(template, from), next];
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

const labelOf = (label: unknown): string =>
  typeof label === 'string' ? stringSlice(label, 0, 256) : label === undefined ? 'default' : inspect(label, 256);

function remember(table: Record<PropertyKey, number>, name: string): boolean {
  if (table[name] !== undefined) return true;
  if (labels >= MAX_LABELS) return false;
  labels++;
  return true;
}

function forget(table: Record<PropertyKey, number>, name: string): void {
  if (table[name] === undefined) return;
  delete table[name];
  labels--;
}

/** Rows of columns of text; null where the value is not made of objects. */
function tableOf(rows: unknown): string | null {
  if (!isObject(rows)) return null;
  const names: string[] = [];
  const known = dictionary<true>();
  const keys = keysOf(rows);
  const lines: Record<PropertyKey, string>[] = [];
  for (let i = 0; i < keys.length && i < 100; i++) {
    const key = keys[i] as string;
    const row: unknown = getOwnPropertyDescriptor(rows, key)?.value;
    const cells = dictionary<string>();
    cells['(index)'] = key;
    const columns = isObject(row) ? keysOf(row) : [];
    if (!isObject(row)) cells['Values'] = inspect(row, 80);
    for (let c = 0; c < columns.length && c < 20; c++) {
      const column = columns[c] as string;
      cells[column] = inspect(getOwnPropertyDescriptor(row, column)?.value, 80);
      if (known[column] === undefined && names.length < 20) push(names, column);
      known[column] = true;
    }
    push(lines, cells);
  }
  return drawn(['(index)', ...names, ...(lines.some((cells) => 'Values' in cells) ? ['Values'] : [])], lines);
}

function drawn(columns: string[], rows: Record<PropertyKey, string>[]): string {
  const widths = columns.map((column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), column.length),
  );
  const line = (cells: (index: number) => string): string =>
    columns
      .map((_, i) => cells(i).padEnd(widths[i] as number))
      .join(' | ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('-+-');
  return [
    line((i) => columns[i] as string),
    rule,
    ...rows.map((row) => line((i) => row[columns[i] as string] ?? '')),
  ].join('\n');
}
