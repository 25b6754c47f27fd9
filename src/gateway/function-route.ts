/**
 * Function route: a request to a deployed function, at `/fn/<name>` or `/functions/v1/<name>`. This is the hot path.
 *
 * A warm request is served without a promise. Only what has to wait takes the slow way: a rate limit, a JWT that was not
 * seen before, a version that no route holds.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fault, toFault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Invoker, LogSink } from '../core/invocation.ts';
import { limitHit } from '../core/limits.ts';
import { ANONYMOUS, type Principal } from '../core/principal.ts';
import { announcesTooMuch, hasBody, readBody } from './body.ts';
import { answerPreflight, corsHeaders, isPreflight } from './cors.ts';
import { addIdentity, credentialOf, showsApikey, showsAuthorization } from './credential.ts';
import { targetOf, type Entry, type Target } from './entry.ts';
import { takeForAddress, takeForFunction, type FunctionRates, type Throttling } from './function-rates.ts';
import type { OnRequest } from './gateway.ts';
import { requestHeaders, type ResponsePolicy } from './headers.ts';
import { bodyTooLarge, HttpCall, type HttpCallOwner } from './http-call.ts';
import type { Origins, Site } from './origin.ts';
import { sendFault } from './reply.ts';
import { versionFor, type Routing } from './routing.ts';
import type { Tunnel } from './tunnel.ts';

export interface FunctionRouteOptions extends Routing {
  readonly origins: Origins;
  readonly invoker: Invoker;
  readonly logs: LogSink;
  /** Asked on /functions/v1 only. */
  authenticate(authorization: string | undefined): Principal | Promise<Principal>;
  /** Null: there are none. */
  readonly rates: FunctionRates | null;
  /** Takes a version's secrets out of a text; asked only for versions that have some. */
  redact(version: FunctionVersion, text: string): string;
  nextId(): string;
  readonly onRequest: OnRequest;
  /** Hears of errors that the client is told nothing about. */
  report(error: unknown): void;
  /** Hears how every request ended that reached a version, unless its client left. */
  onOutcome?(version: FunctionVersion, fault: Fault | null, status: number): void;
}

/** One request, until it is let in. */
interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly entry: Entry;
  readonly target: Target;
  readonly site: Site;
  readonly trusted: boolean;
  readonly tunnel: Tunnel | null;
  /** What the answer carries whoever gives it: name, value, name, value … */
  added: readonly string[];
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const NOTHING: readonly string[] = Object.freeze([]);

export class FunctionRoute implements HttpCallOwner {
  readonly #options: FunctionRouteOptions;

  constructor(options: FunctionRouteOptions) {
    this.#options = options;
  }

  /** `url` begins with the entry's prefix. `tunnel`: of a client that asks for a WebSocket. */
  handle(
    request: IncomingMessage,
    response: ServerResponse,
    url: string,
    entry: Entry,
    tunnel: Tunnel | null = null,
  ): void {
    const { origins, rates } = this.#options;
    const site = origins.siteOf(request);
    if (site === null) {
      const fault = new Fault('BAD_REQUEST', 'The Host header is not a host name with an optional port');
      return this.#refuse({ request, response, added: NOTHING }, fault);
    }
    const target = targetOf(url, entry);
    const trusted = origins.trusts(request);
    const visit: Visit = { request, response, entry, target, site, trusted, tunnel, added: NOTHING };
    if (rates !== null) return void this.#letInSlowly(visit, null, null);
    try {
      const version = this.#versionOf(visit);
      if (version instanceof Promise) return void this.#letInSlowly(visit, version, null);
      const principal = this.#principalOf(visit, version);
      if (principal instanceof Promise) return void this.#letInSlowly(visit, version, principal);
      this.#start(visit, version, principal);
    } catch (error) {
      this.#failed(visit, error);
    }
  }

  onDone(call: HttpCall, status: number, fault: Fault | null): void {
    const { logs, onRequest, onOutcome } = this.#options;
    if (fault?.code !== 'CANCELLED') onOutcome?.(call.version, fault, status);
    if (fault === null) return onRequest(call, status, call.startedMs, null);
    if (fault.code !== 'CANCELLED')
      logs.write(call.version, call.id, {
        level: 'error',
        message: `${fault.code}: ${fault.details.stack ?? fault.message}${limitNote(fault, call.version)}`,
        timeMs: Date.now(),
      });
    onRequest(call, status, call.startedMs, `${fault.code} ${call.version.key}`);
  }

