/** The gateway: the public HTTP listener. It turns requests into calls and knows nothing of how they are run. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureHttpServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '../core/faults.ts';
import { SANDBOX_RPC_PATH } from '../core/sandbox-rpc.ts';
import { ExecuteRoute, type ExecuteRouteOptions } from './execute-route.ts';
import { FN, FUNCTIONS_V1 } from './entry.ts';
import { FunctionRoute, type FunctionRouteOptions } from './function-route.ts';
import { HOOKS_PREFIX, handleHook, type HookRouteOptions } from './hook-route.ts';
import type { Origins } from './origin.ts';
import { rationed, type PublicRates } from './public-rates.ts';
import { sendFault, sendJson } from './reply.ts';
import { ownRoute } from './routing.ts';
import { handleSandboxRpc, type CallbackFinder } from './sandbox-rpc-route.ts';
import type { TlsMaterial } from './tls.ts';
import { asksForWebSocket, Tunnel } from './tunnel.ts';

/** Told of every request that was answered, for the log. `note` is what went wrong. */
export type OnRequest = (
  request: { readonly method: string; readonly url: string },
  status: number,
  startedMs: number,
  note: string | null,
) => void;

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface GatewayOptions {
  readonly functions: FunctionRouteOptions;
  readonly execute: ExecuteRouteOptions;
  readonly origins: Origins;
  /** The operator API, where it has no listener of its own; answered on the operator host names only. */
  readonly control: RequestHandler | null;
  /** Who may call back for what runs on another host; absent where nothing does. */
  readonly callbacks?: CallbackFinder;
  /** Absent: no webhook is taken. */
  readonly hooks?: HookRouteOptions;
  /** Of webhooks and of an application's items; absent: nobody counts. */
  readonly publicRates?: PublicRates;
  /** The longest that an invocation may take; the connections' own time-outs lie above it. */
  readonly maxTimeoutMs: number;
  /** Null: plain HTTP. */
  readonly tls: TlsMaterial | null;
  /** Whether requests should be sent here now, for whoever balances load. */
  isReady(): boolean;
}

const ITEMS_PREFIX = '/api/items';
const MAX_CONNECTIONS = 10_000;
const MAX_HEADER_BYTES = 64 * 1024;
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_MS = 30_000;
const IDLE_MARGIN_MS = 30_000;

export function createGateway(options: GatewayOptions): Server | SecureHttpServer {
  const functions = new FunctionRoute(options.functions);
  const execute = new ExecuteRoute(options.execute);
  const { origins, control, callbacks, hooks, publicRates } = options;
  const handleHooks =
    hooks === undefined
      ? null
      : rationed(publicRates, 'hooks', (request, response) =>
          handleHook(hooks, request, response, pathOf(request.url as string)),
        );
  const handleItems = control === null ? null : rationed(publicRates, 'items', control);

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url as string;
    if (url.startsWith(FN.prefix)) return functions.handle(request, response, url, FN);
    if (url.startsWith(FUNCTIONS_V1.prefix)) return functions.handle(request, response, url, FUNCTIONS_V1);
    const path = pathOf(url);
    const site = origins.siteOf(request);
    // A function's own domain has nothing but that function.
    const isOwnDomain = site !== null && ownRoute(site, options.functions.routes) !== undefined;
    if (path === '/execute' && !isOwnDomain) return execute.handle(request, response);
    // Executors ask here many times for one request of a client, so that no line of the log is written for it.
    if (path === SANDBOX_RPC_PATH && callbacks !== undefined && !isOwnDomain)
      return handleSandboxRpc(request, response, callbacks);
    const startedMs = performance.now();
    response.on('finish', () =>
      options.functions.onRequest({ method: request.method ?? '', url }, response.statusCode, startedMs, null),
    );
    if (path === '/health') return health(request, response);
    if (path === '/ready') return ready(request, response, options.isReady());
    if (handleHooks !== null && path.startsWith(HOOKS_PREFIX) && !isOwnDomain) return handleHooks(request, response);
    if (handleItems !== null && path.startsWith(ITEMS_PREFIX) && site?.isOperator === true)
      return handleItems(request, response);
    if (control !== null && site?.isOperator === true) return control(request, response);
    sendFault(request, response, new Fault('NOT_FOUND', 'There is nothing here; functions answer at /fn/<name>'));
  }

  const server = createHttpServer(handle, options.maxTimeoutMs, options.tls);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, first: Buffer) => {
    const url = request.url as string;
    const tunnel = new Tunnel(request, socket, first);
    functions.handle(request, tunnel.response, url, url.startsWith(FN.prefix) ? FN : FUNCTIONS_V1, tunnel);
  });
  return server;
}

/** Only functions serve WebSockets; whatever else asks for one is answered as if it had not. */
function mayUpgrade(request: IncomingMessage): boolean {
  const { url = '' } = request;
  return (url.startsWith(FN.prefix) || url.startsWith(FUNCTIONS_V1.prefix)) && asksForWebSocket(request);
}

/** A server that slow clients can't wear out: every stage of a connection has a time limit, and there is a last one. */
export function createHttpServer(
  handle: RequestHandler,
  maxTimeoutMs: number,
  tls: TlsMaterial | null = null,
  shouldUpgradeCallback: (request: IncomingMessage) => boolean = mayUpgrade,
): Server | SecureHttpServer {
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1_000,
    shouldUpgradeCallback,
  };
  const server =
    tls === null
      ? createServer(limits, handle)
      : createSecureServer({ ...limits, ...tls, handshakeTimeout: HEADERS_TIMEOUT_MS, minVersion: 'TLSv1.2' }, handle);
  server.timeout = maxTimeoutMs + IDLE_MARGIN_MS;
  server.maxConnections = MAX_CONNECTIONS;
  // A client that asks first must not be told to send what would be refused.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    request.once('resume', () => {
      // What is left of a body that was refused is read, too: the answer has gone by then, and the host would die of another.
      if (!response.headersSent) response.writeContinue();
    });
    handle(request, response);
  });
  return server;
}

export function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });
}

/** Takes no new connections, and lets those that wait for an answer have it. */
export function stopListening(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

function health(request: IncomingMessage, response: ServerResponse): void {
  if (!isRead(request)) return refuseWrite(request, response, '/health');
  sendJson(response, 200, { status: 'healthy', timestamp: new Date().toISOString() }, NOT_STORED);
}

function ready(request: IncomingMessage, response: ServerResponse, isReady: boolean): void {
  if (!isRead(request)) return refuseWrite(request, response, '/ready');
  sendJson(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not ready' }, NOT_STORED);
}

const NOT_STORED = { 'cache-control': 'no-store' } as const;

const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD';

function refuseWrite(request: IncomingMessage, response: ServerResponse, path: string): void {
  sendFault(request, response, new Fault('METHOD_NOT_ALLOWED', `${path} takes GET, not ${request.method}`));
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
