/** Document: the fields that a function gives an item, read as hostile input. */

import { MAX_ITEM_BYTES } from '../../core/items.ts';
import { bad, isStorable } from '../params.ts';
import { nameOf } from './query.ts';

/** Of the host's own making. */
export const HOST_FIELDS: readonly string[] = ['id', 'owner', 'created_at', 'updated_at'];

const MAX_FIELDS = 200;
/** Of lists and objects within each other. */
const MAX_DEPTH = 32;

export type Document = Readonly<Record<string, unknown>>;

/** Throws BAD_REQUEST. `reserved`: names that it may not have. */
export function documentOf(given: unknown, reserved: readonly string[]): Document {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw bad('data', 'an object', given);
  const entries = Object.entries(given);
  if (entries.length > MAX_FIELDS) throw bad('data', `at most ${MAX_FIELDS} fields`, entries.length);
  for (const [name, value] of entries) {
    nameOf('data', name);
    if (name === '__proto__' || reserved.includes(name)) throw bad('data', 'fields of its own', name);
    requireStorable(`data.${name}`, value, 1);
  }
  const bytes = Buffer.byteLength(JSON.stringify(given));
  if (bytes > MAX_ITEM_BYTES) throw bad('data', `at most ${MAX_ITEM_BYTES} bytes of JSON`, bytes);
  return given as Document;
}

/** What one database could not keep, or not give back, would make every query of its collection fail. */
function requireStorable(at: string, value: unknown, depth: number): void {
  if (typeof value === 'string') {
    if (!isStorable(value)) throw bad(at, 'text without NUL and without half a surrogate pair', value);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw bad(at, `at most ${MAX_DEPTH} lists and objects within each other`, value);
  for (const [name, inner] of Object.entries(value)) {
    if (!isStorable(name)) throw bad(at, 'names without NUL and without half a surrogate pair', name);
    requireStorable(at, inner, depth + 1);
  }
}
