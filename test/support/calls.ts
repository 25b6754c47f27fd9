/** Versions, calls and sinks for tests of what runs them. */

import { DEFAULT_EGRESS } from '../../src/core/egress.ts';
import type { Fault, FaultCode } from '../../src/core/faults.ts';
import { DEFAULT_CAPABILITIES } from '../../src/core/grants.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { Call, Exchange, LogEntry, ResponseSink } from '../../src/core/invocation.ts';
import { DEFAULT_CHOSEN, type Limits } from '../../src/core/limits.ts';
import { ANONYMOUS } from '../../src/core/principal.ts';

export function makeVersion(
  name: string,
  options: Partial<Omit<FunctionVersion, 'limits'>> & { limits?: Partial<Limits> } = {},
): FunctionVersion {
  const { limits, tenant = 'acme', ...rest } = options;
  return {
    key: `${tenant}/${name}@1`,
    tenant,
    name,
    number: 1,
    hash: name,
    tier: 'isolate',
    runtime: 'javascript',
    cordon: 'tenant',
    handler: 'module',
    handlerName: 'handler',
    limits: {
      timeoutMs: 30_000,
      memoryMb: 64,
      requestBytes: 1e6,
      responseBytes: 1e7,
      logBytes: 1e5,
      concurrency: 1,
      ...DEFAULT_CHOSEN,
      ...limits,
    },
    env: {},
    secrets: [],
    boundSecrets: [],
    requestBody: 'buffer',
    passAuthorization: false,
    verifyJwt: false,
    cors: null,
    egress: DEFAULT_EGRESS,
    capabilities: DEFAULT_CAPABILITIES,
    codeGeneration: false,
    minimumWall: null,
    ephemeral: false,
    artifact: { format: 'script', code: Buffer.from('0'), cache: null, interleaves: true },
    ...rest,
  };
}

let calls = 0;

export function makeCall(options: Partial<Call> = {}): Call {
  return {
    id: `call-${++calls}`,
    cause: 'http',
    principal: ANONYMOUS,
    method: 'GET',
    url: 'http://localhost/fn/x',
    headers: ['accept', '*/*'],
    clientAddress: '127.0.0.1',
    body: null,
    reply: 'http',
    attempts: 0,
    ...options,
  };
}

/** Keeps what it hears; a second outcome is kept too, for the test to find. */
export class RecordingSink implements ResponseSink {
  readonly heard: string[] = [];
  readonly chunks: Buffer[] = [];
  readonly logs: string[] = [];
  readonly attached: Exchange[] = [];
  /** `complete`, `end`, or the code of the fault. */
  readonly outcomes: string[] = [];
  status = 0;
  headers: readonly string[] = [];
  fault: Fault | null = null;
  /** What data() answers. */
  wants = true;
  onHeard: () => void = () => undefined;
  readonly outcome: Promise<string>;
  #resolve: (outcome: string) => void = () => undefined;

  constructor() {
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get exchange(): Exchange {
    return this.attached.at(-1) as Exchange;
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }

  attach(exchange: Exchange): void {
    this.attached.push(exchange);
    this.#hear('attach');
  }

  complete(status: number, headers: readonly string[], body: Uint8Array): void {
    this.status = status;
    this.headers = headers;
    this.chunks.push(Buffer.from(body));
    this.#end('complete');
  }

  head(status: number, headers: readonly string[]): void {
    this.status = status;
    this.headers = headers;
    this.#hear('head');
  }

  data(chunk: Uint8Array): boolean {
    this.chunks.push(Buffer.from(chunk));
    this.#hear('data');
    return this.wants;
  }

  end(): void {
    this.#end('end');
  }

  fail(fault: Fault): void {
    this.fault = fault;
    this.#end(fault.code satisfies FaultCode);
  }

  log(entry: LogEntry): void {
    this.logs.push(entry.message);
    this.#hear('log');
  }

  #end(outcome: string): void {
    this.outcomes.push(outcome);
    this.#hear(outcome);
    this.#resolve(outcome);
  }

  #hear(what: string): void {
    this.heard.push(what);
    this.onHeard();
  }
}
