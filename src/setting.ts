/**
 * Setting: one variable of the environment: its name, its default, what it must be, and how its text becomes a value.
 */

import { BlockList, isIP } from 'node:net';
import { StartError } from './core/start-error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Setting<T> {
  readonly name: string;
  readonly meaning: string;
  /** The text that is parsed when nothing is set; null where there is no such text. */
  readonly fallback: string | null;
  /** What the documentation says of the default, where `fallback` does not say it. */
  readonly fallbackMeaning?: string;
  /** Completes "but it must be …". */
  readonly expected: string;
  /** A secret: a message shows its length only. */
  readonly secret?: true;
  /** A blank variable is a value, not the absence of one. */
  readonly blankCounts?: true;
  /** Undefined: the text is not valid. */
  readonly parse: (text: string) => T | undefined;
}

export interface UidRange {
  readonly first: number;
  readonly last: number;
}

/** Options pass through the text of their variable, so that both obey one rule. A blank variable counts as unset. */
export function read<T, F extends string | null>(
  setting: Setting<T> & { readonly fallback: F },
  option: string | number | boolean | undefined,
  env: Environment,
): F extends string ? T : T | null {
  const given = option === undefined ? env[setting.name]?.trim() : String(option);
  const text =
    given === '' && option === undefined && setting.blankCounts !== true
      ? setting.fallback
      : (given ?? setting.fallback);
  const value = text === null ? null : setting.parse(text);
  if (value === undefined) throw new StartError(sentence(setting, String(text), option !== undefined));
  return value as F extends string ? T : T | null;
}

function sentence(setting: Setting<unknown>, found: string, isOption: boolean): string {
  // A secret that was refused is still one.
  const shown = setting.secret === true ? `${found.length} characters long` : JSON.stringify(found.slice(0, 200));
  return `${setting.name}${isOption ? ' (as an option)' : ''} is ${shown}, but it must be ${setting.expected}`;
}

export function whole<F extends string | null>(
  name: string,
  fallback: F,
  min: number,
  max: number,
  meaning: string,
  fallbackMeaning?: string,
): Setting<number> & { readonly fallback: F } {
  return {
    name,
    fallback,
    meaning,
    ...(fallbackMeaning === undefined ? {} : { fallbackMeaning }),
    expected: `a whole number from ${min} to ${max}`,
    parse: (text) => (/^\d{1,15}$/.test(text) && within(Number(text), min, max) ? Number(text) : undefined),
  };
}

export function flag(
  name: string,
  fallback: '0' | '1',
  meaning: string,
): Setting<boolean> & { readonly fallback: string } {
  const words: Readonly<Record<string, boolean>> = { 1: true, true: true, 0: false, false: false };
  return {
    name,
    fallback,
    meaning,
    expected: '1 or 0',
    parse: (text) => (Object.hasOwn(words, text) ? words[text] : undefined),
  };
}

export function oneOf<const T extends string, F extends string | null>(
  name: string,
  fallback: F,
  choices: readonly T[],
  meaning: string,
  fallbackMeaning?: string,
): Setting<T> & { readonly fallback: F } {
  return {
    name,
    fallback,
    meaning: `${meaning}: ${choices.map((choice) => `\`${choice}\``).join(', ')}`,
    ...(fallbackMeaning === undefined ? {} : { fallbackMeaning }),
    expected: `one of ${choices.join(', ')}`,
    parse: (text) => choices.find((choice) => choice === text),
  };
}

export const within: (value: number, min: number, max: number) => boolean = (
  value: number,
  min: number,
  max: number,
): boolean => value >= min && value <= max;

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`, 'i');

/** A name whose last label is a number is an address to every resolver, so it is no name. */
export const isHostName: (text: string) => boolean = (text: string): boolean =>
  HOST_NAME.test(text) && !/(?:^|\.)\d+$/.test(text);

/** The form that a Host header has. */
export function hostHeader(text: string): string | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  // The URL parser is what browsers use, so the shortest form of an IPv6 address is theirs.
  if (isIP(bare) === 6 && !bare.includes('%')) return new URL(`http://[${bare}]`).hostname;
  return isIP(text) === 4 || isHostName(text) ? text.toLowerCase() : undefined;
}

export function each<T>(text: string, parse: (item: string) => T | undefined): T[] | undefined {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parse);
  return items.every((item) => item !== undefined) ? items : undefined;
}

export function blockList(text: string): BlockList | undefined {
  const list = new BlockList();
  const added = each(text, (item) => addBlock(list, item));
  return added === undefined ? undefined : list;
}

function addBlock(list: BlockList, item: string): true | undefined {
  const [address = '', prefix, ...rest] = item.split('/');
  const version = isIP(address);
  if (version === 0 || address.includes('%') || rest.length > 0) return undefined;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (prefix === undefined) {
    list.addAddress(address, family);
    return true;
  }
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (version === 4 ? 32 : 128)) return undefined;
  list.addSubnet(address, Number(prefix), family);
  return true;
}

/** Below 1000 are the system's own users, and 0 is root: no executor may ever be one of them. */
export function uidRange(text: string): UidRange | undefined {
  const match = /^(\d{1,10})-(\d{1,10})$/.exec(text);
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  return first >= 1000 && first <= last && last <= 4_294_967_293 ? { first, last } : undefined;
}

export function serverUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.username !== ''
  )
    return undefined;
  return url.origin;
}

/** An absolute http(s) URL, any path. */
export function webUrl(text: string): string | undefined {
  const url = URL.parse(text);
  return url === null || !/^https?:$/.test(url.protocol) || url.username !== '' ? undefined : url.href;
}

/** `host:port`, the host a name or an address (IPv6 in brackets). */
export function hostAndPort(text: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^:\s]+):(\d{1,5})$/i.exec(text);
  const host = match === null ? undefined : hostHeader(match[1] as string);
  const port = Number(match?.[2]);
  return host === undefined || !within(port, 1, 65_535) ? undefined : `${host}:${port}`;
}

/** `api.example.com`, `*.cdn.io`, either with a port or a scheme before it; or `*`. */
export function hostPattern(text: string): string | undefined {
  if (text === '*') return text;
  const match = /^(https?:\/\/)?(\*\.)?(\[[0-9a-f:.]+\]|[^:/\s*]+)(:\d{1,5})?$/i.exec(text);
  if (match === null) return undefined;
  const [, scheme = '', wildcard = '', name = '', port = ''] = match;
  if (port !== '' && !within(Number(port.slice(1)), 1, 65_535)) return undefined;
  // The URL parser is what requests go through, so a name means here what it means there (IDN, case, a trailing dot).
  const host = URL.parse(`http://${name}/`)?.hostname.replace(/\.$/, '');
  const isName = host !== undefined && (isHostName(host) || (wildcard === '' && hostHeader(host) !== undefined));
  return isName ? `${scheme.toLowerCase()}${wildcard}${host}${port}` : undefined;
}

/** `60` a minute, or `10/1s`, `1000/1h`. */
export function rate(text: string): { readonly limit: number; readonly windowSeconds: number } | undefined {
  const match = /^(\d{1,9})(?:\/(\d{1,5})(s|m|h))?$/.exec(text);
  if (match === null || Number(match[1]) === 0 || Number(match[2] ?? 1) === 0) return undefined;
  const unit = { s: 1, m: 60, h: 3600 }[match[3] ?? 'm'] as number;
  return { limit: Number(match[1]), windowSeconds: Number(match[2] ?? 1) * unit };
}
