/** URLs as text: the ones that are in their final form already need no parser, which is most of them. */

import * as modules from './modules.ts';
import { exec } from './primordials.ts';

const { RegExp } = globalThis;

/** A name whose last label begins with a letter (else it is a number, and the parser's business), or an IPv4 address. */
const HOST = String.raw`(?:(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z][a-z0-9]*|(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!:|\/|$)|(?=[:/]|$))){4})`;
const PORT = String.raw`(?::(?:[1-9]\d{3}|[1-5]\d{4}))?`;
/** No segment that begins with a dot, since `.` and `..` are steps. */
const PATH = String.raw`(?:\/(?!\.|%2[eE])[A-Za-z0-9\-._~!$&'()*+,;=:@%]*)+`;
const QUERY = String.raw`(?:\?[A-Za-z0-9\-._~!$&()*+,;=:@/?%]*)?`;
const FRAGMENT = String.raw`(?:#[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*)?`;
/** Made when the first of them is needed. */
let canonical: RegExp | null = null;
const canonicalOf = (): RegExp => (canonical ??= new RegExp(`^https?://${HOST}${PORT}${PATH}${QUERY}${FRAGMENT}$`));
let parts: Readonly<Record<'origin' | 'bareOrigin' | 'rooted' | 'path' | 'query' | 'fragment', RegExp>> | null = null;
const partsOf = (): NonNullable<typeof parts> =>
  (parts ??= {
    origin: new RegExp(`^https?://${HOST}${PORT}(?=/|$)`),
    bareOrigin: new RegExp(`^https?://${HOST}${PORT}$`),
    rooted: new RegExp(`^(?!//)${PATH}${QUERY}${FRAGMENT}$`),
    path: new RegExp(`^${PATH}$`),
    query: new RegExp(`^${QUERY}$`),
    fragment: new RegExp(`^${FRAGMENT}$`),
  });

/** Whether it is known to be in its final form; others may be too. */
export const isCanonical = (text: string): boolean => exec(canonicalOf(), text) !== null;

/** What `text` is in its final form; null where that takes a parser. */
export function canonicalForm(text: string): string | null {
  if (isCanonical(text)) return text;
  return exec(partsOf().bareOrigin, text) === null ? null : `${text}/`;
}

/** Of a path on a server, `/a?b#c`, and a base; null where they are not known to make a URL in its final form. */
export function canonicalOn(base: string, path: string): string | null {
  if (exec(partsOf().rooted, path) === null) return null;
  const origin = canonicalForm(base) === null ? null : exec(partsOf().origin, base);
  return origin === null ? null : origin[0] + path;
}

/** Whether it can stand as it is in the place of a canonical URL's path, of its `?query` or of its `#fragment`. */
export const isPath = (text: string): boolean => exec(partsOf().path, text) !== null;
export const isQuery = (text: string): boolean => exec(partsOf().query, text) !== null;
export const isFragment = (text: string): boolean => exec(partsOf().fragment, text) !== null;

/** The URL as `new URL(text).href` gives it. Throws a TypeError where that does. */
export const canonicalUrl = (text: string): string => canonicalForm(text) ?? new (modules.url().URL)(text).href;
