/** URLs as text: the ones that are in their final form already need no parser, which is most of them. */

import * as modules from './modules.ts';
import { exec } from './primordials.ts';

/** A name whose last label begins with a letter (else it is a number, and the parser's business), or an IPv4 address. */
const HOST = String.raw`(?:(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z][a-z0-9]*|(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!:|\/)|(?=[:/]))){4})`;
const PORT = String.raw`(?::(?:[1-9]\d{3}|[1-5]\d{4}))?`;
/** No segment that begins with a dot, since `.` and `..` are steps. */
const PATH = String.raw`(?:\/(?!\.|%2[eE])[A-Za-z0-9\-._~!$&'()*+,;=:@%]*)+`;
const QUERY = String.raw`(?:\?[A-Za-z0-9\-._~!$&()*+,;=:@/?%]*)?`;
const FRAGMENT = String.raw`(?:#[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*)?`;
const CANONICAL = new RegExp(`^https?://${HOST}${PORT}${PATH}${QUERY}${FRAGMENT}$`);
const ORIGIN = new RegExp(`^https?://${HOST}${PORT}(?=/)`);
const ROOTED = new RegExp(`^(?!//)${PATH}${QUERY}${FRAGMENT}$`);

/** Whether it is known to be in its final form; others may be too. */
export const isCanonical = (text: string): boolean => exec(CANONICAL, text) !== null;

/** Of a path on a server, `/a?b#c`, and a base in its final form; null where they are not known to be that. */
export function canonicalOn(base: string, path: string): string | null {
  const origin = exec(ROOTED, path) === null || !isCanonical(base) ? null : exec(ORIGIN, base);
  return origin === null ? null : origin[0] + path;
}

/** The URL as `new URL(text).href` gives it. Throws a TypeError where that does. */
export const canonicalUrl = (text: string): string => (isCanonical(text) ? text : new (modules.url().URL)(text).href);
