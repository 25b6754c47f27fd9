/** Host names, addresses and patterns of them, as text: what is one, and the one form in which it is compared. */

import { isIP } from 'node:net';

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`, 'i');

/** A name whose last label is a number is an address to every resolver, so it is no name. */
export function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && !/(?:^|\.)\d+$/.test(text);
}

/** The form that a Host header has; undefined for what is neither a name nor an address. */
export function hostHeader(text: string): string | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  // The URL parser is what browsers use, so the shortest form of an IPv6 address is theirs.
  if (isIP(bare) === 6 && !bare.includes('%')) return new URL(`http://[${bare}]`).hostname;
  return isIP(text) === 4 || isHostName(text) ? text.toLowerCase() : undefined;
}

/** `host:port`, the host a name or an address (IPv6 in brackets). */
export function hostAndPort(text: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^:\s]+):(\d{1,5})$/i.exec(text);
  const host = match === null ? undefined : hostHeader(match[1] as string);
  return host === undefined || !isPort(match?.[2]) ? undefined : `${host}:${Number(match?.[2])}`;
}

/** `api.example.com`, `*.cdn.io`, either with a port or a scheme before it; or `*`. */
export function hostPattern(text: string): string | undefined {
  if (text === '*') return text;
  const match = /^(https?:\/\/)?(\*\.)?(\[[0-9a-f:.]+\]|[^:/\s*@\\?#%]+)(:\d{1,5})?$/i.exec(text);
  if (match === null) return undefined;
  const [, scheme = '', wildcard = '', name = '', port = ''] = match;
  if (port !== '' && !isPort(port.slice(1))) return undefined;
  // The URL parser is what requests go through, so a name means here what it means there (IDN, case, a trailing dot).
  const host = URL.parse(`http://${name}/`)?.hostname.replace(/\.$/, '');
  const isName = host !== undefined && (isHostName(host) || (wildcard === '' && hostHeader(host) !== undefined));
  return isName ? `${scheme.toLowerCase()}${wildcard}${host}${port}` : undefined;
}

function isPort(text: string | undefined): boolean {
  return Number(text) >= 1 && Number(text) <= 65_535;
}
