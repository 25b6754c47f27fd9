/** The parts of a URL as it was sent, found without parsing it as one: it may be relative. */

import * as modules from '../web/modules.ts';
import { put, split, stringIndexOf, stringSlice, join } from '../web/primordials.ts';

const decode = decodeURIComponent;

/** `/a/b` of `https://host/a/b?c#d`. */
export function pathOf(url: string): string {
  const end = endOfPath(url);
  const scheme = stringIndexOf(url, '://');
  if (scheme === -1 || scheme > end) return stringSlice(url, 0, end);
  const start = stringIndexOf(url, '/', scheme + 3);
  return start === -1 || start > end ? '/' : stringSlice(url, start, end);
}

/** The query as an object; of a name that occurs more than once, the last value. */
export function queryOf(url: string): Record<string, string> {
  const query: Record<string, string> = {};
  const mark = stringIndexOf(url, '?');
  if (mark === -1) return query;
  const hash = stringIndexOf(url, '#');
  const text = stringSlice(url, mark + 1, hash === -1 ? url.length : hash);
  if (text === '') return query;
  try {
    fill(query, text);
  } catch {
    // Not every sequence of escapes is UTF-8; the standard's parser has an answer for those too.
    for (const [name, value] of new (modules.url().URLSearchParams)(text)) put(query, name, value);
  }
  return query;
}

function fill(query: Record<string, string>, text: string): void {
  const pairs = split(text, '&');
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i] as string;
    if (pair === '') continue;
    const equals = stringIndexOf(pair, '=');
    const name = equals === -1 ? pair : stringSlice(pair, 0, equals);
    put(query, decoded(name), equals === -1 ? '' : decoded(stringSlice(pair, equals + 1)));
  }
}

function decoded(text: string): string {
  const spaced = stringIndexOf(text, '+') === -1 ? text : join(split(text, '+'), ' ');
  return stringIndexOf(spaced, '%') === -1 ? spaced : decode(spaced);
}

function endOfPath(url: string): number {
  const query = stringIndexOf(url, '?');
  const hash = stringIndexOf(url, '#');
  if (query === -1) return hash === -1 ? url.length : hash;
  return hash === -1 || query < hash ? query : hash;
}
