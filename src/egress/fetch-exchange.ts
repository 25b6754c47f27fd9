/**
 * Fetch exchange: one `fetch` of a function, from its meta to the end of its answer. Every hop of it is a decision of its
 * own: the policy, the secrets and the credentials are looked at again for each place that a redirect names.
 */

import type { CapabilityCaller, CapabilityExchange, CapabilitySink } from '../core/capability.ts';
import type { FetchReplyHead } from '../core/egress.ts';
import { Answer, tooLarge } from './answer.ts';
import { decodersFor } from './decoder.ts';
import { EgressFailure, failureOf, Refused } from './failure.ts';
import type { CheckedHead } from './fetch-head.ts';
import { incoming, outgoing, statedLength, valueOf, withDefaults, without } from './headers.ts';
import { Hop } from './hop.ts';
import type { HopListener } from './hop.ts';
import { destinationOf } from './policy.ts';
import type { Policy } from './policy.ts';
import { problemOf, REFUSAL_HEADERS } from './problem.ts';
import { isRedirect, nextRequest } from './redirect.ts';
import { RequestBody } from './request-body.ts';
import { redacted, withSecrets } from './secrets.ts';
import type { TenantPool } from './tenant-pool.ts';

export interface FetchContext {
  readonly policy: Policy;
  readonly pool: TenantPool;
  readonly caller: CapabilityCaller;
  readonly sink: CapabilitySink;
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
  readonly totalMs: number;
  /** Whether the answer is decoded here. False, for a proxy: the body goes on as it came. */
  readonly decodes: boolean;
  /** One more request of the invocation; throws TOO_MANY_REQUESTS. */
  countHop(): void;
  /** For the audit. */
  onRefused(refused: Refused): void;
  /** Called once, whatever the outcome. */
  onOver(sentBytes: number, receivedBytes: number): void;
}

const MAX_REDIRECTS = 20;
const BODYLESS: ReadonlySet<number> = new Set([204, 205, 304]);
const ENCODING_HEADERS: ReadonlySet<string> = new Set(['content-encoding', 'content-length']);

export class FetchExchange implements CapabilityExchange, HopListener {
  readonly #context: FetchContext;
  readonly #body: RequestBody | null;
  readonly #redirect: CheckedHead['redirect'];
  readonly #timer: NodeJS.Timeout;
  readonly #statedLength: number | null;
  #request: { readonly method: string; readonly url: URL; readonly headers: readonly string[] };
  #sendsBody: boolean;
  #begun = false;
  #over = false;
  #redirects = 0;
  #hop: Hop | null = null;
  #drained: Hop | null = null;
  #leaveOrigin: (() => void) | null = null;
  #answer: Answer | null = null;
  #sentBytes = 0;
  #receivedBytes = 0;

