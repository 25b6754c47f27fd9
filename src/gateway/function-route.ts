/** `ANY /fn/<name>` and `/fn/<name>/…`: a request to a deployed function. This is the hot path. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault } from '../core/faults.ts';
import type { Invoker, LogSink } from '../core/invocation.ts';
import { announcesTooMuch, hasBody, readBody } from './body.ts';
import { requestHeaders } from './headers.ts';
import { bodyTooLarge, HttpCall, type HttpCallOwner } from './http-call.ts';
import type { OnRequest } from './gateway.ts';
import type { Origins } from './origin.ts';
import { sendFault } from './reply.ts';
import type { Routes } from './routes.ts';

export const FUNCTION_PREFIX = '/fn/';
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export interface FunctionRouteOptions {
  readonly routes: Routes;
  readonly origins: Origins;
  readonly invoker: Invoker;
  readonly logs: LogSink;
  nextId(): string;
  readonly onRequest: OnRequest;
}

export class FunctionRoute implements HttpCallOwner {
  readonly #options: FunctionRouteOptions;

  constructor(options: FunctionRouteOptions) {
    this.#options = options;
  }

  handle(request: IncomingMessage, response: ServerResponse, url: string): void {
    const { origins, routes } = this.#options;
    const site = origins.siteOf(request);
    if (site === null)
      return this.#refuse(
        request,
        response,
        new Fault('BAD_REQUEST', 'The Host header is not a host name with an optional port'),
      );
    const name = nameIn(url);
    const version = routes.find(site.tenant, name);
    if (version === undefined)
      return this.#refuse(
        request,
        response,
        new Fault('NOT_FOUND', `There is no function ${JSON.stringify(name.slice(0, 80))}`),
      );
    if (!METHODS.has(request.method as string))
      return this.#refuse(
        request,
        response,
        new Fault('METHOD_NOT_ALLOWED', `A function can't be called with ${request.method}`),
      );
    const trusted = origins.trusts(request);
    const call = new HttpCall(
      this,
      this.#options.nextId(),
      version,
      request,
      response,
      `http://${site.host}${url}`,
      requestHeaders(request.rawHeaders, { passAuthorization: version.passAuthorization, trustForwarding: trusted }),
      origins.clientAddress(request, trusted),
      site.isOperator,
    );
    this.#start(call, request);
  }

  onDone(call: HttpCall, status: number, fault: Fault | null): void {
    const { logs, onRequest } = this.#options;
    if (fault === null) return onRequest(call, status, call.startedMs, null);
    if (fault.code !== 'CANCELLED')
      logs.write(call.version, call.id, {
        level: 'error',
        message: `${fault.code}: ${fault.details.stack ?? fault.message}`,
        timeMs: Date.now(),
      });
    onRequest(call, status, call.startedMs, `${fault.code} ${call.version.key}`);
  }

  #start(call: HttpCall, request: IncomingMessage): void {
    const { version } = call;
    const { invoker } = this.#options;
    if (!hasBody(request)) return invoker.invoke(version, call, call);
    const limit = version.limits.requestBytes;
    if (announcesTooMuch(request, limit)) return call.fail(bodyTooLarge(limit));
    if (version.requestBody === 'stream') {
      call.body = 'stream';
      return invoker.invoke(version, call, call);
    }
    readBody(
      request,
      limit,
      (body) => {
        call.body = body;
        invoker.invoke(version, call, call);
      },
      (fault) => call.fail(fault),
    );
  }

  #refuse(request: IncomingMessage, response: ServerResponse, fault: Fault): void {
    sendFault(request, response, fault);
    this.#options.onRequest(
      { method: request.method ?? '', url: request.url ?? '' },
      fault.status,
      performance.now(),
      fault.code,
    );
  }
}

/** The segment after the prefix. */
function nameIn(url: string): string {
  let end = FUNCTION_PREFIX.length;
  while (end < url.length && url[end] !== '/' && url[end] !== '?') end++;
  return url.slice(FUNCTION_PREFIX.length, end);
}
