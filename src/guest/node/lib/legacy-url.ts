/**
 * url.parse, url.format and url.resolve: URLs as Node knew them before the standard. What they make of a valid URL is
 * as it was; of what is none, they take the same parts, without Node's many corrections.
 */

import { parse as parseQuery, stringify as stringifyQuery } from '../modules/querystring.ts';
import { invalidArgument, requireString } from './errors.ts';

/** Schemes that have slashes even where they are not written. */
const SLASHED = /^(?:https?|ftp|gopher|file|wss?):$/;
/** And those that have no host at all. */
const HOSTLESS = /^javascript:$/;
const PARTS = /^([a-z][a-z0-9.+-]*:)?(\/\/)?([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/is;
const AUTHORITY = /^(?:(.*)@)?((?:\[[^\]]*\]|[^:]*))(?::(\d*))?$/s;
/** What may not stand in a URL as it is. */
// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\s"'<>\\^`{|}\0-\x1f]/g;

export class Url {
  protocol: string | null = null;
  slashes: boolean | null = null;
  auth: string | null = null;
  host: string | null = null;
  port: string | null = null;
  hostname: string | null = null;
  hash: string | null = null;
  search: string | null = null;
  query: string | Record<string, string | string[]> | null = null;
  pathname: string | null = null;
  path: string | null = null;
  href = '';

  resolve(relative: string): string {
    return resolveLegacy(this.href, relative);
  }

  format(): string {
    return formatLegacy(this);
  }
}

export function parseLegacy(text: string | Url, parsesQuery = false, slashesDenoteHost = false): Url {
  if (text instanceof Url) return text;
  requireString('url', text);
  const url = new Url();
  const match = PARTS.exec(text.trim().replace(UNSAFE, (char) => encodeURIComponent(char).replace("'", '%27')))!;
  const [, scheme, slashes = '', authority = '', path = '', search, hash] = match;
  const protocol = scheme?.toLowerCase() ?? null;
  const isSlashed = slashes !== '' && (protocol !== null || slashesDenoteHost);
  const hasHost = isSlashed || (protocol !== null && !SLASHED.test(protocol) && !HOSTLESS.test(protocol));
  url.protocol = protocol;
  url.slashes = isSlashed ? true : null;
  if (hasHost) setAuthority(url, authority);
  url.hash = hash ?? null;
  url.search = search ?? null;
  url.query = search?.slice(1) ?? null;
  if (parsesQuery) {
    url.search ??= '';
    url.query = parseQuery(search?.slice(1) ?? '');
  }
  const whole = hasHost ? path : slashes + authority + path;
  url.pathname = whole === '' ? (hasHost && SLASHED.test(protocol ?? '') ? '/' : null) : whole;
  if (url.pathname !== null || (url.search !== null && url.search !== ''))
    url.path = (url.pathname ?? '') + (url.search ?? '');
  url.href = formatLegacy(url);
  return url;
}

function setAuthority(url: Url, authority: string): void {
  const match = AUTHORITY.exec(authority);
  const [, auth, host = authority, port] = match ?? [];
  url.auth = auth === undefined ? null : decodeURIComponent(auth);
  url.hostname = host.replace(/^\[(.*)\]$/s, '$1').toLowerCase();
  url.port = port === undefined || port === '' ? null : port;
  url.host = `${host.toLowerCase()}${url.port === null ? '' : `:${url.port}`}`;
}

export function formatLegacy(given: string | Partial<Url>): string {
  if (typeof given === 'string') return formatLegacy(parseLegacy(given));
  if (typeof given !== 'object' || given === null)
    throw invalidArgument('urlObject', 'of type object or string', given);
  const { query } = given;
  const auth = given.auth ? `${encodeURIComponent(given.auth).replace('%3A', ':')}@` : '';
  const protocol = given.protocol ? given.protocol.replace(/:?$/, ':') : '';
  const hostname = given.hostname?.includes(':') === true ? `[${given.hostname}]` : given.hostname;
  const host = given.host ?? (hostname ? `${hostname}${given.port ? `:${given.port}` : ''}` : null);
  const queryText = query !== null && typeof query === 'object' ? stringifyQuery(query) : '';
  const search = given.search || (queryText === '' ? '' : `?${queryText}`);
  const hash = given.hash ?? '';
  let path = (given.pathname ?? '').replace(/[?#]/g, encodeURIComponent);
  let authority = '';
  if (given.slashes === true || ((protocol === '' || SLASHED.test(protocol)) && host !== null)) {
    authority = `//${host === null ? '' : auth + host}`;
    if (path !== '' && !path.startsWith('/')) path = `/${path}`;
  } else if (host !== null) {
    authority = auth + host;
  }
  const marked = (text: string, mark: string): string => (text === '' || text.startsWith(mark) ? text : mark + text);
  return `${protocol}${authority}${path}${marked(search, '?').replaceAll('#', '%23')}${marked(hash, '#')}`;
}

/** As a browser would follow a link. */
export function resolveLegacy(from: string, to: string): string {
  requireString('from', from);
  requireString('to', to);
  const base = parseLegacy(from, false, true);
  const target = parseLegacy(to, false, true);
  if (target.protocol !== null && target.protocol !== base.protocol) return target.href;
  const result = Object.assign(new Url(), base, { hash: target.hash });
  if (target.host !== null) {
    Object.assign(result, {
      auth: target.auth,
      host: target.host,
      slashes: true,
      pathname: target.pathname,
      search: target.search,
    });
  } else if (target.pathname !== null) {
    const isAbsolute = target.pathname.startsWith('/');
    const folder = (base.pathname ?? '').replace(/[^/]*$/, '') || (base.host === null ? '' : '/');
    result.pathname = withoutDots(isAbsolute ? target.pathname : folder + target.pathname);
    result.search = target.search;
  } else if (target.search !== null) {
    result.search = target.search;
  } else if (to === '') {
    result.hash = null;
  }
  result.query = null;
  return formatLegacy(result);
}

function withoutDots(path: string): string {
  const kept: string[] = [];
  const parts = path.split('/');
  for (const [i, part] of parts.entries()) {
    const isLast = i === parts.length - 1;
    if (part === '..') {
      if (kept.length > 1 || (kept.length === 1 && kept[0] !== '' && kept[0] !== '..')) kept.pop();
      else if (kept[0] !== '') kept.push('..');
    } else if (part !== '.') {
      kept.push(part);
      continue;
    }
    if (isLast) kept.push('');
  }
  return kept.join('/');
}
