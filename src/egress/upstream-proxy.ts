/**
 * Upstream proxy: the operator's own, for machines that reach the outside only through one. The decision stays here: it is
 * told an address that was judged, never a name.
 */

import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { EgressFailure } from './failure.ts';
import { withoutBrackets } from './host-patterns.ts';

const MAX_HEAD_BYTES = 16 * 1024;

/** A tunnel to the first of the addresses that the proxy can reach. Rejects with CONNECT_FAILED. */
export async function tunnelThrough(
  proxy: URL,
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  for (const address of addresses) {
    if (signal.aborted) break;
    const socket = await tunnel(proxy, `${isIP(address) === 6 ? `[${address}]` : address}:${port}`, signal);
    if (socket !== null) return socket;
  }
  throw new EgressFailure('CONNECT_FAILED', 'the way out of this machine did not let the request through');
}

/** Null where the proxy can't be reached or refuses. */
function tunnel(proxy: URL, authority: string, signal: AbortSignal): Promise<Socket | null> {
  const socket = openTo(proxy);
  const { promise, resolve } = Promise.withResolvers<Socket | null>();
  let head = Buffer.alloc(0);
  const finish = (outcome: Socket | null): void => {
    socket.off('data', read).off('close', fail);
    signal.removeEventListener('abort', fail);
    if (outcome === null) socket.destroy();
    resolve(outcome);
  };
  const fail = (): void => finish(null);
  const read = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return head.length > MAX_HEAD_BYTES ? fail() : undefined;
    socket.pause();
    if (!/^HTTP\/1\.[01] 2\d\d /.test(head.toString('latin1', 0, end))) return fail();
    const rest = head.subarray(end + 4);
    if (rest.length > 0) socket.unshift(rest);
    finish(socket);
  };
  signal.addEventListener('abort', fail, { once: true });
  socket.on('data', read).on('error', fail).on('close', fail);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization(proxy)}\r\n`);
  return promise;
}

function openTo(proxy: URL): Socket {
  const host = withoutBrackets(proxy.hostname);
  const secure = proxy.protocol === 'https:';
  const port = proxy.port === '' ? (secure ? 443 : 80) : Number(proxy.port);
  if (!secure) return connectTcp({ host, port, noDelay: true });
  return connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}) });
}

function authorization({ username, password }: URL): string {
  if (username === '') return '';
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`;
}
