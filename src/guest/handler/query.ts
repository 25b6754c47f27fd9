/** The parts of a URL as it was sent, found without parsing it as one: it may be relative. */

import * as modules from '../web/modules.ts';
import { stringIndexOf, stringSlice } from '../web/primordials.ts';

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
  const start = endOfPath(url);
  if (url[start] !== '?') return {};
  const hash = stringIndexOf(url, '#', start);
  return modules.url().queryObject(stringSlice(url, start + 1, hash === -1 ? url.length : hash));
}

function endOfPath(url: string): number {
  const query = stringIndexOf(url, '?');
  const hash = stringIndexOf(url, '#');
  if (query === -1) return hash === -1 ? url.length : hash;
  return hash === -1 || query < hash ? query : hash;
}
