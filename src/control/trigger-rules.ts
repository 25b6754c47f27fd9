/** Trigger rules: which patterns a trigger may have. What they mean is decided where events and ticks come from. */

import { Fault } from '../core/faults.ts';
import type { Trigger } from '../core/function-record.ts';

/** Throws BAD_REQUEST. */
export function requireTrigger({ kind, pattern }: Trigger): Trigger {
  if (kind === 'http') {
    if (pattern !== null) throw bad('pattern', 'nothing: http has no pattern', pattern);
    return { kind, pattern };
  }
  if (pattern === null) throw bad('pattern', EXPECTED[kind], null);
  if (!(kind === 'event' ? isEventPattern(pattern) : isCronPattern(pattern)))
    throw bad('pattern', EXPECTED[kind], pattern);
  return { kind, pattern };
}

const EXPECTED = {
  event: 'segments with : between them, each * or letters, digits, _, . and -, as in items:posts:*',
  cron: 'five fields (minute, hour, day, month, day of the week), or six with the second before them, as in */5 * * * *',
} as const;

const MAX_CHARS = 256;
const MAX_SEGMENTS = 16;

function isEventPattern(pattern: string): boolean {
  const segments = pattern.split(':');
  return (
    pattern.length <= MAX_CHARS &&
    segments.length <= MAX_SEGMENTS &&
    segments.every((segment) => segment === '*' || /^[A-Za-z0-9_.-]+$/.test(segment))
  );
}

interface Field {
  readonly min: number;
  readonly max: number;
  /** The first stands for `min`. */
  readonly names?: readonly string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const SECOND: Field = { min: 0, max: 59 };
const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  // 7 is Sunday too.
  { min: 0, max: 7, names: DAYS },
];

function isCronPattern(pattern: string): boolean {
  const parts = pattern.split(' ');
  const fields = parts.length === 6 ? [SECOND, ...FIELDS] : FIELDS;
  if (pattern.length > MAX_CHARS || parts.length !== fields.length) return false;
  return parts.every((part, i) => part.split(',').every((item) => isCronItem(item, fields[i] as Field)));
}

/** `*`, a value or a range, any of them with a step. */
function isCronItem(item: string, field: Field): boolean {
  const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/([1-9]\d{0,2}))?$/.exec(item);
  if (match === null) return false;
  const [, first, last] = match;
  if (first === undefined) return true;
  const from = valueOf(first, field);
  const to = last === undefined ? from : valueOf(last, field);
  return from !== null && to !== null && from <= to;
}

function valueOf(text: string, { min, max, names = [] }: Field): number | null {
  const named = names.indexOf(text.toUpperCase());
  const value = named >= 0 ? min + named : /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : null;
}

function bad(field: string, expected: string, came: string | null): Fault {
  const shown = came === null ? 'it is missing' : `it is ${JSON.stringify(came.slice(0, 120))}`;
  return new Fault('BAD_REQUEST', `trigger.${field}: expected ${expected}, but ${shown}`);
}