  /** The same, where something has to be waited for; what is known already is given. */
  async #letInSlowly(
    visit: Visit,
    found: FunctionVersion | Promise<FunctionVersion> | null,
    caller: Promise<Principal> | null,
  ): Promise<void> {
    const { rates, origins } = this.#options;
    try {
      // Before anything is looked up, so that guessing is limited too.
      if (rates !== null) pass(visit, await takeForAddress(rates, origins.clientAddress(visit.request, visit.trusted)));
      const version = await (found ?? this.#versionOf(visit));
      const principal = await (caller ?? this.#principalOf(visit, version));
      // After the caller is known, so that nobody without a token uses up what those with one may do.
      if (rates !== null) pass(visit, await takeForFunction(rates, version.tenant, version.name));
      this.#start(visit, version, principal);
    } catch (error) {
      this.#failed(visit, error);
    }
  }

  #versionOf(visit: Visit): FunctionVersion | Promise<FunctionVersion> {
    const { method } = visit.request;
    if (!METHODS.has(method as string))
      throw new Fault('METHOD_NOT_ALLOWED', `A function can't be called with ${method}`);
    return versionFor(visit.site, visit.target, this.#options);
  }

  /** Throws or rejects with UNAUTHORIZED. Who asks for permission (OPTIONS) has no credentials yet, by the standard. */
  #principalOf(visit: Visit, version: FunctionVersion): Principal | Promise<Principal> {
    const { request, entry } = visit;
    if (version.cors !== null) visit.added = corsHeaders(version.cors, request.headers.origin);
    if (!entry.verifies || !version.verifyJwt || request.method === 'OPTIONS') return ANONYMOUS;
    const credential = credentialOf(request);
    if (credential === undefined)
      throw new Fault('UNAUTHORIZED', 'This function wants a JWT: send it as "Authorization: Bearer <JWT>"');
    const principal = this.#options.authenticate(credential);
    if (principal instanceof Promise) return principal.then((verified) => requireOwn(verified, version));
    return requireOwn(principal, version);
  }

  #start(visit: Visit, version: FunctionVersion, principal: Principal): void {
    const { request, response, site, target, trusted, tunnel } = visit;
    const { origins, invoker } = this.#options;
    // Who left while something was waited for is not told of again.
    if (response.destroyed) return this.#note(request, 499, 'CANCELLED');
    if (version.cors !== null && isPreflight(request)) {
      answerPreflight(version.cors, request.headers.origin, response);
      return this.#note(request, 204, null);
    }
    const call = new HttpCall(this, request, response, {
      id: this.#options.nextId(),
      version,
      principal,
      url: `${origins.schemeOf(request, trusted)}://${site.host}${target.shownUrl}`,
      headers: headersFor(visit, version, principal),
      clientAddress: origins.clientAddress(request, trusted),
      sandboxed: site.isOperator,
      added: visit.added,
      responsePolicy: this.#responsePolicy(site, version),
      tunnel,
    });
    if (tunnel !== null) {
      call.body = 'stream';
      return invoker.invoke(version, call, call);
    }
    const limit = version.limits.requestBytes;
    if (!hasBody(request)) return invoker.invoke(version, call, call);
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

  #responsePolicy(site: Site, version: FunctionVersion): ResponsePolicy {
    if (version.cors === null && version.secrets.length === 0) return site.isOperator ? PLAIN_SANDBOXED : PLAIN;
    const { redact } = this.#options;
    return {
      dropCookies: site.isOperator,
      dropCors: version.cors !== null,
      redact: version.secrets.length === 0 ? null : (value) => redact(version, value),
    };
  }

  #failed(visit: Visit, error: unknown): void {
    if (!(error instanceof Fault)) this.#options.report(error);
    this.#refuse(visit, toFault(error));
  }

  #refuse({ request, response, added }: Pick<Visit, 'request' | 'response' | 'added'>, fault: Fault): void {
    if (response.destroyed) return this.#note(request, 499, 'CANCELLED');
    if (response.headersSent) return void response.destroy();
    sendFault(request, response, fault, added);
    this.#note(request, fault.status, fault.code);
  }

  /** What did not become a call. */
  #note({ method, url }: IncomingMessage, status: number, note: string | null): void {
    this.#options.onRequest({ method: method ?? '', url: url ?? '' }, status, performance.now(), note);
  }
}

const PLAIN: ResponsePolicy = Object.freeze({ dropCookies: false, dropCors: false, redact: null });
const PLAIN_SANDBOXED: ResponsePolicy = Object.freeze({ dropCookies: true, dropCors: false, redact: null });

function headersFor(visit: Visit, version: FunctionVersion, principal: Principal): readonly string[] {
  const headers = passedHeaders(visit, version, principal);
  // No client's own `upgrade` gets so far, so that it is the host's word.
  return visit.tunnel === null ? headers : [...headers, 'upgrade', 'websocket', 'connection', 'Upgrade'];
}

function passedHeaders(
  { request, entry, trusted }: Visit,
  version: FunctionVersion,
  principal: Principal,
): readonly string[] {
  const { passAuthorization } = version;
  if (!entry.verifies)
    return requestHeaders(request.rawHeaders, { passAuthorization, passApikey: true, trustForwarding: trusted });
  const headers = requestHeaders(request.rawHeaders, {
    passAuthorization: showsAuthorization(request, version, principal),
    passApikey: showsApikey(request, principal),
    trustForwarding: trusted,
  });
  if (principal !== ANONYMOUS) addIdentity(headers, principal);
  return headers;
}

/** Which limit was hit, for the log. */
function limitNote(fault: Fault, { limits }: FunctionVersion): string {
  const limit = limitHit(fault, limits);
  return limit === null ? '' : ` (limit: ${limit})`;
}

/** Throws THROTTLED. */
function pass(visit: Visit, throttling: Throttling | null): void {
  if (throttling === null) return;
  visit.added = [...visit.added, ...throttling.headers];
  throw throttling.fault;
}

/** The users of one tenant are nobody to another. */
function requireOwn(principal: Principal, version: FunctionVersion): Principal {
  if (principal.tenant === null || principal.tenant === version.tenant) return principal;
  throw new Fault('UNAUTHORIZED', 'The token is not one of the tenant whose function this is');
}
