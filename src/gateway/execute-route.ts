/** `POST /execute`: code that came with the request, in a sandbox that serves this call alone (seed 001). */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { ExecutionOutcome, ExecutionRequest, Executions } from '../core/execution.ts';
import { Fault, toFault, type FaultCode } from '../core/faults.ts';
import type { Principal } from '../core/principal.ts';
import { problemOf } from '../core/problem.ts';
import { readBody } from './body.ts';
import { requireOneAuthorization } from './credential.ts';
import type { OnRequest } from './gateway.ts';
import type { Origins } from './origin.ts';
import { closing, sendJson } from './reply.ts';

export interface ExecuteRouteOptions {
  readonly executions: Executions;
  readonly origins: Origins;
  /** Whether it answers without a token. */
  readonly open: boolean;
  readonly maxBodyBytes: number;
  authenticate(authorization: string | undefined): Principal | Promise<Principal>;
  /** One line for each execution error, for standard output. */
  onError(line: string): void;
  readonly onRequest: OnRequest;
}

const Headers = z.record(
  z.string(),
  z
    .union([z.string(), z.array(z.string())])
    .transform((value) => (typeof value === 'string' ? value : value.join(', '))),
);

const Body = z.object({
  code: z.string(),
  handler: z.string().default('handler'),
  request: z
    .object({
      method: z
        .string()
        .regex(/^[A-Za-z]{1,20}$/, 'must be an HTTP method')
        .default('GET'),
      url: z.string().max(16_384).default('/'),
      headers: Headers.default({}),
      body: z.string().default(''),
      query: z.record(z.string(), z.unknown()).default({}),
    })
    .prefault({}),
  envVars: z.record(z.string(), z.string()).default({}),
  timeout: z.number().default(10_000),
  memory: z.number().default(128),
  tenant: z.string().optional(),
});

/** What a browser or a proxy adds, and a program on this machine does not: without a token, these are refused. */
const FOREIGN_HEADERS = [
  'origin',
  'sec-fetch-site',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
] as const;
/** Faults of which the code knows nothing. */
const NOT_ASKED: ReadonlySet<FaultCode> = new Set<FaultCode>(['THROTTLED', 'TIER_UNAVAILABLE', 'BAD_REQUEST']);
const NEEDS_TOKEN =
  'POST /execute needs the admin token: send "Authorization: Bearer <token>", or start with --open-execute (on a loopback address) or CORDON_EXECUTE_OPEN=1';

export class ExecuteRoute {
  readonly #options: ExecuteRouteOptions;

  constructor(options: ExecuteRouteOptions) {
    this.#options = options;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const answer = new Answer(request, response, this.#options);
    try {
      const principal = this.#caller(request);
      if (principal instanceof Promise) return void this.#acceptLater(request, response, principal, answer);
      this.#accept(request, response, principal, answer);
    } catch (error) {
      answer.refuse(toFault(error));
    }
  }

