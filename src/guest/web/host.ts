/**
 * What the web API needs from whatever engine it runs in. The engine's bootstrap implements it; every method is called
 * with primordials only, so user code that patches a prototype cannot reach through it.
 */
export interface WebHost {
  /** Asks for `fireTimer(id)` once `delayMs` have passed. */
  setTimer(id: number, delayMs: number): void;
  clearTimer(id: number): void;
  /** One line of console output, formatted. */
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void;
  /** Runs `fn` so that what it starts belongs to the same invocation as now, whenever it is called. */
  bindContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R;
  /** 32 bytes of the host's randomness, new for each sandbox, from which the generator is seeded. */
  seed(): Uint8Array;
  /** The service behind fetch(); rejects with a TypeError whose cause has a `code`. */
  fetch(request: FetchCall, signal: unknown): Promise<FetchReply>;
  /** Milliseconds since the sandbox began, coarse on purpose. */
  nowMs(): number;
  /** An error nobody caught. */
  reportError(error: unknown): void;
}

export interface FetchCall {
  method: string;
  url: string;
  /** Name, value, name, value … */
  headers: string[];
  body: string | Uint8Array | null;
}

export interface FetchReply {
  readonly status: number;
  readonly statusText: string;
  /** Of the last hop. */
  readonly url: string;
  readonly headers: readonly string[];
  readonly body: string | Uint8Array | ReadableStream | null;
}
