/**
 * Proxy: egress for what speaks HTTP to a proxy: containers and microVMs, whose own socket to the host says who they are.
 * Absolute-form requests and CONNECT go through the same decision as `fetch`; a refusal is a response of status 452.
 */

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { CapabilityCaller, CapabilityExchange, CapabilitySink } from '../core/capability.ts';
import type { FetchReplyHead } from '../core/egress.ts';
import { EgressFailure } from './failure.ts';
import { requireFetchHead } from './fetch-head.ts';
import type { CheckedHead } from './fetch-head.ts';
import { ProxyClient, type CurrentCaller } from './proxy-client.ts';
import { rawResponse, refusalOf, responseTo, type ProxyRefusal } from './proxy-refusal.ts';
import { pump } from './tunnel.ts';
import type { Tunnel } from './tunnel.ts';

export interface ProxyOptions {
  readonly headerBytes: number;
  /** A client that has not said for so long what it wants is sent away. */
  readonly headMs: number;
  /** A tunnel in which nothing moves is closed after so long. */
  readonly idleMs: number;
  /** As the capability `fetch`, but the answer is not decoded. */
  fetch(caller: CapabilityCaller, head: CheckedHead, hasBody: boolean, sink: CapabilitySink): CapabilityExchange;
  /** Rejects with an {@link EgressFailure}. */
  tunnel(caller: CapabilityCaller, authority: string, signal: AbortSignal): Promise<Tunnel>;
}

const NOBODY = new EgressFailure('BAD_REQUEST', 'no invocation is running, and only an invocation may send requests');
const NOT_HTTP = new EgressFailure('BAD_REQUEST', 'this is not HTTP');
const SILENT = new EgressFailure('TIMED_OUT', 'no request came in time');

export class EgressProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #clients = new WeakMap<Duplex, ProxyClient>();
  readonly #open = new Set<Duplex>();

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: options.headerBytes,
      insecureHTTPParser: false,
      requireHostHeader: true,
      joinDuplicateHeaders: false,
    });
    this.#server.on('request', (request, response) => this.#onRequest(request, response));
    this.#server.on('connect', (request, socket, head) => void this.#onConnect(request, socket, head));
    this.#server.on('clientError', (_error, socket) => refuseRaw(socket, NOT_HTTP));
  }

  /** Serves the connection of one sandbox until it ends; who may use it decides who is at its other end. */
  serve(socket: Duplex, caller: CurrentCaller): void {
    const client = new ProxyClient(socket, caller, this.#options.headMs, () => refuseRaw(socket, SILENT));
    this.#clients.set(socket, client);
    this.#open.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => this.#open.delete(socket));
    this.#server.emit('connection', socket);
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.closeAllConnections();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const client = this.#clients.get(request.socket);
    client?.onHead();
    response.once('close', () => client?.onAnswered());
    try {
      const caller = callerOf(client);
      if (!/^https?:\/\//i.test(request.url ?? ''))
        throw new EgressFailure(
          'BAD_REQUEST',
          'a proxy wants an absolute URL, such as GET http://example.com/ HTTP/1.1',
        );
      const hasBody = bodyFollows(request);
      const { method, url, rawHeaders: headers } = request;
      const head = requireFetchHead({ method, url, headers, redirect: 'manual' }, hasBody);
      relay(request, response, (sink) => this.#options.fetch(caller, head, hasBody, sink));
    } catch (error) {
      send(request, response, refusalOf(error));
    }
  }

  async #onConnect(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    socket.on('error', leave).once('close', leave);
    const client = this.#clients.get(socket);
    client?.onHead();
    try {
      const tunnel = await this.#options.tunnel(callerOf(client), request.url ?? '', gone.signal);
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) socket.unshift(head);
      pump(socket, tunnel, this.#options.idleMs);
    } catch (error) {
      refuseRaw(socket, error);
    }
  }
}

function callerOf(client: ProxyClient | undefined): CapabilityCaller {
  const caller = client?.caller() ?? null;
  if (caller === null) throw NOBODY;
  return caller;
}

function bodyFollows({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0);
}

function relay(
  request: IncomingMessage,
  response: ServerResponse,
  start: (sink: CapabilitySink) => CapabilityExchange,
): void {
  const exchange = start({
    head: (meta) => {
      const { status, headers } = meta as FetchReplyHead;
      response.writeHead(status, [...headers]);
    },
    data: (chunk) => response.write(chunk),
    end: () => response.end(),
    fail: (refusal) => send(request, response, responseTo(refusal)),
  });
  response.on('drain', () => exchange.resume()).once('close', () => exchange.cancel());
  request
    .on('data', (chunk: Buffer) => {
      if (!exchange.write(chunk, () => request.resume())) request.pause();
    })
    .once('end', () => exchange.endBody())
    .on('error', () => exchange.cancel());
}

/** Once the head has gone, only the end of the connection can say that something went wrong. */
function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, reason, headers, body }: ProxyRefusal,
): void {
  if (response.headersSent) return void response.destroy();
  const all = request.complete ? [...headers] : [...headers, 'connection', 'close'];
  response.writeHead(status, reason, all).end(body);
}

function refuseRaw(socket: Duplex, error: unknown): void {
  if (!socket.writable) return void socket.destroy();
  socket.end(rawResponse(refusalOf(error)));
}
