/**
 * The executor service's listener: `POST /run` opens a stream for a host that holds the key, `GET /health` says that it is
 * there. It knows nothing of how functions are run.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createHttpServer } from '../gateway/gateway.ts';
import { sendJson } from '../gateway/reply.ts';
import type { TlsMaterial } from '../gateway/tls.ts';
import {
  MAX_SKEW_MS,
  randomName,
  RUN_PATH,
  SIGNATURE_HEADER,
  signAnswer,
  UPGRADE,
  verifyRun,
  type Refusal,
} from '../wire/remote/handshake.ts';
import { carriesKey, remoteKeys } from '../wire/remote/keys.ts';
import { NonceMemory } from '../wire/remote/nonces.ts';
import { RunSession, type RunHost } from './run-session.ts';

export interface ServiceOptions {
  /** SANDBOX_RPC_TOKEN. */
  readonly sharedKey: string;
  readonly host: RunHost;
  /** Null: plain HTTP. */
  readonly tls: TlsMaterial | null;
  /** The longest that an invocation may take. */
  readonly maxTimeoutMs: number;
}

export interface Service {
  readonly server: Server;
  /** Takes no new streams, and tells those that there are to send no more calls. */
  drain(): void;
  /** Ends every stream. */
  close(): void;
}

const MAX_SESSIONS = 1_024;
const BEAT_MS = 100;
const SILENCE_MS = 60_000;

interface Answer {
  readonly status: number;
  readonly title: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const NO_KEY_SENT = 'The key is never sent: requests are signed with it. Change it now, it has crossed the network';

/** What a stranger is told; what exactly was wrong with a signature is for nobody to know. */
const REFUSALS: Readonly<Record<Refusal, Answer>> = {
  unsigned: {
    status: 401,
    title: 'This request has to be signed with SANDBOX_RPC_TOKEN; point FUNCTIONS_EXEC_URL here',
  },
  forged: { status: 401, title: 'The signature is not valid here: SANDBOX_RPC_TOKEN has to be the same on both hosts' },
  malformed: { status: 400, title: 'The request is not one of this protocol' },
  stale: { status: 401, title: `The clocks of both hosts differ by more than ${MAX_SKEW_MS / 1000} s` },
  replayed: { status: 401, title: 'This request was seen before' },
  misdirected: { status: 421, title: 'This request was signed for another executor' },
  full: { status: 503, title: 'Too many requests in too short a time' },
};

export function createService(options: ServiceOptions): Service {
  const { sharedKey, host, tls, maxTimeoutMs } = options;
  const keys = remoteKeys(sharedKey);
  const instance = randomName();
  const nonces = new NonceMemory(2 * MAX_SKEW_MS);
  const sessions = new Set<RunSession>();
  let isDraining = false;

  const server = createHttpServer(
    (request, response) => answer(request, response, refusalOf(request, options)),
    maxTimeoutMs,
    tls,
    ({ headers }) => headers.upgrade === UPGRADE,
  );
  server.on('upgrade', (request: IncomingMessage, socket: Socket, first: Buffer) => {
    // Until a session has it, nobody else listens to what a stranger's socket says.
    socket.on('error', () => socket.destroy());
    const opened = openRun(request);
    if ('status' in opened) return refuse(socket, opened);
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 15_000);
    socket.write(head(101, 'Switching Protocols', { connection: 'Upgrade', upgrade: UPGRADE, ...opened.headers }));
    if (first.length > 0) socket.unshift(first);
    const session: RunSession = new RunSession(socket, host, () => sessions.delete(session));
    sessions.add(session);
  });
  const beat = setInterval(() => {
    const nowMs = performance.now();
    for (const session of sessions) session.tick(nowMs, SILENCE_MS);
  }, BEAT_MS).unref();

  function openRun(request: IncomingMessage): Answer | { readonly headers: Readonly<Record<string, string>> } {
    const refused = refusalOf(request, options);
    if (refused.status !== 426) return refused;
    if (request.headers.upgrade !== UPGRADE) return refused;
    if (isDraining || sessions.size >= MAX_SESSIONS)
      return { status: 503, title: isDraining ? 'This executor is shutting down' : 'Too many streams are open' };
    const verified = verifyRun(keys, request.headers, { instance, nonces, nowMs: Date.now() });
    if ('refusal' in verified) return REFUSALS[verified.refusal];
    const tier = verified.head.tier ?? host.tiers.own;
    if (!host.tiers.has(tier)) return { status: 422, title: `The tier ${tier} does not work on this executor` };
    return { headers: signAnswer(keys, { tier }, verified.nonce) };
  }

  function answer(request: IncomingMessage, response: ServerResponse, refused: Answer): void {
    if (refused.status !== 200) {
      const { status, title, headers } = refused;
      return sendJson(response, status, { title, status }, { ...headers, connection: 'close' });
    }
    sendJson(
      response,
      isDraining ? 503 : 200,
      {
        status: isDraining ? 'draining' : 'healthy',
        timestamp: new Date().toISOString(),
        instance,
        tier: host.tiers.own,
        streams: sessions.size,
        calls: [...sessions].reduce((sum, { inFlight }) => sum + inFlight, 0),
      },
      { 'cache-control': 'no-store' },
    );
    request.resume();
  }

  return {
    server,
    drain() {
      isDraining = true;
      for (const session of sessions) session.drain();
    },
    close() {
      clearInterval(beat);
      for (const session of [...sessions]) session.destroy();
    },
  };
}

/** 200 for `GET /health`; 426 for a `POST /run`, which has to be upgraded; else why not. */
function refusalOf({ method, url, headers }: IncomingMessage, { sharedKey, host }: ServiceOptions): Answer {
  const [path] = (url ?? '').split('?', 1);
  if (carriesKey(headers, sharedKey)) {
    host.report('SANDBOX_RPC_TOKEN itself was sent in a request, which was refused: change it on both hosts');
    return { status: 401, title: NO_KEY_SENT };
  }
  if (path === '/health')
    return method === 'GET' || method === 'HEAD' ? { status: 200, title: 'OK' } : { status: 405, title: 'GET /health' };
  if (path !== RUN_PATH) return { status: 404, title: 'There is nothing here but POST /run and GET /health' };
  if (method !== 'POST') return { status: 405, title: 'POST /run' };
  if (headers[SIGNATURE_HEADER] === undefined) return REFUSALS.unsigned;
  return { status: 426, title: `POST /run has to be upgraded to ${UPGRADE}`, headers: { upgrade: UPGRADE } };
}

function refuse(socket: Socket, { status, title, headers }: Answer): void {
  const body = JSON.stringify({ title, status });
  const own = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  socket.end(head(status, 'Refused', { ...headers, ...own }) + body);
  socket.resume();
}

function head(status: number, reason: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n`;
}
