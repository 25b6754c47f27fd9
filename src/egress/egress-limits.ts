/** Egress limits: how much of the outside one invocation and one tenant may use. */

import { MB } from '../core/limits.ts';

export interface EgressLimits {
  /** Requests and tunnels under way. */
  readonly requestsPerInvocation: number;
  readonly requestsPerTenant: number;
  /** Requests in all, each redirect being one. */
  readonly subrequestsPerInvocation: number;
  readonly socketsPerTenant: number;
  readonly socketsPerOrigin: number;
  /** Places to which a tenant keeps idle connections. */
  readonly originsPerTenant: number;
  /** Of one body. */
  readonly requestBytes: number;
  /** Of one body, decoded. */
  readonly responseBytes: number;
  readonly headerBytes: number;
  /** Of one message of a WebSocket; all of them together are bounded as bodies are. */
  readonly messageBytes: number;
  /** From the name to a connection that is ready. */
  readonly connectMs: number;
  /** From the call to the last byte; the end of the invocation comes first where it is earlier. */
  readonly totalMs: number;
  /** Of a connection that nobody uses. */
  readonly idleMs: number;
  /** How long a client of the proxy may take to say what it wants. */
  readonly proxyHeadMs: number;
  /** Of a tunnel in which nothing moves. */
  readonly tunnelIdleMs: number;
}

export const DEFAULT_EGRESS_LIMITS: EgressLimits = {
  requestsPerInvocation: 50,
  requestsPerTenant: 200,
  subrequestsPerInvocation: 1_000,
  socketsPerTenant: 400,
  socketsPerOrigin: 50,
  originsPerTenant: 64,
  requestBytes: 100 * MB,
  responseBytes: 100 * MB,
  headerBytes: 64 * 1024,
  messageBytes: MB,
  connectMs: 10_000,
  totalMs: 300_000,
  idleMs: 8_000,
  proxyHeadMs: 60_000,
  tunnelIdleMs: 300_000,
};
