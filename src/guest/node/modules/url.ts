/** node:url: the web's URL, the way between URLs and paths, and the parser from before there was a URL. */

import { codedTypeError, requireString } from '../lib/errors.ts';
import { formatLegacy, parseLegacy, resolveLegacy, Url } from '../lib/legacy-url.ts';
import { web, type WebUrl } from '../lib/web.ts';
import { resolve as resolvePath } from './path.ts';

export const URL: typeof web.URL = web.URL;
export const URLSearchParams: unknown = web.URLSearchParams;
export { parseLegacy as parse, resolveLegacy as resolve, Url };

const isUrl = (value: unknown): value is WebUrl =>
  typeof value === 'object' && value !== null && 'href' in value && 'protocol' in value && value instanceof web.URL;

export function fileURLToPath(given: string | WebUrl): string {
  const url = typeof given === 'string' ? new web.URL(given) : given;
  if (!isUrl(url))
    throw codedTypeError('ERR_INVALID_ARG_TYPE', 'The "path" argument must be of type string or an instance of URL.');
  if (url.protocol !== 'file:') throw codedTypeError('ERR_INVALID_URL_SCHEME', 'The URL must be of scheme file');
  if (url.hostname !== '')
    throw codedTypeError('ERR_INVALID_FILE_URL_HOST', 'File URL host must be "localhost" or empty on linux');
  if (/%2f/i.test(url.pathname))
    throw codedTypeError('ERR_INVALID_FILE_URL_PATH', 'File URL path must not include encoded / characters');
  return decodeURIComponent(url.pathname);
}

const PATH_ESCAPES: Readonly<Record<string, string>> = {
  '%': '%25',
  '\\': '%5C',
  '\n': '%0A',
  '\r': '%0D',
  '\t': '%09',
  '?': '%3F',
  '#': '%23',
};

export function pathToFileURL(path: string): WebUrl {
  requireString('path', path);
  const resolved = resolvePath(path) + (path.endsWith('/') && path !== '/' ? '/' : '');
  return new web.URL(`file://${resolved.replace(/[%\\\n\r\t?#]/g, (char) => PATH_ESCAPES[char]!)}`);
}

export function domainToASCII(domain: string): string {
  try {
    return new web.URL(`ws://${domain}`).hostname;
  } catch {
    return '';
  }
}

interface FormatOptions {
  readonly auth?: boolean;
  readonly fragment?: boolean;
  readonly search?: boolean;
}

export function format(url: unknown, options: FormatOptions = {}): string {
  if (!isUrl(url)) return formatLegacy(url as string | Url);
  const { auth = true, fragment = true, search = true } = options;
  const credentials =
    url.username === '' && url.password === ''
      ? ''
      : `${url.username}${url.password === '' ? '' : `:${url.password}`}@`;
  const slashes = url.href.startsWith(`${url.protocol}//`) ? '//' : '';
  return `${url.protocol}${slashes}${auth ? credentials : ''}${url.host}${url.pathname}${search ? url.search : ''}${fragment ? url.hash : ''}`;
}

export function urlToHttpOptions(url: WebUrl): Record<string, unknown> {
  const { hostname, protocol, hash, search, pathname, href, port, username, password } = url;
  return {
    ...url,
    protocol,
    hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    hash,
    search,
    pathname,
    path: `${pathname}${search}`,
    href,
    ...(port === '' ? {} : { port: Number(port) }),
    ...(username === '' && password === ''
      ? {}
      : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
  };
}

const all: object = {
  URL,
  URLSearchParams,
  Url,
  domainToASCII,
  fileURLToPath,
  format,
  parse: parseLegacy,
  pathToFileURL,
  resolve: resolveLegacy,
  urlToHttpOptions,
};

export default all;
