/**
 * Proxy: egress for what speaks HTTP to a proxy: containers and microVMs, whose own socket to the host says who they are.
 * Absolute-form requests and CONNECT go through the same decision as `fetch`; a refusal is a response of status 452.
 */

import { createServer } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { CapabilityCaller, CapabilityExchange, CapabilityRefusal, CapabilitySink } from '../core/capability.ts';
import type { FetchReplyHead } from '../core/egress.ts';
import { EgressFailure } from './failure.ts';
import { requireFetchHead } from './fetch-head.ts';
import type { CheckedHead } from './fetch-head.ts';
import { pump } from './tunnel.ts';
import type { Tunnel } from './tunnel.ts';

export interface ProxyOptions {
  readonly headerBytes: number;
  /** A tunnel in which nothing moves is closed after so long. */
  readonly idleMs: number;
  /** As the capability `fetch`, but the answer is not decoded. */
  fetch(caller: CapabilityCaller, head: CheckedHead, hasBody: boolean, sink: CapabilitySink): CapabilityExchange;
  /** Rejects with an {@link EgressFailure}. */
  tunnel(caller: CapabilityCaller, authority: string, signal: AbortSignal): Promise<Tunnel>;
}

/** On whose behalf the sandbox at the other end runs now; null while it runs nothing, and then nothing may leave. */
export type CurrentCaller = () => CapabilityCaller | null;

const STATUSES: ReadonlyMap<string, number> = new Map([
  ['EGRESS_BLOCKED', 452],
  ['BAD_REQUEST', 400],
  ['TOO_LARGE', 413],
  ['TOO_MANY_REQUESTS', 429],
  ['TIMED_OUT', 504],
]);

const NOBODY = new EgressFailure('BAD_REQUEST', 'no invocation is running, and only an invocation may send requests');

export class EgressProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #callers = new WeakMap<Duplex, CurrentCaller>();
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
    this.#server.on('clientError', (_error, socket) => refuseRaw(socket, 400, 'Bad Request', 'this is not HTTP'));
  }

  /** Serves the connection of one sandbox until it ends; who may use it decides who is at its other end. */
  serve(socket: Duplex, caller: CurrentCaller): void {
    this.#callers.set(socket, caller);
    this.#open.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => this.#open.delete(socket));
    this.#server.emit('connection', socket);
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.closeAllConnections();
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    try {
      const caller = this.#callerOf(request.socket);
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
      sendRefusal(request, response, refusalOf(error));
    }
  }

  async #onConnect(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    socket.on('error', leave).once('close', leave);
    try {
      const tunnel = await this.#options.tunnel(this.#callerOf(socket), request.url ?? '', gone.signal);
      if (gone.signal.aborted) return void tunnel.socket.destroy();
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) socket.unshift(head);
      pump(socket, tunnel, this.#options.idleMs);
    } catch (error) {
      const { code, message } = refusalOf(error);
      refuseRaw(socket, STATUSES.get(code) ?? 502, code, message);
    }
  }

  #callerOf(socket: Duplex): CapabilityCaller {
    const caller = this.#callers.get(socket)?.() ?? null;
    if (caller === null) throw NOBODY;
    return caller;
  }
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
    fail: (refusal) => sendRefusal(request, response, refusal),
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
function sendRefusal(request: IncomingMessage, response: ServerResponse, refusal: CapabilityRefusal): void {
  if (response.headersSent) return void response.destroy();
  const body = bodyOf(refusal.code, refusal.message);
  const headers: OutgoingHttpHeaders = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cordon-fault': refusal.code,
  };
  if (!request.complete) headers['connection'] = 'close';
  response.writeHead(STATUSES.get(refusal.code) ?? 502, headers).end(body);
}

function refuseRaw(socket: Duplex, status: number, reason: string, message: string): void {
  if (!socket.writable) return void socket.destroy();
  const body = bodyOf(reason, message);
  const head = `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  socket.end(`${head}\r\nConnection: close\r\n\r\n${body}`);
}

const bodyOf = (code: string, detail: string): string => `${JSON.stringify({ code, detail })}\n`;

function refusalOf(error: unknown): CapabilityRefusal {
  if (error instanceof EgressFailure) return error.toRefusal();
  return { code: 'CONNECT_FAILED', message: 'the request could not be sent' };
}
