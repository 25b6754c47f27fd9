/** `POST /execute`: code that came with the request, in a sandbox that serves this call alone (seed 001). */

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { Fault, toFault } from '../core/faults.ts';
import { requireName, type Artifact, type FunctionVersion } from '../core/function.ts';
import type { Call, Cause, Exchange, Invoker, LogEntry, ResponseSink } from '../core/invocation.ts';
import { DEFAULT_LIMITS, EXECUTE_BOUNDS, requireWithin } from '../core/limits.ts';
import { ANONYMOUS, type Principal } from '../core/principal.ts';
import { problemOf } from '../core/problem.ts';
import type { TierName } from '../core/tier.ts';
import { readBody } from './body.ts';
import type { InvocationIds } from './invocation-ids.ts';
import type { Origins } from './origin.ts';
import { closing, sendJson } from './reply.ts';

export interface ExecuteRouteOptions {
  readonly invoker: Invoker;
  readonly origins: Origins;
  readonly ids: InvocationIds;
  readonly tier: TierName;
  /** Whether it answers without a token. */
  readonly open: boolean;
  readonly maxCodeBytes: number;
  readonly maxBodyBytes: number;
  readonly maxResponseBytes: number;
  authenticate(authorization: string | undefined): Principal;
  /** Builds what the engine could not parse by itself (TypeScript); rejects with COMPILE_FAILED and a code frame. */
  build(code: string, handler: 'module' | 'script'): Promise<Artifact>;
  /** One line of a function's console, or of an execution error, for standard output. */
  onOutput(line: string): void;
  onRequest(request: { method: string; url: string }, status: number, startedMs: number, note: string | null): void;
}

const TENANT = 'anonymous';
const LOG_BYTES = 256 * 1024;

const Headers = z.record(z.string(), z.union([z.string(), z.array(z.string())]).transform((value) => (Array.isArray(value) ? value.join(', ') : value)));

const Body = z.object({
  code: z.string(),
  handler: z.string().default('handler'),
  request: z
    .object({
      method: z.string().regex(/^[A-Za-z]{1,20}$/, 'must be an HTTP method').default('GET'),
      url: z.string().max(16_384).default('/'),
      headers: Headers.default({}),
      body: z.string().default(''),
      query: z.record(z.string(), z.unknown()).default({}),
    })
    .prefault({}),
  envVars: z.record(z.string(), z.string()).default({}),
  timeout: z.number().default(DEFAULT_LIMITS.execute.timeoutMs),
  memory: z.number().default(DEFAULT_LIMITS.execute.memoryMb),
  tenant: z.string().optional(),
});

type ExecuteBody = z.infer<typeof Body>;