  async #acceptLater(
    request: IncomingMessage,
    response: ServerResponse,
    pending: Promise<Principal>,
    answer: Answer,
  ): Promise<void> {
    try {
      this.#accept(request, response, await pending, answer);
    } catch (error) {
      answer.refuse(toFault(error));
    }
  }

  #accept(request: IncomingMessage, response: ServerResponse, principal: Principal, answer: Answer): void {
    this.#admit(request, principal);
    readBody(
      request,
      this.#options.maxBodyBytes,
      (bytes) => this.#start(request, response, bytes, principal, answer),
      (fault) => answer.refuse(fault),
    );
  }

  #start(
    request: IncomingMessage,
    response: ServerResponse,
    bytes: Buffer,
    principal: Principal,
    answer: Answer,
  ): void {
    try {
      const execution = this.#options.executions.start(parseBody(bytes), principal, request.socket.remoteAddress ?? '');
      response.on('close', () => {
        if (!response.writableFinished) execution.cancel();
      });
      void execution.outcome.then((outcome) => answer.tell(execution.id, outcome));
    } catch (error) {
      answer.refuse(toFault(error));
    }
  }

  #caller(request: IncomingMessage): Principal | Promise<Principal> {
    if (request.method !== 'POST') throw new Fault('METHOD_NOT_ALLOWED', `/execute takes POST, not ${request.method}`);
    requireOneAuthorization(request);
    return this.#options.authenticate(request.headers.authorization);
  }

  /** Throws UNAUTHORIZED, FORBIDDEN. */
  #admit(request: IncomingMessage, principal: Principal): void {
    if (principal.role !== 'anonymous') return;
    if (!this.#options.open) throw new Fault('UNAUTHORIZED', NEEDS_TOKEN);
    const foreign = FOREIGN_HEADERS.find((name) => request.headers[name] !== undefined);
    if (foreign !== undefined)
      throw new Fault(
        'FORBIDDEN',
        `Without a token, POST /execute refuses requests of browsers and proxies (the header ${foreign} is set)`,
      );
    if (this.#options.origins.siteOf(request)?.isOperator !== true)
      throw new Fault('FORBIDDEN', 'Without a token, POST /execute answers on the operator host names only');
  }
}

/** The one answer to a request. */
class Answer {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: ExecuteRouteOptions;
  readonly #startedMs = performance.now();

  constructor(request: IncomingMessage, response: ServerResponse, options: ExecuteRouteOptions) {
    this.#request = request;
    this.#response = response;
    this.#options = options;
  }

  tell(id: string, outcome: ExecutionOutcome): void {
    const headers = { 'cordon-invocation': id };
    if (outcome.ok)
      return this.#send(200, { success: true, result: outcome.result, duration: outcome.durationMs }, headers, null);
    const { fault, logs, durationMs } = outcome;
    this.#options.onError(`[Error] ${id} ${fault.code}: ${fault.message}`);
    const stack = fault.details.stack ?? fault.details.issues?.join('\n') ?? fault.message;
    const value = { success: false, error: fault.message, stack, code: fault.code, duration: durationMs, logs };
    // What the code did is the answer to the question; that it could not be asked is an error.
    const asked = fault.blame === 'tenant' && !NOT_ASKED.has(fault.code);
    this.#send(
      asked ? 200 : fault.status,
      value,
      { ...(asked ? {} : headersOf(fault)), ...headers, 'cordon-fault': fault.code },
      fault.code,
    );
  }

  refuse(fault: Fault): void {
    const { issues } = fault.details;
    const value = {
      success: false,
      error: fault.message,
      code: fault.code,
      ...(issues === undefined ? {} : { issues }),
    };
    this.#send(fault.status, value, { ...headersOf(fault), ...closing(this.#request) }, fault.code);
  }

  #send(status: number, value: unknown, headers: Readonly<Record<string, string>>, note: string | null): void {
    if (this.#response.headersSent || this.#response.destroyed) return;
    sendJson(this.#response, status, value, headers);
    this.#options.onRequest({ method: this.#request.method ?? '', url: '/execute' }, status, this.#startedMs, note);
  }
}

/** As any other fault's, but for the type of the body. */
function headersOf(fault: Fault): Record<string, string> {
  return { ...problemOf(fault).headers, 'content-type': 'application/json' };
}

function parseBody(bytes: Buffer): ExecutionRequest {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new Fault('BAD_REQUEST', `The body is not JSON: ${(error as Error).message}`);
  }
  const parsed = Body.safeParse(json);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      ({ path, message }) => `${path.length === 0 ? 'the body' : path.join('.')}: ${message}`,
    );
    throw new Fault('BAD_REQUEST', `The request is not valid: ${issues.join('; ')}`, { issues });
  }
  const { timeout, memory, tenant, ...rest } = parsed.data;
  return { ...rest, timeoutMs: timeout, memoryMb: memory, ...(tenant === undefined ? {} : { tenant }) };
}
