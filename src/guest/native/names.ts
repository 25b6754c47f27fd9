/** Names: the host's proxy resolves them, and whoever asks for an address here is told so. */

import dns from 'node:dns';
import { isIP } from 'node:net';

/** As Node has it: a function may replace it. */
const { nextTick } = process;

const MAX_NAME_CHARS = 253;
const LOCALHOST = /^(?:localhost|.+\.localhost)\.?$/i;

export const isLoopback = (host: string): boolean =>
  LOCALHOST.test(host) || host === '::1' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));

type Options = { readonly all?: boolean; readonly family?: unknown } | number | null | undefined;
type Found = { readonly address: string; readonly family: number };

/** Puts look-ups that know addresses and localhost, and nothing else, in the place of Node's. */
export function installNames(): void {
  Object.assign(dns, { lookup });
  Object.assign(dns.promises, { lookup: lookUp });
  for (const name of Object.keys(dns.promises) as (keyof typeof dns.promises)[]) {
    if (!/^(?:resolve|reverse)/.test(name)) continue;
    Object.assign(dns, { [name]: query });
    Object.assign(dns.promises, { [name]: (asked: unknown) => Promise.reject(notFound(asked, 'query')) });
  }
}

/** As `dns.lookup(name, [options], callback)`. */
function lookup(...args: unknown[]): void {
  const callback = callbackOf(args);
  const found = find(args[0], args[1] as Options);
  if (found === null) return nextTick(callback, notFound(args[0], 'getaddrinfo'));
  if (wantsAll(args[1] as Options)) nextTick(callback, null, [found]);
  else nextTick(callback, null, found.address, found.family);
}

function lookUp(name: unknown, options?: Options): Promise<Found | Found[]> {
  const found = find(name, options);
  if (found === null) return Promise.reject(notFound(name, 'getaddrinfo'));
  return Promise.resolve(wantsAll(options) ? [found] : found);
}

/** As `dns.resolve4(name, [options], callback)` and its like. */
function query(...args: unknown[]): void {
  nextTick(callbackOf(args), notFound(args[0], 'query'));
}

function find(name: unknown, options: Options): Found | null {
  const text = typeof name === 'string' ? name : '';
  const family = isIP(text);
  if (family !== 0) return { address: text, family };
  if (!LOCALHOST.test(text)) return null;
  const wanted = typeof options === 'number' ? options : options?.family;
  return wanted === 6 || wanted === 'IPv6' ? { address: '::1', family: 6 } : { address: '127.0.0.1', family: 4 };
}

const wantsAll = (options: Options): boolean => typeof options === 'object' && options?.all === true;

function callbackOf(args: readonly unknown[]): (...results: unknown[]) => void {
  const callback = args.at(-1);
  if (typeof callback === 'function') return callback as (...results: unknown[]) => void;
  throw Object.assign(new TypeError('A look-up of a name needs a callback'), { code: 'ERR_INVALID_ARG_TYPE' });
}

function notFound(name: unknown, syscall: string): Error {
  const hostname = typeof name === 'string' ? name.slice(0, MAX_NAME_CHARS) : typeof name;
  const message = `${syscall} ENOTFOUND ${hostname}: names are resolved by the host's proxy; connect to the name itself, or use fetch()`;
  return Object.assign(new Error(message), { code: 'ENOTFOUND', errno: -3008, syscall, hostname });
}