/** What a browser or a proxy adds, and a program on this machine does not: without a token, these are refused. */
const BROWSER_HEADERS = ['origin', 'sec-fetch-site', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'] as const;

export class ExecuteRoute {
  readonly #options: ExecuteRouteOptions;

  constructor(options: ExecuteRouteOptions) {
    this.#options = options;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const startedMs = performance.now();
    const finish = (status: number, answer: unknown, headers: Readonly<Record<string, string>>, note: string | null): void => {
      if (response.headersSent || response.destroyed) return;
      sendJson(response, status, answer, headers);
      this.#options.onRequest({ method: request.method ?? '', url: '/execute' }, status, startedMs, note);
    };
    const refuse = (fault: Fault): void => {
      const { status, headers, body } = problemOf(fault);
      const { 'content-type': _, ...rest } = headers;
      const { code, issues } = JSON.parse(body) as { code: string; issues?: string[] };
      finish(status, { success: false, error: fault.message, code, ...(issues === undefined ? {} : { issues }) }, { ...rest, ...closing(request) }, code);
    };

    let principal: Principal;
    try {
      principal = this.#admit(request);
    } catch (error) {
      return refuse(toFault(error));
    }
    readBody(request, this.#options.maxBodyBytes, (bytes) => {
      try {
        const body = parseBody(bytes);
        const version = this.#versionOf(body, principal);
        this.#run(request, response, body, version, principal, startedMs, finish);
      } catch (error) {
        refuse(toFault(error));
      }
    }, refuse);
  }

  #admit(request: IncomingMessage): Principal {
    if (request.method !== 'POST') throw new Fault('METHOD_NOT_ALLOWED', `/execute takes POST, not ${request.method}`);
    const principal = this.#options.authenticate(request.headers.authorization);
    if (principal.role !== 'anonymous') return principal;
    if (!this.#options.open) {
      throw new Fault('UNAUTHORIZED', 'POST /execute needs the admin token: send "Authorization: Bearer <token>", or start with --open-execute (on a loopback address) or CORDON_EXECUTE_OPEN=1');
    }
    for (const name of BROWSER_HEADERS) {
      if (request.headers[name] !== undefined) throw new Fault('FORBIDDEN', `Without a token, POST /execute refuses requests of browsers and proxies (the header ${name} is set)`);
    }
    const host = this.#options.origins.hostOf(request);
    if (host === null || !this.#options.origins.isOperatorHost(host)) throw new Fault('FORBIDDEN', 'Without a token, POST /execute answers on the operator host names only');
    return principal;
  }

  #versionOf(body: ExecuteBody, principal: Principal): FunctionVersion {
    const { maxCodeBytes, maxBodyBytes, maxResponseBytes, tier } = this.#options;
    const code = Buffer.from(body.code, 'utf8');
    if (code.length > maxCodeBytes) throw new Fault('CODE_TOO_LARGE', `Function code exceeds ${maxCodeBytes / 1024} KB`);
    if (body.tenant !== undefined && principal.role === 'anonymous') throw new Fault('UNAUTHORIZED', 'Naming a tenant needs a token');
    const timeoutMs = requireWithin('timeout', body.timeout, EXECUTE_BOUNDS.timeoutMs, 'ms');
    const memoryMb = Math.ceil(requireWithin('memory', body.memory, EXECUTE_BOUNDS.memoryMb, 'MB'));
    const hash = createHash('sha256').update(code).digest('hex');
    return {
      key: `execute ${hash}`,
      tenant: body.tenant === undefined ? (principal.role === 'anonymous' ? TENANT : 'default') : requireName('tenant', body.tenant),
      name: 'execute',
      number: 0,
      hash,
      tier,
      cordon: 'tenant',
      handler: 'module',
      handlerName: body.handler,
      limits: { timeoutMs, memoryMb, requestBytes: maxBodyBytes, responseBytes: maxResponseBytes, logBytes: LOG_BYTES, concurrency: 1 },
      env: body.envVars,
      requestBody: 'buffer',
      passAuthorization: true,
      ephemeral: true,
      artifact: { format: 'source', code, cache: null, interleaves: false },
    };
  }

  #run(
    request: IncomingMessage,
    response: ServerResponse,
    body: ExecuteBody,
    version: FunctionVersion,
    principal: Principal,
    startedMs: number,
    finish: (status: number, answer: unknown, headers: Readonly<Record<string, string>>, note: string | null) => void,
  ): void {
    const { invoker, ids, build, onOutput } = this.#options;
    const id = ids.next();
    const headers = { 'cordon-invocation': id };
    const duration = (): number => Math.round((performance.now() - startedMs) * 100) / 100;
    let exchange: Exchange | null = null;
    let gone = false;
    response.on('close', () => {
      gone = true;
      if (!response.writableFinished) exchange?.cancel();
    });

    const fail = (fault: Fault, logs: readonly string[]): void => {
      const { code, details, message } = fault;
      onOutput(`[Error] ${id} ${code}: ${message}`);
      const stack = details.stack ?? details.issues?.join('\n') ?? message;
      // What the code did is the answer to the question; what we could not do is an error of ours.
      const status = fault.blame === 'platform' || code === 'THROTTLED' ? fault.status : 200;
      const retryAfter: Record<string, string> = status === 200 ? {} : { 'retry-after': String(details.retryAfterSeconds ?? 1) };
      finish(status, { success: false, error: message, stack, code, duration: duration(), logs }, { ...headers, ...retryAfter, 'cordon-fault': code }, code);
    };

    const start = (runnable: FunctionVersion, mayBuild: boolean): void => {
      const sink = new ExecuteSink(onOutput, {
        attach: (current) => void (exchange = current),
        complete: (result) => finish(200, { success: true, result, duration: duration() }, headers, null),
        fail: (fault, logs) => {
          if (!mayBuild || fault.code !== 'COMPILE_FAILED') return fail(fault, logs);
          build(body.code, scriptOrModule(body.code)).then(
            (artifact) => (gone ? undefined : start({ ...version, artifact }, false)),
            (error: unknown) => fail(toFault(error), logs),
          );
        },
      });
      invoker.invoke(runnable, callOf(id, body, principal, request), sink);
    };
    start(version, true);
  }
}

