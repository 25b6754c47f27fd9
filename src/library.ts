/**
 * The library: Cordon in your own program, without a listener. The server is built on the same object.
 */

import { loadConfig, type CordonOptions } from './config.ts';
import type { Deployment, FunctionRecord } from './core/deployment.ts';
import type { ExecutionOutcome, ExecutionRequest } from './core/execution.ts';
import { Fault } from './core/faults.ts';
import type { Call, ResponseSink } from './core/invocation.ts';
import { ANONYMOUS, OPERATOR } from './core/principal.ts';
import { createOutput } from './observe/output.ts';
import { startParts, type Parts, type TierStatus } from './runtime.ts';

export interface InvokeRequest {
  readonly tenant?: string;
  readonly method?: string;
  /** Path and query as the function sees them; default `/`. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface InvokeResult {
  readonly status: number;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

export interface Cordon {
  /** What works on this machine, and why the rest does not. */
  readonly tiers: readonly TierStatus[];
  /** Rejects with a Fault; then nothing has changed. */
  deploy(deployment: Omit<Deployment, 'tenant'> & { readonly tenant?: string }): Promise<FunctionRecord>;
  /** Rejects with a Fault where the function gave no response. */
  invoke(name: string, request?: InvokeRequest): Promise<InvokeResult>;
  /** Runs code once, in a sandbox of its own, as the operator. Rejects with a Fault for a request that is not valid. */
  execute(request: ExecutionRequest): Promise<ExecutionOutcome>;
  /** Lets what runs finish, then ends every child process. */
  close(): Promise<void>;
}

export async function createCordon(options: CordonOptions = {}): Promise<Cordon> {
  const parts = await startParts(loadConfig(options), createOutput(process.stderr));
  return cordonOf(parts);
}

function cordonOf(parts: Parts): Cordon {
  return {
    tiers: parts.tiers,
    deploy: (deployment) => parts.deployer.deploy({ tenant: DEFAULT_TENANT, ...deployment }),
    invoke: (name, request = {}) => invoke(parts, name, request),
    execute: (request) => parts.executions.start(request, OPERATOR, '').outcome,
    close: () => parts.close(),
  };
}

const DEFAULT_TENANT = 'default';

function invoke(parts: Parts, name: string, request: InvokeRequest): Promise<InvokeResult> {
  const version = parts.routes.find(request.tenant ?? DEFAULT_TENANT, name);
  if (version === undefined)
    return Promise.reject(new Fault('NOT_FOUND', `There is no function ${JSON.stringify(name)}`));
  const { body } = request;
  const call: Call = {
    id: parts.ids.next(),
    cause: 'invoke',
    principal: ANONYMOUS,
    method: request.method ?? 'GET',
    url: `http://localhost${request.path ?? '/'}`,
    headers: Object.entries(request.headers ?? {}).flat(),
    clientAddress: '',
    body: body === undefined ? null : typeof body === 'string' ? Buffer.from(body, 'utf8') : body,
    reply: 'http',
    attempts: 0,
  };
  return new Promise((resolve, reject) => parts.supervisor.invoke(version, call, new Collected(resolve, reject)));
}

/** A response, whole. */
class Collected implements ResponseSink {
  readonly #resolve: (result: InvokeResult) => void;
  readonly #reject: (fault: Fault) => void;
  readonly #chunks: Uint8Array[] = [];
  #status = 0;
  #headers: readonly string[] = [];

  constructor(resolve: (result: InvokeResult) => void, reject: (fault: Fault) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  attach(): void {
    // Nobody cancels: the function's own deadline ends it.
  }

  complete(status: number, headers: readonly string[], body: Uint8Array): void {
    this.#resolve({ status, headers, body });
  }

  head(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#headers = headers;
  }

  data(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    return true;
  }

  end(): void {
    this.complete(this.#status, this.#headers, Buffer.concat(this.#chunks));
  }

  fail(fault: Fault): void {
    this.#reject(fault);
  }
}
