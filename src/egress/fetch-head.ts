/** Fetch head: the meta of a `fetch` call, which is hostile, checked field by field until it is a {@link FetchHead}. */

import type { FetchHead } from '../core/egress.ts';
import { EgressFailure } from './failure.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
/** Bytes, but none that ends a line or a string: what a header may hold. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const MAX_URL_CHARS = 16 * 1024;
const MAX_HEADERS = 256;
const MAX_HEADER_CHARS = 64 * 1024;
const MAX_METHOD_CHARS = 32;

/** Of no use to a client, and of some to an attacker of the server behind. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** The Fetch standard writes these in upper case and leaves others alone. */
const NORMALISED: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);

export interface CheckedHead extends Omit<FetchHead, 'url'> {
  readonly url: URL;
}

/** Throws BAD_REQUEST with what was wrong and what was expected. */
export function requireFetchHead(meta: unknown, hasBody: boolean): CheckedHead {
  if (typeof meta !== 'object' || meta === null) throw bad('the request of a fetch must be an object');
  const { method, url, headers, redirect } = meta as Readonly<Record<keyof FetchHead, unknown>>;
  const checked = {
    method: requireMethod(method),
    url: requireUrl(url),
    headers: requireHeaders(headers),
    redirect: requireRedirect(redirect),
  };
  if (hasBody && (checked.method === 'GET' || checked.method === 'HEAD'))
    throw bad(`a request with method ${checked.method} has no body`);
  return checked;
}

function requireMethod(method: unknown): string {
  if (typeof method !== 'string' || method.length > MAX_METHOD_CHARS || !TOKEN.test(method))
    throw bad('the method must be an HTTP method, such as GET');
  const upper = method.toUpperCase();
  if (FORBIDDEN_METHODS.has(upper)) throw bad(`the method ${upper} is not allowed`);
  return NORMALISED.has(upper) ? upper : method;
}

function requireUrl(url: unknown): URL {
  if (typeof url !== 'string' || url.length > MAX_URL_CHARS)
    throw bad(`the URL must be a string of at most ${MAX_URL_CHARS} characters`);
  return parseUrl(url) ?? fail('the URL is not valid: an absolute one was expected, such as https://example.com/');
}

/** Without its fragment, which is never sent; null for what is no absolute URL. */
export function parseUrl(text: string, base?: URL): URL | null {
  const url = URL.parse(text, base?.href);
  if (url !== null) url.hash = '';
  return url;
}

function requireHeaders(headers: unknown): readonly string[] {
  if (!Array.isArray(headers) || headers.length % 2 !== 0 || headers.length > MAX_HEADERS * 2)
    throw bad(`the headers must be a list of at most ${MAX_HEADERS} names and values`);
  let chars = 0;
  for (let i = 0; i < headers.length; i++) {
    const text: unknown = headers[i];
    if (typeof text !== 'string') throw bad('every name and value of a header must be a string');
    chars += text.length;
    if (chars > MAX_HEADER_CHARS) throw bad(`the headers are longer than ${MAX_HEADER_CHARS} characters`);
    if (i % 2 === 0 ? !TOKEN.test(text) : !VALUE.test(text))
      throw bad(`header ${i >> 1} has a ${i % 2 === 0 ? 'name' : 'value'} that HTTP does not allow`);
  }
  return headers as readonly string[];
}

function requireRedirect(redirect: unknown): FetchHead['redirect'] {
  if (redirect === 'follow' || redirect === 'manual' || redirect === 'error') return redirect;
  throw bad('redirect must be "follow", "manual" or "error"');
}

const bad = (message: string): EgressFailure => new EgressFailure('BAD_REQUEST', message);

function fail(message: string): never {
  throw bad(message);
}
