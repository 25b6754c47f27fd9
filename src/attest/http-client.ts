/**
 * HTTP client: requests of which an attacker chooses every byte, and what comes back.
 *
 * Not fetch: it chooses the Host header, follows redirects, and refuses to send what is not allowed.
 */

import { request as httpRequest, Agent, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Answer, RawAnswer, RawOptions, Sent } from './attack.ts';

/** A build may take half a minute, and may have to wait for others. */
const ANSWER_DEADLINE_MS = 60_000;
const RAW_DEADLINE_MS = 20_000;
/** A server that is under attack takes its time, and its silence until then says nothing. */
const FIRST_BYTE_MS = 10_000;
const QUIET_MS = 400;
/** Enough to search; a flood is read to its end, and forgotten. */
const KEPT_BYTES = 4 * 1024 * 1024;

export class HttpClient {
  readonly #url: URL;
  readonly #agent: Agent;

  constructor(url: string) {
    this.#url = new URL(url);
    const options = { keepAlive: true, maxSockets: 256 };
    this.#agent = this.#isSecure ? new SecureAgent(options) : new Agent(options);
  }

  /** Rejects when there is no answer in time, or the connection breaks. */
  async send(sent: Sent): Promise<Answer> {
    try {
      return await this.#send(sent, this.#agent);
    } catch (error) {
      if (!(error instanceof ClosedMeanwhile)) throw error;
      return this.#send(sent, false);
    }
  }

  #send({ path, method, host, headers = {}, body, json, token }: Sent, agent: Agent | false): Promise<Answer> {
    const bytes = json === undefined ? body : JSON.stringify(json);
    const startedMs = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const request = (this.#isSecure ? httpsRequest : httpRequest)({
      agent,
      host: this.#hostname,
      port: this.#port,
      path,
      method: method ?? (bytes === undefined ? 'GET' : 'POST'),
      headers: {
        ...(host === undefined ? {} : { host }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(bytes === undefined ? {} : { 'content-length': Buffer.byteLength(bytes) }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(headers as Record<string, string | string[]>),
      },
    });
    const timer = setTimeout(
      () => request.destroy(new Error(`there was no answer within ${ANSWER_DEADLINE_MS / 1000} s`)),
      ANSWER_DEADLINE_MS,
    );
    request.on('error', (error: NodeJS.ErrnoException) =>
      reject(request.reusedSocket && error.code === 'ECONNRESET' ? new ClosedMeanwhile(error.message) : error),
    );
    request.on('response', (response) => {
      void answerOf(response, startedMs).then(resolve, reject);
    });
    request.on('close', () => clearTimeout(timer));
    request.end(bytes);
    return promise;
  }

  /** Resolves when the server has closed the connection, or says nothing more. */
  async raw(bytes: string | Uint8Array, options: RawOptions = {}): Promise<RawAnswer> {
    const { more = [], gapMs = 10, quietMs = QUIET_MS, deafMs = 0, last } = options;
    const firstMs = options.quietMs ?? FIRST_BYTE_MS;
    const socket = this.open();
    const chunks: Buffer[] = [];
    let closed = false;
    const { promise: over, resolve } = Promise.withResolvers<void>();
    let quiet: NodeJS.Timeout | undefined;
    const wait = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(resolve, chunks.length === 0 ? firstMs : quietMs);
    };
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (last !== undefined && chunk.includes(last)) resolve();
      wait();
    });
    socket.on('close', () => {
      closed = true;
      resolve();
    });
    const deadline = setTimeout(resolve, RAW_DEADLINE_MS);
    socket.write(bytes);
    if (deafMs > 0) {
      socket.pause();
      await new Promise((done) => setTimeout(done, deafMs));
      socket.resume();
    }
    for (const next of more) {
      await new Promise((done) => setTimeout(done, gapMs));
      if (!socket.writable) break;
      socket.write(next);
    }
    wait();
    await over;
    clearTimeout(quiet);
    clearTimeout(deadline);
    socket.destroy();
    const text = Buffer.concat(chunks).toString('latin1');
    return { text, statuses: statusesOf(text), closed };
  }

  /** A connection that nobody has written to; its errors are its end. */
  open(): Socket {
    const at = { host: this.#hostname, port: this.#port };
    const socket = this.#isSecure ? connectTls({ ...at, servername: this.#hostname }) : connect(at);
    return socket.on('error', () => undefined);
  }

  close(): void {
    this.#agent.destroy();
  }

  get #isSecure(): boolean {
    return this.#url.protocol === 'https:';
  }

  get #hostname(): string {
    return this.#url.hostname.replace(/^\[|\]$/g, '');
  }

  get #port(): number {
    return Number(this.#url.port) || (this.#isSecure ? 443 : 80);
  }
}

/** The server closed a connection for its idleness while a request was on its way over it. */
class ClosedMeanwhile extends Error {
  override readonly name = 'ClosedMeanwhile';
}

async function answerOf(response: IncomingMessage, startedMs: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  let length = 0;
  let cut = false;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (length < KEPT_BYTES) chunks.push(chunk);
      length += chunk.length;
    }
  } catch {
    cut = true;
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join('\n') : (value ?? ''),
    ]),
  );
  return {
    status: response.statusCode ?? 0,
    headers,
    text,
    cut,
    tookMs: performance.now() - startedMs,
    code: codeOf(text),
  };
}

function codeOf(text: string): string | null {
  if (!text.startsWith('{') || !text.includes('"code"')) return null;
  try {
    const { code, success, status } = JSON.parse(text) as { code?: unknown; success?: unknown; status?: unknown };
    const isFault = success === false || typeof status === 'number';
    return isFault && typeof code === 'string' ? code : null;
  } catch {
    return null;
  }
}

/** Of each response, by where the one before it says that it ends: a body may look like a response. */
function statusesOf(text: string): number[] {
  const statuses: number[] = [];
  let rest = text;
  for (;;) {
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(rest)?.[1];
    const headEnd = rest.indexOf('\r\n\r\n');
    if (status === undefined || headEnd < 0) return statuses;
    statuses.push(Number(status));
    const head = rest.slice(0, headEnd);
    rest = rest.slice(headEnd + 4 + bodyLength(head, rest.slice(headEnd + 4), Number(status)));
  }
}

function bodyLength(head: string, after: string, status: number): number {
  if (status < 200 || status === 204 || status === 304) return 0;
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) return Number(length);
  const last = /^transfer-encoding: chunked$/im.test(head) ? /(?:^|\r\n)0\r\n\r\n/.exec(after) : null;
  return last === null ? after.length : last.index + last[0].length;
}