  /** The first request leaves in a later turn, so nothing is heard before this has returned. */
  constructor(context: FetchContext, head: CheckedHead, hasBody: boolean) {
    this.#context = context;
    this.#redirect = head.redirect;
    const headers = outgoing(head.headers);
    this.#request = { method: head.method, url: head.url, headers: context.decodes ? withDefaults(headers) : headers };
    this.#statedLength = statedLength(head.headers);
    this.#body = hasBody ? new RequestBody() : null;
    this.#sendsBody = hasBody;
    this.#timer = setTimeout(() => this.#fail(timedOut(context.totalMs)), context.totalMs).unref();
    // A body that is there by the next turn goes out in one piece.
    if (hasBody) setImmediate(() => this.#begin());
    else queueMicrotask(() => this.#begin());
  }

  write(chunk: Uint8Array, onDrain: () => void): boolean {
    if (this.#over || this.#body === null) return true;
    const hasRoom = this.#body.write(chunk, onDrain);
    const { maxRequestBytes } = this.#context;
    if (this.#body.bytes > maxRequestBytes) {
      this.#fail(new EgressFailure('TOO_LARGE', `the request body is larger than ${maxRequestBytes} bytes`));
      return true;
    }
    if (this.#body.isLarge) this.#begin();
    return hasRoom;
  }

  endBody(): void {
    if (this.#over || this.#body === null) return;
    this.#body.end();
    this.#begin();
  }

  resume(): void {
    if (!this.#over) this.#answer?.resume();
  }

  cancel(): void {
    if (this.#finish()) this.#hop?.abort();
  }

  onHead(status: number, statusText: string, rawHeaders: readonly (Buffer | string)[]): void {
    const { version } = this.#context.caller;
    const headers = incoming(rawHeaders, version.boundSecrets);
    const location = isRedirect(status) ? valueOf(headers, 'location') : null;
    if (location === null || this.#redirect === 'manual')
      return this.#deliverHead(status, redacted(statusText, version.boundSecrets), headers);
    if (this.#redirect === 'follow') return this.#attempt(() => this.#follow(status, location));
    this.#fail(
      new EgressFailure('UNEXPECTED_REDIRECT', `${this.#request.url.host} redirects, and redirect is "error"`),
    );
  }

  onData(chunk: Buffer): boolean {
    this.#receivedBytes += chunk.length;
    return this.#answer?.write(chunk) ?? true;
  }

  onEnd(): void {
    this.#answer?.end();
  }

  onError(error: unknown): void {
    this.#fail(failureOf(error, this.#request.url.hostname));
  }

  #begin(): void {
    if (this.#begun || this.#over) return;
    this.#begun = true;
    this.#attempt(() => this.#send());
  }

  #send(): void {
    const { policy, pool, caller, countHop } = this.#context;
    const { method, url, headers } = this.#request;
    const destination = destinationOf(url);
    policy.require(destination, caller.version);
    countHop();
    const body = this.#sendsBody && this.#body !== null ? this.#body.take() : null;
    const sent = [...withSecrets(headers, caller.version.boundSecrets, destination)];
    if (body !== null && !Buffer.isBuffer(body) && this.#statedLength !== null)
      sent.push('content-length', String(this.#statedLength));
    const hop = new Hop(this);
    this.#hop = hop;
    this.#leaveOrigin = pool.dispatch(
      destination,
      { method, path: `${url.pathname}${url.search}`, headers: sent, body },
      hop,
    );
    if (this.#over) this.#leaveOrigin();
  }

  #follow(status: number, location: string): void {
    const next = nextRequest(this.#request, status, location);
    if (++this.#redirects > MAX_REDIRECTS)
      throw new EgressFailure('TOO_MANY_REDIRECTS', `more than ${MAX_REDIRECTS} redirects`);
    const isBodySent = this.#body === null || !this.#sendsBody || this.#body.ended;
    if (next.keepsBody && this.#sendsBody && this.#body?.isWhole === false)
      throw new EgressFailure('UNEXPECTED_REDIRECT', `${next.url.host} wants the body again, and it is gone`);
    this.#drained?.abort();
    if (isBodySent) this.#hop?.drain();
    else this.#hop?.abort();
    this.#drained = this.#hop;
    this.#leaveOrigin?.();
    if (!next.keepsBody) {
      this.#sendsBody = false;
      this.#countSent();
      this.#body?.discard();
    }
    this.#request = next;
    this.#send();
  }

  #deliverHead(status: number, statusText: string, headers: string[]): void {
    const { sink, decodes, maxResponseBytes } = this.#context;
    const { method, url } = this.#request;
    const hasBody = method !== 'HEAD' && !BODYLESS.has(status);
    if (hasBody && (statedLength(headers) ?? 0) > maxResponseBytes) return this.#fail(tooLarge(maxResponseBytes));
    const decoders = decodes && hasBody ? decodersFor(valueOf(headers, 'content-encoding')) : [];
    this.#answer = new Answer({
      sink,
      decoders,
      maxBytes: maxResponseBytes,
      isOver: () => this.#over,
      onDrain: () => this.#hop?.resume(),
      onEnd: () => {
        if (this.#finish()) sink.end();
      },
      onFailure: (failure) => this.#fail(failure),
    });
    sink.head({
      status,
      statusText,
      headers: decoders.length === 0 ? headers : without(headers, (name) => ENCODING_HEADERS.has(name)),
      url: url.href,
      redirected: this.#redirects > 0,
    } satisfies FetchReplyHead);
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(failureOf(error, this.#request.url.hostname));
    }
  }

  #fail(failure: EgressFailure): void {
    const hadHead = this.#answer !== null;
    if (!this.#finish()) return;
    this.#hop?.abort();
    const { sink, caller, onRefused } = this.#context;
    if (!(failure instanceof Refused)) return sink.fail(failure.toRefusal());
    onRefused(failure);
    if (hadHead || caller.version.egress.refusal === 'throw') return sink.fail(failure.toRefusal());
    sink.head({ ...refusalHead(failure.code), url: this.#request.url.href, redirected: this.#redirects > 0 });
    sink.data(Buffer.from(JSON.stringify(problemOf(failure.toRefusal(), BLOCKED))));
    sink.end();
  }

  /** False where it was over already. */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#countSent();
    this.#body?.discard();
    this.#answer?.destroy();
    this.#drained?.abort();
    this.#leaveOrigin?.();
    this.#context.onOver(this.#sentBytes, this.#receivedBytes);
    return true;
  }

  #countSent(): void {
    if (this.#hop !== null) this.#sentBytes = this.#body?.bytes ?? 0;
  }
}

const timedOut = (totalMs: number): EgressFailure =>
  new EgressFailure('TIMED_OUT', `the request took longer than ${totalMs} ms`);

const refusalHead = (code: string): Pick<FetchReplyHead, 'status' | 'statusText' | 'headers'> => ({
  status: BLOCKED,
  statusText: 'Blocked By Policy',
  headers: [...REFUSAL_HEADERS, 'cordon-fault', code],
});

/** The status of what the policy refused. */
const BLOCKED = 452;
