/**
 * HttpCall: one HTTP request on its way through a function. It is the call, the sink of its outcome, and the keeper of
 * its log line: one object a request, because a warm request allocates as little as it can.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, Cause, Exchange, ResponseSink } from '../core/invocation.ts';
import { limitHit } from '../core/limits.ts';
import type { Principal } from '../core/principal.ts';
import { problemOf } from '../core/problem.ts';
import type { Place } from '../core/tier.ts';
import { addResponseHeaders, statedLength, type ResponsePolicy } from './headers.ts';
import type { Tunnel } from './tunnel.ts';

/** No sandbox has had it yet. */
const NOWHERE: Place = { tier: 'isolate', placement: 'local' };
/** Above this, copying a body costs more than a second write. */
const SMALL_BODY_BYTES = 16 * 1024;

export interface HttpCallOwner {
  /** The response is over, well or badly. */
  onDone(call: HttpCall, status: number, fault: Fault | null): void;
}

/** A request that was let in. */
export interface Admitted {
  readonly id: string;
  readonly version: FunctionVersion;
  readonly principal: Principal;
  /** Absolute, as the function sees it. */
  readonly url: string;
  /** Those that the function may see. */
  readonly headers: readonly string[];
  readonly clientAddress: string;
  /** The response is on an operator's host name: it gets no trust from that origin. */
  readonly sandboxed: boolean;
  /** What the gateway adds to every response, also to a fault: name, value, name, value … */
  readonly added: readonly string[];
  /** Which of the function's own response headers pass. */
  readonly responsePolicy: ResponsePolicy;
  /** Of a client that asks for a WebSocket; null for all others. */
  readonly tunnel: Tunnel | null;
}

export class HttpCall implements Call, ResponseSink {
  readonly id: string;
  readonly cause: Cause = 'http';
  readonly principal: Principal;
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly clientAddress: string;
  readonly reply = 'http' as const;
  body: Uint8Array | 'stream' | null = null;
  attempts = 0;
  coldStart = false;
  place: Place;
  readonly version: FunctionVersion;
  readonly startedMs: number = performance.now();
  readonly #owner: HttpCallOwner;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #admitted: Admitted;
  readonly upgrades: boolean;
  /** The function has agreed to a WebSocket. */
  #isTunnelled = false;
  #exchange: Exchange | null = null;
  #streaming = false;
  /** Bytes that a streamed response still has to bring; null where it did not say. */
  #owed: number | null = null;
  #over = false;

