/**
 * The rest of the internet, in a namespace of its own: a few public web servers, a name server, and at every other address
 * a canary that says who came.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { startDnsServer } from '../../support/dns-server.ts';
import type { DnsServer, DnsStep } from '../../support/dns-server.ts';
import { makeIdentity } from '../../unit/egress/identity.ts';
import { answerQuestions, OUTSIDE_ADDRESS } from '../../support/network-namespace.ts';

export interface SeenRequest {
  readonly address: string;
  readonly port: number;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly body: string;
}

export interface Seen {
  /** `address:port` of every connection to what is no public server of ours. */
  readonly canaries: readonly string[];
  readonly requests: readonly SeenRequest[];
  readonly questions: readonly string[];
}

export type Question =
  | { readonly kind: 'start' }
  | { readonly kind: 'zone'; readonly zone: Readonly<Record<string, readonly DnsStep[]>> }
  | { readonly kind: 'seen' }
  | { readonly kind: 'authority' };

const PLAIN_PORTS = [22, 25, 80, 2375, 6379, 8080, 9001];
const SECURE_PORTS = [443, 8443];
const isPublic = (address: string): boolean => /^(?:93\.184\.216\.|2606:2800:220:)/.test(address);

let canaries: string[] = [];
let requests: SeenRequest[] = [];
let dns: DnsServer;
let authority = '';

answerQuestions(async (question: Question): Promise<unknown> => {
  if (question.kind === 'start') return start();
  if (question.kind === 'authority') return authority;
  if (question.kind === 'zone') {
    dns.clear();
    canaries = [];
    requests = [];
    for (const [name, steps] of Object.entries(question.zone)) dns.set(name, steps);
    return null;
  }
  return { canaries, requests, questions: [...dns.questions] } satisfies Seen;
});

async function start(): Promise<void> {
  dns = await startDnsServer(OUTSIDE_ADDRESS, 53);
  const identity = makeIdentity('DNS:secure.test,DNS:*.secure.test,IP:93.184.216.10');
  authority = identity.cert;
  const handle = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => void onRequest(request as IncomingMessage, response as ServerResponse);
  for (const port of PLAIN_PORTS) await listen(createServer(handle), port);
  for (const port of SECURE_PORTS) await listen(createSecureServer({ ...identity, allowHTTP1: true }, handle), port);
}

async function listen(server: Server, port: number): Promise<void> {
  server.on('connection', (socket: Socket) => {
    const address = addressOf(socket);
    if (!isPublic(address)) canaries.push(`${address}:${port}`);
  });
  server.listen(port, '::');
  await once(server, 'listening');
}

const addressOf = (socket: Socket): string => (socket.localAddress ?? '').replace(/^::ffff:/, '');

/** `/redirect?status=302&to=…` and `/circle` redirect; everything else tells what came. */
async function onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  const { method = '', url = '', rawHeaders, socket } = request;
  const seen = { address: addressOf(socket), port: socket.localPort ?? 0, method, url, headers: rawHeaders, body };
  requests.push(seen);
  const asked = new URL(url, 'http://outside');
  const to = asked.pathname === '/circle' ? '/circle' : asked.searchParams.get('to');
  if (to !== null) {
    response.writeHead(Number(asked.searchParams.get('status') ?? 302), { location: to }).end('moved');
    return;
  }
  const echoed = Buffer.from(asked.searchParams.get('header') ?? '', 'base64').toString();
  response.writeHead(200, {
    'content-type': 'application/json',
    'x-protocol': request.httpVersion,
    'x-echo': echoed,
    'set-cookie': 'a=b',
  });
  response.end(method === 'HEAD' ? undefined : JSON.stringify(seen));
}