interface ExecuteOutcome {
  attach(exchange: Exchange): void;
  complete(result: unknown): void;
  fail(fault: Fault, logs: readonly string[]): void;
}

/** Collects the outcome of a `value` reply, and the console's lines for those who are told of an error. */
class ExecuteSink implements ResponseSink {
  readonly #onOutput: (line: string) => void;
  readonly #outcome: ExecuteOutcome;
  readonly #logs: string[] = [];
  readonly #chunks: Uint8Array[] = [];

  constructor(onOutput: (line: string) => void, outcome: ExecuteOutcome) {
    this.#onOutput = onOutput;
    this.#outcome = outcome;
  }

  attach(exchange: Exchange): void {
    this.#outcome.attach(exchange);
  }

  complete(_status: number, _headers: readonly string[], body: Uint8Array): void {
    try {
      this.#outcome.complete(JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')));
    } catch {
      this.#outcome.fail(new Fault('BAD_RESPONSE', 'The result is not JSON'), this.#logs);
    }
  }

  head(): void {
    this.#chunks.length = 0;
  }

  data(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    return true;
  }

  end(): void {
    this.complete(200, [], Buffer.concat(this.#chunks));
  }

  fail(fault: Fault): void {
    this.#outcome.fail(fault, this.#logs);
  }

  log(entry: LogEntry): void {
    this.#logs.push(entry.message);
    this.#onOutput(`[Function] ${entry.message}`);
  }
}

function callOf(id: string, body: ExecuteBody, principal: Principal, request: IncomingMessage): Call {
  const { method, url, headers, query } = body.request;
  const cause: Cause = 'execute';
  return {
    id,
    cause,
    principal: principal.role === 'anonymous' ? ANONYMOUS : principal,
    method: method.toUpperCase(),
    url,
    headers: Object.entries(headers).flat(),
    clientAddress: request.socket.remoteAddress ?? '',
    body: body.request.body === '' ? null : Buffer.from(body.request.body, 'utf8'),
    reply: 'value',
    query,
    attempts: 0,
  };
}

function parseBody(bytes: Buffer): ExecuteBody {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new Fault('BAD_REQUEST', `The body is not JSON: ${(error as Error).message}`);
  }
  const parsed = Body.safeParse(json);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.length === 0 ? 'the body' : path.join('.')}: ${message}`);
  throw new Fault('BAD_REQUEST', `The request is not valid: ${issues.join('; ')}`, { issues });
}

/** For the builder, which has to be told: a body with `return` is a script, all else is a module. */
function scriptOrModule(code: string): 'module' | 'script' {
  return /\b(?:import|export)\b|module\.exports|exports\.\w|Deno\.serve|addEventListener/.test(code) ? 'module' : 'script';
}
