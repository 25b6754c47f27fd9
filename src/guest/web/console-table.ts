/** console.table(): rows of columns of text. */

import { inspect } from './inspect.ts';
import {
  dictionary,
  getOwnPropertyDescriptor,
  isArray,
  isObject,
  join,
  keysOf,
  max,
  push,
  repeat,
  toText,
  trimEnd,
  uncurry,
} from './primordials.ts';

type Row = Record<PropertyKey, string>;

const MAX_ROWS = 100;
const MAX_COLUMNS = 20;
const CELL_UNITS = 80;
const INDEX = '(index)';
const VALUES = 'Values';

const mapForEach = uncurry(
  Map.prototype.forEach as (this: object, callback: (value: unknown, key: unknown) => void) => void,
);
const setForEach = uncurry(Set.prototype.forEach as (this: object, callback: (value: unknown) => void) => void);

/** Null where `data` is not made of anything. `columns` names those to show; by default all. */
export function tableOf(data: unknown, columns: unknown): string | null {
  if (!isObject(data)) return null;
  const wanted = isArray(columns) ? namesIn(columns) : null;
  const names: string[] = [];
  const known = dictionary<true>();
  const rows: Row[] = [];
  let hasValues = false;
  eachRow(data, (index, value) => {
    const row = dictionary<string>();
    row[INDEX] = index;
    push(rows, row);
    if (!isObject(value)) {
      row[VALUES] = inspect(value, CELL_UNITS);
      hasValues = true;
      return;
    }
    const keys = wanted ?? keysOf(value);
    for (let i = 0; i < keys.length && i < MAX_COLUMNS; i++) {
      const key = keys[i] as string;
      const cell = getOwnPropertyDescriptor(value, key);
      if (cell !== undefined) row[key] = inspect(cell.value, CELL_UNITS);
      if (known[key] === undefined && names.length < MAX_COLUMNS) push(names, key);
      known[key] = true;
    }
  });
  const all = [INDEX];
  for (let i = 0; i < names.length; i++) push(all, names[i] as string);
  if (hasValues) push(all, VALUES);
  return drawn(all, rows);
}

function namesIn(columns: readonly unknown[]): string[] {
  const names: string[] = [];
  for (let i = 0; i < columns.length && i < MAX_COLUMNS; i++) push(names, toText(columns[i]));
  return names;
}

/** Of a list, an object, a Map or a Set. */
function eachRow(data: object, add: (index: string, value: unknown) => void): void {
  let count = 0;
  const addNext = (index: unknown, value: unknown): void => {
    if (count++ < MAX_ROWS) add(typeof index === 'string' ? index : inspect(index, CELL_UNITS), value);
  };
  try {
    if (data instanceof Map) return mapForEach(data, (value, key) => addNext(key, value));
    if (data instanceof Set) return setForEach(data, (value) => addNext(count, value));
  } catch {
    // It only inherits from one of them.
  }
  const keys = keysOf(data);
  for (let i = 0; i < keys.length && i < MAX_ROWS; i++)
    addNext(keys[i], getOwnPropertyDescriptor(data, keys[i] as string)?.value);
}

function drawn(columns: readonly string[], rows: readonly Row[]): string {
  const widths: number[] = [];
  for (let c = 0; c < columns.length; c++) {
    const column = columns[c] as string;
    let width = column.length;
    for (let r = 0; r < rows.length; r++) width = max(width, (rows[r] as Row)[column]?.length ?? 0);
    push(widths, width);
  }
  const heads = dictionary<string>();
  const rules = dictionary<string>();
  for (let c = 0; c < columns.length; c++) {
    heads[columns[c] as string] = columns[c] as string;
    rules[columns[c] as string] = repeat('-', widths[c] as number);
  }
  const lines = [line(columns, widths, heads, ' | '), line(columns, widths, rules, '-+-')];
  for (let r = 0; r < rows.length; r++) push(lines, line(columns, widths, rows[r] as Row, ' | '));
  return join(lines, '\n');
}

function line(columns: readonly string[], widths: readonly number[], row: Row, between: string): string {
  let text = '';
  for (let c = 0; c < columns.length; c++) {
    const cell = row[columns[c] as string] ?? '';
    text += (c === 0 ? '' : between) + cell + repeat(' ', (widths[c] as number) - cell.length);
  }
  return trimEnd(text);
}
