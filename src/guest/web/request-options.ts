/** The members of a RequestInit that say how a request is made: read and judged as the Fetch standard has it. */

import { stringify, stringSlice, TypeError } from './primordials.ts';
import { canonicalUrl } from './url-text.ts';

export interface RequestInit {
  readonly body?: unknown;
  readonly cache?: unknown;
  readonly credentials?: unknown;
  readonly duplex?: unknown;
  readonly headers?: unknown;
  readonly integrity?: unknown;
  readonly keepalive?: unknown;
  readonly method?: unknown;
  readonly mode?: unknown;
  readonly priority?: unknown;
  readonly redirect?: unknown;
  readonly referrer?: unknown;
  readonly referrerPolicy?: unknown;
  readonly signal?: unknown;
  readonly window?: unknown;
}

export type Redirect = 'follow' | 'manual' | 'error';

/** What a Request shows of them. None but `redirect` changes what is sent: there is no cache, no cookie, no document. */
export interface RequestOptions {
  readonly cache: string;
  readonly credentials: string;
  readonly integrity: string;
  readonly keepalive: boolean;
  readonly mode: string;
  readonly redirect: Redirect;
  readonly referrer: string;
  readonly referrerPolicy: string;
}

export const DEFAULT_OPTIONS: RequestOptions = {
  cache: 'default',
  credentials: 'same-origin',
  integrity: '',
  keepalive: false,
  mode: 'cors',
  redirect: 'follow',
  referrer: 'about:client',
  referrerPolicy: '',
};

const ALLOWED = {
  cache: ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'],
  credentials: ['omit', 'same-origin', 'include'],
  duplex: ['half'],
  mode: ['cors', 'no-cors', 'same-origin', 'navigate'],
  priority: ['auto', 'high', 'low'],
  redirect: ['follow', 'error', 'manual'],
  referrerPolicy: [
    '',
    'no-referrer',
    'no-referrer-when-downgrade',
    'same-origin',
    'origin',
    'strict-origin',
    'origin-when-cross-origin',
    'strict-origin-when-cross-origin',
    'unsafe-url',
  ],
} as const;

/** Those given, over those of `from`. Throws a TypeError that names the member at fault. */
export function optionsOf(init: RequestInit, from: RequestOptions): RequestOptions {
  const { cache, credentials, duplex, integrity, keepalive, mode, priority, redirect, referrer, referrerPolicy } = init;
  oneOf('duplex', duplex, 'half');
  oneOf('priority', priority, 'auto');
  const options = {
    cache: oneOf('cache', cache, from.cache),
    credentials: oneOf('credentials', credentials, from.credentials),
    integrity: integrity === undefined ? from.integrity : `${integrity as string}`,
    keepalive: keepalive === undefined ? from.keepalive : Boolean(keepalive),
    mode: oneOf('mode', mode, from.mode),
    redirect: oneOf('redirect', redirect, from.redirect) as Redirect,
    referrer: referrer === undefined ? from.referrer : referrerOf(`${referrer as string}`),
    referrerPolicy: oneOf('referrerPolicy', referrerPolicy, from.referrerPolicy),
  };
  if (options.mode === 'navigate') throw new TypeError('mode must not be "navigate": there is nothing to navigate');
  if (options.cache === 'only-if-cached' && options.mode !== 'same-origin')
    throw new TypeError('cache can be "only-if-cached" where mode is "same-origin" only');
  return options;
}

function oneOf(name: keyof typeof ALLOWED, given: unknown, otherwise: string): string {
  if (given === undefined) return otherwise;
  const value = `${given as string}`;
  const allowed: readonly string[] = ALLOWED[name];
  let list = '';
  for (let i = 0; i < allowed.length; i++) {
    if (allowed[i] === value) return value;
    list += `${i === 0 ? '' : ', '}${stringify(allowed[i])}`;
  }
  throw new TypeError(`${name} must be one of ${list}, not ${stringify(stringSlice(value, 0, 40))}`);
}

/** A function has no origin, so every URL is another's, and the standard puts its client in the place of those. */
function referrerOf(text: string): string {
  if (text === '') return '';
  if (text !== 'about:client') canonicalUrl(text);
  return 'about:client';
}
