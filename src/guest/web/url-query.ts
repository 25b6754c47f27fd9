/** `a=1&b=2`: application/x-www-form-urlencoded, both ways. */

import * as modules from './modules.ts';
import { exec, join, push, put, split, stringIndexOf, stringSlice } from './primordials.ts';

export type Entry = [name: string, value: string];

const { decodeURIComponent, encodeURIComponent } = globalThis;

export function parseQuery(query: string): Entry[] {
  try {
    return parsePlainQuery(query);
  } catch {
    // Not every sequence of escapes is UTF-8; the standard's own parser has an answer for those too.
    return modules.urlParser().parseUrlencodedString(query);
  }
}

/** Throws a URIError for escapes that are not UTF-8. */
function parsePlainQuery(query: string): Entry[] {
  const entries: Entry[] = [];
  if (query === '') return entries;
  const parts = split(query, '&');
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string;
    if (part === '') continue;
    const equals = stringIndexOf(part, '=');
    if (equals === -1) push(entries, [decode(part), '']);
    else push(entries, [decode(stringSlice(part, 0, equals)), decode(stringSlice(part, equals + 1))]);
  }
  return entries;
}

function decode(part: string): string {
  const spaced = stringIndexOf(part, '+') === -1 ? part : join(split(part, '+'), ' ');
  return stringIndexOf(spaced, '%') === -1 ? spaced : decodeURIComponent(spaced);
}

/** Names and values must be well-formed. */
export function serializeQuery(entries: readonly (readonly [name: string, value: string])[]): string {
  let query = '';
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as Entry;
    query += `${i === 0 ? '' : '&'}${encode(entry[0])}=${encode(entry[1])}`;
  }
  return query;
}

const PLAIN = /^[A-Za-z0-9*\-._]*$/;
/** What the language's own function leaves as it is or writes differently. */
const ESCAPES: readonly { readonly from: string; readonly to: string }[] = [
  { from: '%20', to: '+' },
  { from: '!', to: '%21' },
  { from: "'", to: '%27' },
  { from: '(', to: '%28' },
  { from: ')', to: '%29' },
  { from: '~', to: '%7E' },
];

function encode(part: string): string {
  if (exec(PLAIN, part) !== null) return part;
  let encoded = encodeURIComponent(part);
  for (let i = 0; i < ESCAPES.length; i++) {
    const { from, to } = ESCAPES[i] as (typeof ESCAPES)[number];
    if (stringIndexOf(encoded, from) !== -1) encoded = join(split(encoded, from), to);
  }
  return encoded;
}

/** The query as a plain object; of a name that occurs more than once, the last value. */
export function queryObject(query: string): Record<string, string> {
  const object: Record<string, string> = {};
  const entries = parseQuery(query);
  for (let i = 0; i < entries.length; i++) put(object, (entries[i] as Entry)[0], (entries[i] as Entry)[1]);
  return object;
}
