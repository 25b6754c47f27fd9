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
  /** Somebody listens for `beforeunload`, so {@link WebControls.beforeUnload} is of use. */
  heedUnload?(): void;
  /** Runs `fn` so that what it starts belongs to the same invocation as now, whenever it is called. */
  bindContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R;
  /** 32 bytes of the host's randomness, new for each sandbox, from which the generator is seeded. */
  seed(): Uint8Array;
  /**
   * Asks the host for a service of this kind, on behalf of the invocation that runs now; `meta` is JSON. Returns null
   * outside of any invocation. Throws a TypeError where the meta is too long.
   */
  ask(kind: string, meta: string, body: AskBody, listener: AskListener): Ask | null;
  /**
   * Asks the executor itself, on behalf of the invocation that runs now or of none. `text` is JSON, the request's kind and
   * what it needs, without the brackets of a list; `body` is kept.
   */
  serve(text: string, body: Uint8Array | null, listener: ServiceListener): void;
  /** An error nobody caught. */
  reportError(error: unknown): void;
}

export type AskBody = string | Uint8Array | ReadableStream | null;

/** Hears `head` or `fail`, and `fail` after `head` if the answer's body breaks off. */
export interface AskListener {
  /** The answer: its body is bytes where it came whole, else a stream. */
  head(meta: unknown, body: Uint8Array | ReadableStream): void;
  fail(error: unknown): void;
  /** Nothing more comes from the host. Heard once, around the last of the others. */
  over(): void;
  /** What user code is to see in the place of a refusal. */
  errorOf(refusal: AskRefusal): unknown;
}

/** Hears one of the two, unless its invocation ends before. */
export interface ServiceListener {
  /** `buffers` has no prototype, and no length. */
  done(value: unknown, buffers: Readonly<Record<number, Uint8Array>>): void;
  fail(name: string, message: string): void;
}

export interface AskRefusal {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, string | number | null>>;
}

export interface Ask {
  /** Nobody wants the answer, or the rest of it: the listener fails with the reason, and so does the body's stream. */
  cancel(reason: unknown): void;
}

/** What the host says of a response; its body comes apart from it. */
export interface FetchReply {
  readonly status: number;
  readonly statusText: string;
  /** Of the last hop. */
  readonly url: string;
  readonly redirected: boolean;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
}