  constructor(owner: HttpCallOwner, request: IncomingMessage, response: ServerResponse, admitted: Admitted) {
    this.#owner = owner;
    this.id = admitted.id;
    this.version = admitted.version;
    this.place = NOWHERE;
    this.principal = admitted.principal;
    this.method = request.method as string;
    this.url = admitted.url;
    this.headers = admitted.headers;
    this.clientAddress = admitted.clientAddress;
    this.#request = request;
    this.#response = response;
    this.#admitted = admitted;
    this.upgrades = admitted.tunnel !== null;
    if (admitted.tunnel === null) response.on('close', () => this.#clientClosed());
    else admitted.tunnel.onClose(() => this.#clientClosed());
  }

  attach(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#over) return exchange.cancel();
    if (exchange.running && this.body === 'stream' && !this.#streaming && !this.upgrades) this.#streamBody();
  }

  complete(status: number, headers: readonly string[], body: Uint8Array): void {
    const list = this.#headersFor(headers);
    const bodiless = status === 204 || status === 304;
    if (!bodiless) list.push('content-length', String(body.length));
    if (!this.#writeHead(status, list)) return;
    if (bodiless || body.length === 0) this.#response.end();
    else if (body.length <= SMALL_BODY_BYTES) this.#response.end(latin1(body), 'latin1');
    else this.#response.end(body);
    this.#done(status, null);
  }

  head(status: number, headers: readonly string[]): void {
    const list = this.#headersFor(headers);
    if (status === 101) return this.#open(list);
    this.#owed = this.method === 'HEAD' ? null : statedLength(headers);
    if (this.#owed !== null) list.push('content-length', String(this.#owed));
    // Sent at once: the first event of a stream may be long in coming.
    if (this.#writeHead(status, list)) this.#response.flushHeaders();
  }

  data(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    if (this.#owed !== null && (this.#owed -= chunk.length) < 0) {
      this.#abandon(new Fault('BAD_RESPONSE', 'The response body is longer than its content-length'));
      return true;
    }
    if (this.#isTunnelled) return this.#admitted.tunnel?.write(chunk) ?? true;
    if (this.#response.write(chunk)) return true;
    this.#response.once('drain', () => this.#exchange?.resume());
    return false;
  }

  end(): void {
    if (this.#over) return;
    if (this.#isTunnelled) {
      this.#done(101, null);
      return this.#admitted.tunnel?.end();
    }
    if (this.#owed !== null && this.#owed > 0)
      return this.#abandon(new Fault('BAD_RESPONSE', 'The response body is shorter than its content-length'));
    this.#response.end();
    this.#done(this.#response.statusCode, null);
  }

  fail(fault: Fault): void {
    if (this.#over) return;
    // What is on its way can't be taken back; a connection that breaks is the only honest end.
    if (this.#response.headersSent || this.#isTunnelled) return this.#abandon(fault);
    const { status, headers, body } = problemOf(fault);
    const list = this.#ownHeaders();
    const limit = limitHit(fault, this.version.limits);
    if (limit !== null) list.push('cordon-limit', limit);
    for (const [name, value] of Object.entries(headers)) list.push(name, value);
    list.push('content-length', String(Buffer.byteLength(body)));
    // A body that nobody reads any more must not be taken for the next request.
    if (!this.#request.complete) list.push('connection', 'close');
    this.#response.writeHead(status, list);
    this.#response.end(body);
    this.#done(status, fault);
  }

  #headersFor(headers: readonly string[]): string[] {
    const list = this.#ownHeaders();
    addResponseHeaders(list, headers, this.#admitted.responsePolicy);
    return list;
  }

  #ownHeaders(): string[] {
    const { sandboxed, added } = this.#admitted;
    const list = ['cordon-invocation', this.id, 'cordon-version', String(this.version.number)];
    // Of what reached a sandbox; before that, there is nothing to say.
    if (this.place !== NOWHERE)
      list.push(
        'cordon-tier',
        this.place.tier,
        'cordon-placement',
        this.place.placement,
        'cordon-cold-start',
        this.coldStart ? 'true' : 'false',
      );
    if (sandboxed) list.push('content-security-policy', 'sandbox');
    if (added.length > 0) list.push(...added);
    return list;
  }

  #writeHead(status: number, list: string[]): boolean {
    if (this.#over) return false;
    try {
      this.#response.writeHead(status, list);
      return true;
    } catch {
      this.#exchange?.cancel();
      this.fail(new Fault('BAD_RESPONSE', 'The response has a header whose name or value HTTP does not allow'));
      return false;
    }
  }

  /** Whoever can't be tunnelled has not said that it can; see {@link Call.upgrades}. */
  #open(headers: readonly string[]): void {
    if (this.#over) return;
    try {
      this.#admitted.tunnel?.open(headers, this.#exchange);
      this.#isTunnelled = true;
    } catch {
      this.#exchange?.cancel();
      this.fail(new Fault('BAD_RESPONSE', 'The response has a header whose name or value HTTP does not allow'));
    }
  }

  #streamBody(): void {
    this.#streaming = true;
    const request = this.#request;
    const limit = this.version.limits.requestBytes;
    let received = 0;
    request.on('data', (chunk: Buffer) => {
      if (this.#over) return;
      received += chunk.length;
      if (received > limit) {
        this.#exchange?.cancel();
        return this.fail(bodyTooLarge(limit));
      }
      if (this.#exchange?.write(chunk, () => request.resume()) === false) request.pause();
    });
    request.on('end', () => this.#exchange?.endBody());
  }

  #abandon(fault: Fault): void {
    this.#exchange?.cancel();
    this.#done(this.#isTunnelled ? 101 : this.#response.statusCode, fault);
    this.#response.destroy();
    this.#admitted.tunnel?.destroy();
  }

  #clientClosed(): void {
    if (this.#over) return;
    this.#exchange?.cancel();
    this.#done(499, new Fault('CANCELLED', 'The client went away'));
  }

  #done(status: number, fault: Fault | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.onDone(this, status, fault);
  }
}

/** Node writes a head and a body that is text in one piece; as latin1, every byte stays what it is. */
const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

export function bodyTooLarge(limit: number): Fault {
  return new Fault('BODY_TOO_LARGE', `The request body is larger than ${limit} bytes`);
}
