/** WebSocket head: the meta of a `websocket` call, which is hostile, checked until it is a place and a list of protocols. */

import { EgressFailure } from './failure.ts';
import { parseUrl } from './fetch-head.ts';

/** One protocol of the application, as RFC 6455 spells it: a token of HTTP. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
const MAX_URL_CHARS = 16 * 1024;
const MAX_PROTOCOLS = 64;

export interface WebSocketHead {
  /** Of the scheme http or https, in the place of ws and wss: the same place, to every rule. */
  readonly url: URL;
  readonly protocols: readonly string[];
}

/** Throws BAD_REQUEST with what was wrong and what was expected. */
export function requireWebSocketHead(meta: unknown): WebSocketHead {
  if (typeof meta !== 'object' || meta === null) throw bad('the request of a WebSocket must be an object');
  const { url, protocols } = meta as Readonly<Record<keyof WebSocketHead, unknown>>;
  return { url: requireUrl(url), protocols: requireProtocols(protocols) };
}

function requireUrl(text: unknown): URL {
  if (typeof text !== 'string' || text.length > MAX_URL_CHARS)
    throw bad(`the URL must be a string of at most ${MAX_URL_CHARS} characters`);
  const url = parseUrl(text);
  if (url === null || (url.protocol !== 'ws:' && url.protocol !== 'wss:'))
    throw bad('the URL is not valid: one such as wss://example.com/ was expected');
  url.protocol = url.protocol === 'ws:' ? 'http:' : 'https:';
  return url;
}

function requireProtocols(protocols: unknown): readonly string[] {
  if (!Array.isArray(protocols) || protocols.length > MAX_PROTOCOLS)
    throw bad(`the protocols must be a list of at most ${MAX_PROTOCOLS} names`);
  const seen = new Set<string>();
  for (const protocol of protocols as readonly unknown[]) {
    if (typeof protocol !== 'string' || !TOKEN.test(protocol))
      throw bad('a protocol has a name that HTTP does not allow');
    const name = protocol.toLowerCase();
    if (seen.has(name)) throw bad('a protocol is named twice');
    seen.add(name);
  }
  return protocols as readonly string[];
}

const bad = (message: string): EgressFailure => new EgressFailure('BAD_REQUEST', message);
