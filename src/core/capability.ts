/**
 * Capability: a host service that a function may call. One call is a kind and a meta, perhaps a streamed body, and an
 * answer of the same form. The host binds it to the invocation that it came from; a guest never names its tenant.
 */

import type { FunctionVersion } from './function.ts';
import type { Call } from './invocation.ts';

/** `fetch` is served by egress; others are added by name. */
export type CapabilityKind = string;

export interface CapabilityCall {
  readonly kind: CapabilityKind;
  /** Hostile: parsed JSON that nobody has looked at. */
  readonly meta: unknown;
  /** Whether {@link CapabilityExchange.write} brings a body. */
  readonly hasBody: boolean;
}

/** On whose behalf, as the host knows it. */
export interface CapabilityCaller {
  readonly version: FunctionVersion;
  readonly call: Call;
}

/** Receives the answer: `head`, then `data` … then `end`; `fail` may take the place of any. Hears nothing after cancel(). */
export interface CapabilitySink {
  head(meta: unknown): void;
  /** Takes one chunk. Returns false to hold the answer back until {@link CapabilityExchange.resume}. */
  data(chunk: Uint8Array): boolean;
  end(): void;
  fail(refusal: CapabilityRefusal): void;
}

/** Becomes a TypeError in the guest whose `cause` has these fields. */
export interface CapabilityRefusal {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, string | number | null>>;
}

export interface CapabilityExchange {
  /** Sends one chunk of the guest's body. Returns false when the service is behind: wait for `onDrain`. */
  write(chunk: Uint8Array, onDrain: () => void): boolean;
  endBody(): void;
  resume(): void;
  /** The invocation is over or its signal aborted. */
  cancel(): void;
}

export interface Capabilities {
  /** Returns at once; what goes wrong reaches the sink, never before this has returned. */
  start(caller: CapabilityCaller, call: CapabilityCall, sink: CapabilitySink): CapabilityExchange;
}
