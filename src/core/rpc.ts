/**
 * Rpc: one call of `ctx.kv`, `ctx.db`, `ctx.email`, `ctx.publish` or `ctx.vm`: a method's name and plain JSON both ways.
 *
 * One {@link Rpc} serves every tier, in process and remote. It is told by the host on whose behalf the call is made; what
 * the guest says of itself counts for nothing.
 *
 * On the wire an rpc is a capability call of the kind `rpc`: its meta is `{ "method": "kv.get" }`, its body the JSON of the
 * params, the body of its answer the JSON of the result, and its refusal has a code of {@link RpcErrorCode}.
 */

import type { CapabilityCaller } from './capability.ts';
import type { CapabilityName } from './grants.ts';

export type RpcErrorCode =
  /** No such method, or params that are not what it takes. */
  | 'BAD_REQUEST'
  /** The version was not granted this capability, or the principal may not do this. */
  | 'NOT_GRANTED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  /** A quota or a rate of the tenant is used up. */
  | 'QUOTA_EXCEEDED'
  | 'THROTTLED'
  /** The invocation is over. */
  | 'CANCELLED'
  /** The service is not configured, is away, or was too slow. */
  | 'UNAVAILABLE'
  | 'INTERNAL';

/** Its message may be shown to whoever wrote the function. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: RpcErrorCode;

  constructor(code: RpcErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface RpcCall {
  readonly method: string;
  /** Hostile: parsed JSON that nobody has looked at. */
  readonly params: unknown;
}

/** `signal` aborts when the invocation is over. Rejects with an {@link RpcError}; anything else becomes INTERNAL, unseen. */
export type RpcMethod = (caller: CapabilityCaller, params: unknown, signal: AbortSignal) => Promise<unknown>;

/** What one capability offers: its methods, by their names after the dot. */
export interface RpcService {
  readonly methods: Readonly<Record<string, { readonly grant: CapabilityName; readonly run: RpcMethod }>>;
}

/** The one dispatcher: finds the method, asks whether it is granted, runs it. */
export interface Rpc {
  dispatch(caller: CapabilityCaller, call: RpcCall, signal: AbortSignal): Promise<unknown>;
}
