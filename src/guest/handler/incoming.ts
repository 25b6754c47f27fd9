/** What an engine's bootstrap hands to the adapter for one invocation, and what it gets back. */

import type { PrincipalMeta, ReplyKind } from '../../wire/frames.ts';
import type { Ask, AskBody, AskListener } from '../web/host.ts';

export interface Incoming {
  readonly method: string;
  /** As the caller sent it: absolute for HTTP, anything for `POST /execute`. */
  readonly url: string;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  /** A string where the bytes are valid UTF-8 (the engine's host decodes faster than a guest can). */
  readonly body: string | ArrayBuffer | ReadableStream | null;
  /** The query as sent, where it is not the one in `url` (`POST /execute`); else undefined. */
  readonly query: unknown;
  readonly clientAddress: string;
  readonly invocationId: string;
  readonly reply: ReplyKind;
  /** What a client sends that asks for a WebSocket; null for any other, absent where there is none. */
  readonly tunnel?: ReadableStream | null;
  /** Who calls, as the host knows; null for nobody in particular. */
  readonly principal: PrincipalMeta | null;
  /** performance.now()-like ms left until the deadline. */
  remainingMs(): number;
  waitUntil(promise: unknown): void;
  /** Called at most once, with the AbortController's abort, by whoever needs the request's signal. */
  onCancel(abort: (reason: unknown) => void): void;
  /** As `WebHost.ask`, but for this invocation, whichever runs now. Null where it is over. */
  ask(kind: string, meta: string, body: AskBody, listener: AskListener): Ask | null;
}

/** Exactly what crosses to the host. A `value` reply has status 200 and a JSON text as body. */
export interface Outgoing {
  readonly status: number;
  readonly headers: string[];
  readonly body: string | Uint8Array | ReadableStream | null;
}

export interface HandlerSpec {
  readonly kind: 'module' | 'script';
  /** The export that `handler(event, context)` is looked up by. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly functionName: string;
  readonly memoryMb: number;
  /** Largest body of a `value` reply, which is read whole. */
  readonly responseBytes: number;
}

/** What user code registered by calling a global while it loaded (`Deno.serve`, `addEventListener('fetch')`). */
export interface Registered {
  serve: ((request: unknown, info: unknown) => unknown) | null;
  fetchListeners: ((event: unknown) => unknown)[];
}

/** Thrown by the adapter; the bootstrap sends it as a fault. */
export type AdapterFaultCode = 'HANDLER_MISSING' | 'BAD_RESPONSE' | 'RESPONSE_TOO_LARGE';
