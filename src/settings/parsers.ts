/** Parsers: from the text of a setting to its value; undefined where the text is not valid. */

import { BlockList, isIP } from 'node:net';
import type { RateRule } from '../core/rate-limit.ts';

/** A list separated by commas. */
export function each<T>(text: string, parse: (item: string) => T | undefined): T[] | undefined {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parse);
  return items.every((item) => item !== undefined) ? items : undefined;
}

/** Addresses and CIDR blocks. */
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

/** The origin of an http(s) URL that names a server and nothing below it. */
export function serverUrl(text: string): string | undefined {
  const url = plainUrl(text);
  return url === undefined || url.pathname !== '/' || url.search !== '' ? undefined : url.origin;
}

/** An absolute http(s) URL, any path. */
export function webUrl(text: string): string | undefined {
  return plainUrl(text)?.href;
}

function plainUrl(text: string): URL | undefined {
  const url = URL.parse(text);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  return isPlain ? url : undefined;
}

export const RATE_EXPECTED = 'a whole number, or one with its window as in 10/1s, 100/1m, 1000/1h';

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** `60` a minute, or `10/1s`, `1000/1h`. */
export function rate(text: string): RateRule | undefined {
  const match = /^(\d{1,9})(?:\/(\d{1,5})(s|m|h))?$/.exec(text);
  if (match === null) return undefined;
  const [, limit, count = '1', unit = 'm'] = match;
  const rule = { limit: Number(limit), windowSeconds: Number(count) * (UNIT_SECONDS[unit] as number) };
  return rule.limit === 0 || rule.windowSeconds === 0 ? undefined : Object.freeze(rule);
}
