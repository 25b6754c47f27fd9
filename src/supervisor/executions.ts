/** Runs code that came with the call: a version that is made for it, used once and thrown away. */

import { createHash } from 'node:crypto';
import type { Execution, ExecutionOutcome, ExecutionRequest, ExecutionResult, Executions } from '../core/execution.ts';
import { Fault, toFault } from '../core/faults.ts';
import { DEFAULT_EGRESS } from '../core/egress.ts';
import { requireName, type Artifact, type FunctionVersion, type HandlerKind } from '../core/function.ts';
import type { Call, Invoker } from '../core/invocation.ts';
import { chooseLimits, DEFAULT_LIMITS, EXECUTE_BOUNDS, requireWithin, type ChosenLimits } from '../core/limits.ts';
import { isPrivileged, type Principal } from '../core/principal.ts';
import { DEFAULT_TENANT } from '../core/tenant.ts';
import type { TierName } from '../core/tier.ts';
import { Collector, type Collecting } from './collector.ts';

export interface ExecutionsOptions {
  readonly invoker: Invoker;
  readonly tier: TierName;
  readonly maxCodeBytes: number;
  readonly maxBodyBytes: number;
  readonly maxResponseBytes: number;
  /** What one execution may use of each; see {@link chooseLimits}. */
  readonly largest: ChosenLimits;
  nextId(): string;
  /** Builds what the engine could not parse by itself (TypeScript); rejects with COMPILE_FAILED and a code frame. */
  build(code: string, handler: HandlerKind, tenant: string): Promise<Artifact>;
}

/** Whose code it is when nobody says who they are. */
const ANONYMOUS_TENANT = 'anonymous';
const LOG_BYTES = 256 * 1024;

export function createExecutions(options: ExecutionsOptions): Executions {
  return {
    start(request, principal, clientAddress) {
      const version = versionOf(request, principal, options);
      const run = new Run(options, version, callOf(options.nextId(), request, principal, clientAddress));
      run.start();
      return run;
    },
  };
}

class Run implements Execution, Collecting {
  readonly id: string;
  readonly outcome: Promise<ExecutionOutcome>;
  readonly #options: ExecutionsOptions;
  readonly #version: FunctionVersion;
  readonly #call: Call;
  readonly #startedMs = performance.now();
  #collector: Collector;
  #built = false;
  #cancelled = false;
  #resolve: (outcome: ExecutionOutcome) => void = () => undefined;

  constructor(options: ExecutionsOptions, version: FunctionVersion, call: Call) {
    this.id = call.id;
    this.#options = options;
    this.#version = version;
    this.#call = call;
    this.#collector = new Collector(version.limits, this);
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  start(): void {
    this.#options.invoker.invoke(this.#version, this.#call, this.#collector);
  }

  cancel(): void {
    this.#cancelled = true;
    this.#collector.cancel();
  }

  onResponse(_status: number, _headers: readonly string[], body: Uint8Array): void {
    try {
      const result = JSON.parse(
        Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'),
      ) as ExecutionResult;
      this.#resolve({ ok: true, result, durationMs: this.#durationMs() });
    } catch {
      this.#failed(new Fault('BAD_RESPONSE', 'The result is not JSON'));
    }
  }

  /** What the engine could not parse may be TypeScript, which takes a build; the builder also says better what is wrong. */
  onFault(fault: Fault): void {
    if (fault.code !== 'COMPILE_FAILED' || this.#built) return this.#failed(fault);
    this.#built = true;
    const code = Buffer.from(this.#version.artifact.code).toString('utf8');
    this.#options.build(code, kindOf(code), this.#version.tenant).then(
      (artifact) => {
        if (this.#cancelled) return;
        this.#collector = new Collector(this.#version.limits, this);
        this.#options.invoker.invoke({ ...this.#version, artifact }, this.#call, this.#collector);
      },
      (error: unknown) => this.#failed(toFault(error)),
    );
  }

  #failed(fault: Fault): void {
    const logs = this.#collector.logs.map(({ message }) => message);
    this.#resolve({ ok: false, fault, logs, durationMs: this.#durationMs() });
  }

  #durationMs(): number {
    return Math.round((performance.now() - this.#startedMs) * 100) / 100;
  }
}

function versionOf(request: ExecutionRequest, principal: Principal, options: ExecutionsOptions): FunctionVersion {
  const code = Buffer.from(request.code, 'utf8');
  if (code.length > options.maxCodeBytes)
    throw new Fault('CODE_TOO_LARGE', `Function code exceeds ${options.maxCodeBytes / 1024} KB`);
  const timeoutMs = requireWithin(
    'timeout',
    request.timeoutMs ?? DEFAULT_LIMITS.execute.timeoutMs,
    EXECUTE_BOUNDS.timeoutMs,
    'ms',
  );
  const memoryMb = requireWithin(
    'memory',
    request.memoryMb ?? DEFAULT_LIMITS.execute.memoryMb,
    EXECUTE_BOUNDS.memoryMb,
    'MB',
  );
  const hash = createHash('sha256').update(code).digest('hex');
  return {
    key: `execute ${hash}`,
    tenant: tenantOf(request, principal),
    name: 'execute',
    number: 0,
    hash,
    runtime: 'javascript',
    tier: options.tier,
    cordon: 'tenant',
    handler: 'module',
    handlerName: request.handler ?? 'handler',
    limits: {
      timeoutMs,
      memoryMb: Math.ceil(memoryMb),
      requestBytes: options.maxBodyBytes,
      responseBytes: options.maxResponseBytes,
      logBytes: LOG_BYTES,
      concurrency: 1,
      ...chooseLimits({}, options.largest),
    },
    env: request.envVars ?? {},
    secrets: [],
    boundSecrets: [],
    requestBody: 'buffer',
    passAuthorization: true,
    verifyJwt: false,
    cors: null,
    egress: DEFAULT_EGRESS,
    // Whoever may execute need not have an account to answer for mail and events.
    capabilities: [],
    codeGeneration: false,
    minimumWall: null,
    ephemeral: true,
    artifact: { format: 'source', code, cache: null, interleaves: false },
  };
}

/** The tenant that is named, else the principal's own; another tenant's is not there for whoever is bound to one. */
function tenantOf({ tenant }: ExecutionRequest, principal: Principal): string {
  if (tenant === undefined) return principal.tenant ?? (isPrivileged(principal) ? DEFAULT_TENANT : ANONYMOUS_TENANT);
  if (!isPrivileged(principal)) throw new Fault('UNAUTHORIZED', 'Naming a tenant needs a token');
  if (principal.tenant !== null && principal.tenant !== tenant)
    throw new Fault('NOT_FOUND', `There is no tenant ${JSON.stringify(tenant.slice(0, 80))}`);
  return requireName('tenant', tenant);
}

function callOf(id: string, { request = {} }: ExecutionRequest, principal: Principal, clientAddress: string): Call {
  const { method = 'GET', url = '/', headers = {}, body = '', query = {} } = request;
  return {
    id,
    cause: 'execute',
    principal,
    method: method.toUpperCase(),
    url,
    headers: Object.entries(headers).flat(),
    clientAddress,
    body: body === '' ? null : Buffer.from(body, 'utf8'),
    reply: 'value',
    query,
    attempts: 0,
  };
}

/** The builder has to be told what a source is: a body with `return` is a script, all else is a module. */
function kindOf(code: string): HandlerKind {
  return /\b(?:import|export)\b|module\.exports|exports\.\w|Deno\.serve|addEventListener/.test(code)
    ? 'module'
    : 'script';
}
