/** Whole invocation: one run whose outcome is collected, for callers that are no HTTP client: operators, events, the library. */

import type { Fault } from './faults.ts';
import type { FunctionVersion } from './function.ts';
import type { Call, LogEntry } from './invocation.ts';
import type { Principal } from './principal.ts';

export interface InvocationRequest {
  readonly principal: Principal;
  readonly cause: Call['cause'];
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
  readonly reply: Call['reply'];
  /** In a sandbox of its own, apart from those that serve requests. */
  readonly fresh: boolean;
}

export interface InvocationOutcome {
  readonly id: string;
  /** Null where there was a fault. */
  readonly response: { readonly status: number; readonly headers: readonly string[]; readonly body: Uint8Array } | null;
  readonly fault: Fault | null;
  /** What the function wrote meanwhile, up to its limit. */
  readonly logs: readonly LogEntry[];
  readonly durationMs: number;
}

export interface RunningInvocation {
  readonly id: string;
  /** Never rejects. */
  readonly outcome: Promise<InvocationOutcome>;
  cancel(): void;
}

export interface Invocations {
  run(version: FunctionVersion, request: InvocationRequest): RunningInvocation;
}
