/**
 * Servers of a test's own, by names that its own DNS server knows and the operator's list opens, and a real egress in front
 * of them.
 */

import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { createCapabilities } from '../../src/capabilities/registry.ts';
import type { Capabilities } from '../../src/core/capability.ts';
import type { EgressRefusal } from '../../src/core/egress.ts';
import { createEgress } from '../../src/egress/egress.ts';
import { makeIdentity } from '../unit/egress/identity.ts';
import { startDnsServer } from './dns-server.ts';
import { startWebSocketServer } from './websocket-server.ts';

export interface NetworkWorld {
  readonly capabilities: Capabilities;
  readonly refusals: readonly EgressRefusal[];
  /** `host:port` by what listens there: `http`, `https`, `http2`, `echo` (bytes), `websocket`, and `closed`, where nothing does. */
  readonly places: Readonly<Record<'http' | 'https' | 'http2' | 'echo' | 'websocket' | 'closed', string>>;
  /** Of the authority that signs for them, PEM. */
  readonly ca: string;
  /** `address:port` of the server that knows their names. */
  readonly dnsServer: string;
  /** The heads of the requests that came. */
  readonly requests: readonly IncomingMessage[];
  /** Connections that any of the servers has. */
  readonly open: ReadonlySet<Socket>;
  /** Resolves when somebody has asked for `/hold/<name>`; what is called then answers. */
  held(name: string): Promise<() => void>;
  forget(name: string): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const HOST = 'origin.test';

export async function startNetworkWorld(): Promise<NetworkWorld> {
  const identity = makeIdentity(`DNS:${HOST}`);
  const requests: IncomingMessage[] = [];
  const refusals: EgressRefusal[] = [];
  const open = new Set<Socket>();
  const held = new Map<string, PromiseWithResolvers<() => void>>();
  const heldBy = (name: string): PromiseWithResolvers<() => void> => {
    const known = held.get(name) ?? Promise.withResolvers<() => void>();
    held.set(name, known);
    return known;
  };
  const listen = async (server: Server): Promise<string> => {
    server.on('connection', (socket) => {
      open.add(socket.once('close', () => open.delete(socket)).on('error', () => undefined));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `${HOST}:${(server.address() as AddressInfo).port}`;
  };
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push(request);
    const [, name] = /^\/hold\/(\w+)$/.exec(request.url ?? '') ?? [];
    if (name === undefined) respond(request, response);
    else heldBy(name).resolve(() => void response.end(name));
  };
  const servers = {
    http: createHttp(answer),
    https: createHttps(identity, answer),
    http2: createSecureServer(identity, (request, response) => response.end(`${request.httpVersion} ${request.url}`)),
    echo: createTcp({ allowHalfOpen: true }, (socket) => void socket.pipe(socket)),
    closed: createTcp(),
  };
  const webSockets = await startWebSocketServer();
  const listening = Object.entries(servers).map(async ([name, server]) => [name, await listen(server)] as const);
  const places = {
    ...(Object.fromEntries(await Promise.all(listening)) as Record<keyof typeof servers, string>),
    websocket: `${HOST}:${webSockets.port}`,
  };
  servers.closed.close();
  const names = await startDnsServer();
  names.set(HOST, [{ a: ['127.0.0.1'], ttl: 60 }]);
  names.set('inner.test', [{ a: ['10.0.0.1'] }]);
  const egress = createEgress({
    defaultAllow: () => null,
    allowPrivate: Object.values(places),
    dnsServers: [`127.0.0.1:${names.port}`],
    ca: identity.cert,
    refused: (entry) => refusals.push(entry),
  });
  return {
    capabilities: createCapabilities({ fetch: egress.fetch, egress: egress.connection }),
    refusals,
    places,
    ca: identity.cert,
    dnsServer: `127.0.0.1:${names.port}`,
    requests,
    open,
    held: (name) => heldBy(name).promise,
    forget: (name) => void held.delete(name),
    async [Symbol.asyncDispose]() {
      egress.close();
      for (const socket of open) socket.destroy();
      for (const server of Object.values(servers)) server.close();
      await Promise.all([webSockets[Symbol.asyncDispose](), names.close()]);
    },
  };
}

/** `/echo` gives back what came, `/bytes/n` so many bytes; all else is told what was asked. */
function respond(request: IncomingMessage, response: ServerResponse): void {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  if (path === '/echo') return void request.pipe(response);
  const [, bytes] = /^\/bytes\/(\d+)$/.exec(path) ?? [];
  if (bytes !== undefined) return sendBytes(response, Number(bytes));
  const { method, url, headers } = request;
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ method, url, headers }));
}

function sendBytes(response: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let left = bytes;
  const send = (): void => {
    while (left > 0) {
      const size = Math.min(left, chunk.length);
      left -= size;
      if (!response.write(chunk.subarray(0, size))) return void response.once('drain', send);
    }
    response.end();
  };
  send();
}
