/** Execution: code that comes with the call and runs once, in a sandbox of its own. */

import type { Fault } from './faults.ts';
import type { Principal } from './principal.ts';

export interface ExecutionRequest {
  readonly code: string;
  /** The export to call; where it is absent the default export serves. Default `handler`. */
  readonly handler?: string;
  readonly request?: {
    readonly method?: string;
    readonly url?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly query?: Readonly<Record<string, unknown>>;
  };
  readonly envVars?: Readonly<Record<string, string>>;
  /** 1,000 to 30,000; default 10,000. */
  readonly timeoutMs?: number;
  /** 64 to 512; default 128. */
  readonly memoryMb?: number;
  /** Default `anonymous`, or `default` for a privileged principal. */
  readonly tenant?: string;
}

export type ExecutionOutcome =
  | { readonly ok: true; readonly result: ExecutionResult; readonly durationMs: number }
  | { readonly ok: false; readonly fault: Fault; readonly logs: readonly string[]; readonly durationMs: number };

export interface ExecutionResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A string as the handler returned it, or any JSON value. */
  readonly body: unknown;
}

export interface Execution {
  /** The invocation's id. */
  readonly id: string;
  /** Never rejects. */
  readonly outcome: Promise<ExecutionOutcome>;
  /** Nobody waits for the outcome any more. */
  cancel(): void;
}

export interface Executions {
  /** Throws a Fault for a request that is not valid; nothing has run then. */
  start(request: ExecutionRequest, principal: Principal, clientAddress: string): Execution;
}
