/** Invocation result: the outcome of an asynchronous invocation (`Prefer: respond-async`), kept for whoever asks later. */

export interface InvocationResult {
  readonly id: string;
  readonly tenant: string;
  readonly functionName: string;
  readonly version: number;
  readonly status: 'running' | 'succeeded' | 'failed';
  /** Null while it runs. */
  readonly response: { readonly status: number; readonly headers: readonly string[]; readonly body: Uint8Array } | null;
  readonly fault: { readonly code: string; readonly message: string } | null;
  readonly createdMs: number;
  readonly finishedMs: number | null;
}

export interface InvocationResultStore {
  put(result: InvocationResult): Promise<void>;
  find(tenant: string, id: string): Promise<InvocationResult | null>;
  /** Those that a process left running when it died become `failed`. */
  failRunning(code: string, message: string): Promise<number>;
  prune(beforeMs: number): Promise<number>;
}
