/**
 * Daemon: the HTTP API of Docker (v1.41 and whatever still speaks it) on a Unix socket, as Docker and Podman have it.
 *
 * It is trusted with the machine, and may be slow, wedged or gone all the same: every call has a deadline, every answer
 * a bound, and what goes wrong is a fault.
 */

import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import { Fault } from '../../../core/faults.ts';
import { oneLine } from '../../../lib/printable.ts';

const CALL_DEADLINE_MS = 20_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Of one line of a streamed answer; a longer one is cut. */
const MAX_LINE_BYTES = 64 * 1024;
const MAX_MESSAGE_CHARS = 500;
/** At once; more wait for one to end. Attached streams leave the pool. */
const CONNECTIONS = 24;

const API_VERSION = [1, 41] as const;

export interface DaemonInfo {
  readonly product: 'docker' | 'podman';
  /** The product's own. */
  readonly version: string;
  /** Of the API, as it is asked for: `1.41`. */
  readonly apiVersion: string;
}

export interface DaemonRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Without the API's version. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Becomes JSON. */
  readonly body?: object;
  /** In place of {@link body}. */
  readonly tar?: Readable;
  readonly deadlineMs?: number;
}

/** It answered, and refused. */
export class DaemonRefusal extends Error {
  override readonly name = 'DaemonRefusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class Daemon {
  readonly socketPath: string;
  readonly #pool: Pool;
  readonly #deadlineMs: number;
  #info: Promise<DaemonInfo> | null = null;

  /** `deadlineMs`: of a call that says nothing else. */
  constructor(socketPath: string, deadlineMs: number = CALL_DEADLINE_MS) {
    this.socketPath = socketPath;
    this.#deadlineMs = deadlineMs;
    this.#pool = new Pool('http://localhost', { socketPath, connections: CONNECTIONS, pipelining: 1 });
  }

  /** Asked once, until it has answered. */
  info(): Promise<DaemonInfo> {
    return (this.#info ??= this.#ask().catch((error: unknown) => {
      this.#info = null;
      throw error;
    }));
  }

  /** The answer's JSON; null where there is none. Rejects with a {@link DaemonRefusal} or a Fault. */
  async call(request: DaemonRequest): Promise<unknown> {
    return this.#send(`/v${(await this.info()).apiVersion}${request.path}`, request, wholeOf);
  }

  /** An answer in lines of JSON, which come while the daemon works. What is no JSON is skipped. */
  async lines(request: DaemonRequest, onLine: (line: unknown) => void): Promise<void> {
    const read = (response: Dispatcher.ResponseData): Promise<void> => readLines(response.body, onLine);
    await this.#send(`/v${(await this.info()).apiVersion}${request.path}`, request, read);
  }

  /** A connection that stops being HTTP. */
  async upgrade(path: string): Promise<Socket> {
    const { apiVersion } = await this.info();
    try {
      const { socket } = await this.#pool.upgrade({
        method: 'POST',
        path: `/v${apiVersion}${path}`,
        protocol: 'tcp',
        signal: AbortSignal.timeout(this.#deadlineMs),
      });
      return socket as Socket;
    } catch (error) {
      throw this.#faultOf(error, 'attach');
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #ask(): Promise<DaemonInfo> {
    const answer = record(await this.#send('/version', { method: 'GET', path: '/version' }, wholeOf));
    const components = Array.isArray(answer['Components']) ? answer['Components'] : [];
    const isPodman = components.some((component) => /podman/i.test(text(record(component)['Name'])));
    return {
      product: isPodman ? 'podman' : 'docker',
      version: oneLine(text(answer['Version'])).slice(0, 100),
      apiVersion: chooseVersion(text(answer['MinAPIVersion']), text(answer['ApiVersion'])),
    };
  }

  async #send<T>(
    path: string,
    { method, query = {}, body, tar, deadlineMs = this.#deadlineMs }: DaemonRequest,
    read: (response: Dispatcher.ResponseData) => Promise<T>,
  ): Promise<T> {
    const type = tar === undefined ? 'application/json' : 'application/x-tar';
    try {
      const response = await this.#pool.request({
        method,
        path,
        query,
        body: tar ?? (body === undefined ? null : JSON.stringify(body)),
        headers: body === undefined && tar === undefined ? {} : { 'content-type': type },
        // The signal below ends everything; these are undici's own, which would come before it.
        headersTimeout: deadlineMs,
        bodyTimeout: deadlineMs,
        signal: AbortSignal.timeout(deadlineMs),
      });
      if (response.statusCode >= 400) throw await refusalOf(response);
      return await read(response);
    } catch (error) {
      tar?.destroy();
      throw this.#faultOf(error, `${method} ${path}`);
    }
  }

  #faultOf(error: unknown, what: string): Error {
    if (error instanceof DaemonRefusal || error instanceof Fault) return error;
    const { name, message, code } = error as NodeJS.ErrnoException;
    if (name === 'TimeoutError' || /TIMEOUT/.test(code ?? ''))
      return new Fault('OVERLOADED', `The container engine at ${this.socketPath} did not answer in time (${what})`);
    const reason = oneLine(message || code || name).slice(0, MAX_MESSAGE_CHARS);
    return new Fault('TIER_UNAVAILABLE', `The container engine at ${this.socketPath} can't be reached: ${reason}`);
  }
}

/** Of both the oldest that has all we need. Throws where the daemon is too old. */
function chooseVersion(oldest: string, newest: string): string {
  const [from, to] = [oldest, newest].map((each) => /^(\d{1,3})\.(\d{1,4})$/.exec(each)?.slice(1).map(Number) ?? null);
  if (to === null || to === undefined)
    throw new Fault('TIER_UNAVAILABLE', 'What answers on the socket is no container engine: it names no API version');
  if (isBefore(to, API_VERSION))
    throw new Fault(
      'TIER_UNAVAILABLE',
      `The container engine speaks API ${newest}; ${API_VERSION.join('.')} is needed`,
    );
  return from !== null && from !== undefined && isBefore(API_VERSION, from) ? oldest : API_VERSION.join('.');
}

const isBefore = (a: readonly number[], b: readonly number[]): boolean =>
  (a[0] ?? 0) < (b[0] ?? 0) || (a[0] === b[0] && (a[1] ?? 0) < (b[1] ?? 0));

async function refusalOf(response: Dispatcher.ResponseData): Promise<DaemonRefusal> {
  const said = await bytesOf(response.body).catch(() => Buffer.alloc(0));
  let message = said.toString('utf8');
  try {
    message = text(record(JSON.parse(message))['message']) || message;
  } catch {
    // A proxy's page, or nothing.
  }
  return new DaemonRefusal(
    response.statusCode,
    oneLine(message.trim()).slice(0, MAX_MESSAGE_CHARS) || 'no reason given',
  );
}

async function wholeOf(response: Dispatcher.ResponseData): Promise<unknown> {
  const bytes = await bytesOf(response.body);
  if (bytes.length === 0) return null;
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    throw new Fault('TIER_UNAVAILABLE', 'The container engine answered with what is no JSON');
  }
}

async function bytesOf(body: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES)
      throw new Fault('TIER_UNAVAILABLE', `The container engine's answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function readLines(body: AsyncIterable<unknown>, onLine: (line: unknown) => void): Promise<void> {
  let rest = '';
  const take = (line: string): void => {
    try {
      onLine(JSON.parse(line));
    } catch {
      // Cut, or no JSON.
    }
  };
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = (lines.pop() ?? '').slice(0, MAX_LINE_BYTES);
    for (const line of lines) take(line);
  }
  take(rest);
}

/** Fields of an answer, whatever it is. */
export const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
