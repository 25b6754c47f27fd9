/**
 * fetch(): a Request to the host, a Response from it, both of which may stream. What is allowed, and every redirect, is
 * the host's business.
 */

import { isStream, setSignal, takeContent, type BodyContent, type BodySignal } from './body.ts';
import { host, rejected } from './engine.ts';
import { fetchError } from './fetch-error.ts';
import { listOf } from './headers.ts';
import type { Ask, AskListener, AskRefusal, FetchReply } from './host.ts';
import { listJson } from './list-json.ts';
import * as modules from './modules.ts';
import { Promise, push, stringify, stringSlice, toText, TypeError } from './primordials.ts';
import { headOf, Request, signalOf, type RequestHead } from './request.ts';
import { responseOf, type Response } from './response.ts';
import { encodeUtf8 } from './utf8.ts';

export function fetch(input: unknown, init?: object): Promise<Response> {
  try {
    const request = new Request(input, init);
    const signal = signalOf(request) as BodySignal | null;
    if (signal?.aborted === true) return rejected(signal.reason);
    if (isLocal(headOf(request).url)) return modules.localFetch().fetchLocal(request);
    return new Promise((resolve, reject) => send(request, new Exchange(headOf(request), signal, resolve, reject)));
  } catch (error) {
    return rejected(error);
  }
}

function send(request: Request, exchange: Exchange): void {
  const body = takeContent(request);
  const sent = typeof body === 'string' && body.length > LONG_TEXT_UNITS ? encodeUtf8(body) : body;
  const ask = host.ask('fetch', headJson(exchange.sent, sent), sent, exchange);
  if (ask === null) throw new TypeError('fetch() works inside of an invocation only');
  exchange.begun(ask);
}

/** Named by a URL whose content the sandbox has itself. */
function isLocal(url: string): boolean {
  const scheme = stringSlice(url, 0, 5);
  return scheme === 'data:' || scheme === 'blob:';
}

/** Longer texts become bytes, whose length is known. */
const LONG_TEXT_UNITS = 16 * 1024;

/** One fetch, from its request to the last byte of its response. */
class Exchange implements AskListener {
  readonly sent: RequestHead;
  readonly #signal: BodySignal | null;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (reason: unknown) => void;
  #unfollow: (() => void) | null = null;
  #isOver = false;

  constructor(
    sent: RequestHead,
    signal: BodySignal | null,
    resolve: (response: Response) => void,
    reject: (reason: unknown) => void,
  ) {
    this.sent = sent;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begun(ask: Ask): void {
    if (this.#signal !== null && !this.#isOver)
      this.#unfollow = modules.abort().onAbort(this.#signal, (reason) => ask.cancel(reason));
  }

  head(meta: unknown, body: Uint8Array | ReadableStream): void {
    const reply = meta as FetchReply;
    const response = responseOf(reply, hasBody(this.sent.method, reply.status) ? body : null);
    if (this.#signal !== null) setSignal(response, this.#signal);
    this.#resolve(response);
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

/** As JSON, field by field: user code may have patched what JSON.stringify looks at. */
function headJson({ method, url, headers, redirect }: RequestHead, body: BodyContent): string {
  const list = listJson(headersWithLength(listOf(headers), body));
  return `{"method":${stringify(method)},"url":${stringify(url)},"headers":${list},"redirect":${stringify(redirect)}}`;
}

/** The host tells the other side how long a body is where it is told itself. */
function headersWithLength(list: readonly string[], body: BodyContent): string[] {
  const headers: string[] = [];
  const isKnown = body !== null && typeof body !== 'string' && !isStream(body);
  for (let i = 0; i < list.length; i += 2) {
    if (isKnown && list[i] === 'content-length') continue;
    push(headers, list[i] as string);
    push(headers, list[i + 1] as string);
  }
  if (!isKnown) return headers;
  push(headers, 'content-length');
  push(headers, toText(body.length));
  return headers;
}

function hasBody(method: string, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304;
}
