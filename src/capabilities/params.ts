/** Params: readers for what a guest sends: parsed JSON that nobody has looked at. Each throws BAD_REQUEST. */

import { Fault } from '../core/faults.ts';

export type Params = Readonly<Record<string, unknown>>;

/** An object with these fields at most. */
export function paramsOf(value: unknown, known: readonly string[], what: string = 'what is sent'): Params {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(what, 'an object', value);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Fault(
      'BAD_REQUEST',
      `${what}: there is no field ${shown(unknown)}; it may have ${known.length === 0 ? 'none' : known.join(', ')}`,
    );
  // Without a prototype, what was not sent is undefined, whatever its name.
  return Object.assign(Object.create(null) as object, value) as Params;
}

/** Well-formed, without NUL: what every database can keep. `maxBytes` counts UTF-8. */
export function textOf(name: string, value: unknown, maxBytes: number): string {
  if (typeof value !== 'string') throw bad(name, 'a string', value);
  if (Buffer.byteLength(value) > maxBytes) throw bad(name, `at most ${maxBytes} bytes`, `${value.length} characters`);
  if (!isStorable(value)) throw bad(name, 'text without NUL and without half a surrogate pair', value);
  return value;
}

export function wholeOf(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw bad(name, `a whole number from ${min} to ${max}`, value);
}

export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

export function bad(name: string, expected: string, came: unknown): Fault {
  return new Fault('BAD_REQUEST', `${name}: expected ${expected}, but it is ${shown(came)}`);
}

/** In a message, bounded. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
