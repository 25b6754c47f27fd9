/** URL and URLSearchParams, from whatwg-url. */

import * as urls from 'whatwg-url/lib/URL.js';
import * as params from 'whatwg-url/lib/URLSearchParams.js';

interface Parsed {
  readonly href: string;
}

/** The generated classes take their errors and prototypes from here, and put themselves into it. */
const realm = { Array, Object, Promise, String, TypeError } as Record<string, unknown>;
urls.install(realm, ['Window']);
params.install(realm, ['Window']);

export const URL = realm['URL'] as new (text: string, base?: string) => Parsed;
export const URLSearchParams = realm['URLSearchParams'] as new (init?: unknown) => Iterable<[string, string]>;

export const hrefOf = (text: string): string => new URL(text).href;
export const isURLSearchParams = (value: unknown): boolean => params.is(value);
