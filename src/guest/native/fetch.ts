/**
 * fetch(): Node's Request to the host, Node's Response from it. What is allowed, and every redirect, is the host's
 * business; `data:` and `blob:` addresses lead nowhere outside and stay with Node.
 */

import type { FetchHead, FetchReplyHead } from '../../core/egress.ts';
import { fetchError } from '../web/fetch-error.ts';
import type { Ask, AskBody, AskListener, AskRefusal } from '../web/host.ts';
import { currentCall } from './context.ts';
import { bytesOf } from './web/body-init.ts';
import { headersOf, listOf } from './web/headers.ts';
import { toNativeRequest } from './web/request.ts';

const NativeResponse = globalThis.Response;
const nativeFetch = globalThis.fetch;
const OWN_SCHEMES = ['data:', 'blob:'];
/** Longer texts become bytes, whose length is known. */
const LONG_TEXT_UNITS = 16 * 1024;

export function fetch(input: unknown, init?: object): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = toNativeRequest(input, init);
    if (OWN_SCHEMES.some((scheme) => request.url.startsWith(scheme))) return resolve(nativeFetch(request));
    if (request.signal.aborted) return reject(request.signal.reason);
    send(request, bodyOf(request, init), new Exchange(request, resolve, reject));
  });
}

function send(request: Request, body: AskBody, exchange: Exchange): void {
  const ask = currentCall()?.ask('fetch', JSON.stringify(headOf(request, body)), body, exchange) ?? null;
  if (ask === null) throw new TypeError('fetch() works inside of an invocation only');
  exchange.begun(ask);
}

/** Text and bytes as they were given: Node's Request makes a stream of everything. */
function bodyOf(request: Request, init: { readonly body?: unknown } | undefined): AskBody {
  const given = init?.body;
  if (typeof given === 'string') return given.length > LONG_TEXT_UNITS ? Buffer.from(given, 'utf8') : given;
  const bytes = bytesOf(given);
  return bytes === null ? request.body : new Uint8Array(bytes);
}

/** The host tells the other side how long a body is where it is told itself. */
function headOf({ method, url, headers, redirect }: Request, body: AskBody): FetchHead {
  const sent = new Headers(headers);
  if (body instanceof Uint8Array) sent.set('content-length', `${body.length}`);
  return { method, url, headers: listOf(sent), redirect };
}

/** One fetch, from its request to the last byte of its response. */
class Exchange implements AskListener {
  readonly #method: string;
  readonly #signal: AbortSignal;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (reason: unknown) => void;
  #unfollow: (() => void) | null = null;
  #isOver = false;

  constructor({ method, signal }: Request, resolve: (response: Response) => void, reject: (reason: unknown) => void) {
    this.#method = method;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begun(ask: Ask): void {
    if (this.#isOver) return;
    const abort = (): void => ask.cancel(this.#signal.reason);
    this.#signal.addEventListener('abort', abort, { once: true });
    this.#unfollow = () => this.#signal.removeEventListener('abort', abort);
  }

  head(meta: unknown, body: Uint8Array | ReadableStream): void {
    const reply = meta as FetchReplyHead;
    this.#resolve(responseOf(reply, hasBody(this.#method, reply.status) ? body : null));
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  /** A signal may outlive many responses. */
  over(): void {
    this.#isOver = true;
    this.#unfollow?.();
  }

  errorOf(refusal: AskRefusal): unknown {
    return fetchError(refusal);
  }
}

function responseOf(reply: FetchReplyHead, body: Uint8Array | ReadableStream | null): Response {
  const { status, statusText, url, redirected } = reply;
  const response = new NativeResponse(body as ReadableStream | null, {
    status,
    statusText,
    headers: headersOf(reply.headers),
  });
  const clone = (): Response => described(NativeResponse.prototype.clone.call(response));
  const described = (made: Response): Response =>
    Object.defineProperties(made, {
      url: { value: url, configurable: true },
      redirected: { value: redirected, configurable: true },
      type: { value: 'basic', configurable: true },
      clone: { value: clone, configurable: true, writable: true },
    });
  return described(response);
}

function hasBody(method: string, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304;
}
