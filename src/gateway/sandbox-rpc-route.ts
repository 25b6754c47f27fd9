/**
 * Sandbox RPC route: `POST /api/_internal/sandbox-rpc`, where an executor on another host asks for what a function of this one
 * needs (`ctx.*`). Its token names one invocation; whose that is, and what it may, is known here.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CapabilityCall, CapabilityExchange, CapabilityRefusal, CapabilitySink } from '../core/capability.ts';
import { Fault } from '../core/faults.ts';
import { framedMeta, MetaReader } from '../core/sandbox-rpc.ts';
import { sendFault } from './reply.ts';

export interface CallbackFinder {
  /** By the value of an Authorization header. Null: it is no token of an invocation that is under way. */
  find(authorization: string | undefined): ((call: CapabilityCall, sink: CapabilitySink) => CapabilityExchange) | null;
}

/** What a request can carry: a question and its answer. */
const KINDS: ReadonlySet<unknown> = new Set(['fetch', 'rpc']);

export function handleSandboxRpc(request: IncomingMessage, response: ServerResponse, callbacks: CallbackFinder): void {
  if (request.method !== 'POST')
    return sendFault(request, response, new Fault('METHOD_NOT_ALLOWED', `This takes POST, not ${request.method}`));
  const begin = callbacks.find(request.headers.authorization);
  if (begin === null)
    return sendFault(
      request,
      response,
      new Fault('UNAUTHORIZED', 'This takes the token of an invocation that is under way, and never the key itself'),
    );
  new Callback(request, response, begin);
}

type Begin = (call: CapabilityCall, sink: CapabilitySink) => CapabilityExchange;

class Callback implements CapabilitySink {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #begin: Begin;
  #exchange: CapabilityExchange | null = null;
  #hasBody = false;

  constructor(request: IncomingMessage, response: ServerResponse, begin: Begin) {
    this.#request = request;
    this.#response = response;
    this.#begin = begin;
    const meta = new MetaReader();
    request.on('data', (chunk: Buffer) => this.#receive(meta, chunk));
    request.on('end', () => (this.#exchange === null ? this.#refuse() : this.#endBody()));
    response.on('close', () => {
      if (!response.writableFinished) this.#exchange?.cancel();
    });
  }

  head(meta: unknown): void {
    this.#write({ head: meta });
  }

  data(chunk: Uint8Array): boolean {
    if (this.#response.destroyed || this.#response.write(chunk)) return true;
    this.#response.once('drain', () => this.#exchange?.resume());
    return false;
  }

  end(): void {
    this.#response.end();
  }

  fail(refusal: CapabilityRefusal): void {
    // Where some of the answer has gone, a connection that breaks is the only honest end.
    if (this.#response.headersSent) return void this.#response.destroy();
    this.#write({ refusal });
    this.#response.end();
  }

  #receive(reader: MetaReader, chunk: Buffer): void {
    try {
      const body = reader.read(chunk, (meta) => this.#start(meta));
      if (body === null || body.length === 0 || !this.#hasBody) return;
      if (this.#exchange?.write(body, () => this.#request.resume()) === false) this.#request.pause();
    } catch {
      this.#refuse();
    }
  }

  #start(meta: unknown): void {
    const { kind, meta: asked, hasBody } = (meta ?? {}) as { kind?: unknown; meta?: unknown; hasBody?: unknown };
    this.#hasBody = hasBody === true;
    if (!KINDS.has(kind)) throw new Error('a kind that no request can carry');
    this.#exchange = this.#begin({ kind: kind as string, meta: asked, hasBody: this.#hasBody }, this);
  }

  #endBody(): void {
    if (this.#hasBody) this.#exchange?.endBody();
  }

  #refuse(): void {
    this.#exchange?.cancel();
    if (this.#response.headersSent || this.#response.destroyed) return void this.#response.destroy();
    sendFault(this.#request, this.#response, new Fault('BAD_REQUEST', 'The body does not begin with a meta'));
  }

  #write(meta: object): void {
    if (this.#response.destroyed) return;
    this.#response.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
    this.#response.write(framedMeta(meta));
  }
}
