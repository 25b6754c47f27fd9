/** What the supervisor is told: the tiers that work here, the operator's bounds, and who hears of what happens. */

import type { LogSink } from '../core/invocation.ts';
import type { QuarantineEvent } from '../core/quarantine.ts';
import type { Tier, TierName } from '../core/tier.ts';
import type { Meter } from '../core/usage.ts';
import type { WallLacks } from '../core/wall-level.ts';

/** Bounds that have a default. */
export interface SupervisorBounds {
  /** Calls that the host has in hand at a time, of all tenants. */
  readonly hostConcurrency: number;
  /** How long a call waits for a place on the host before it is refused. */
  readonly queueMs: number;
  /** CPU time that a sandbox may use without finishing a call. */
  readonly cpuMs: number;
  /** A sandbox, and then an executor, that nobody called for so long is ended. */
  readonly idleMs: number;
  /** Sandboxes that an executor may close before it is replaced. */
  readonly recycleAfter: number;
  /** Calls that an executor may serve before it is replaced, where functions have a whole process to leave things in. */
  readonly recycleAfterCalls: number;
  /** Executors that one version may have where each hosts one sandbox, and the version says nothing. */
  readonly maxReplicas: number;
}

export const DEFAULT_BOUNDS: SupervisorBounds = {
  hostConcurrency: 2_048,
  queueMs: 1_000,
  cpuMs: 30_000,
  idleMs: 10 * 60_000,
  recycleAfter: 5_000,
  recycleAfterCalls: 10_000,
  maxReplicas: 16,
};

export interface SupervisorSettings extends Partial<SupervisorBounds> {
  readonly tiers: readonly Tier[];
  /** Why a tier that is not among them is missing, and what would help: sentences for an operator. */
  whyNot(tier: TierName): string;
  /** By default no version runs that asks for a wall in particular. */
  readonly wallLacks?: WallLacks;
  readonly logs: LogSink;
  /** Executors kept booted and unbound, for each tier. */
  readonly poolSize: number;
  /** The same for each runtime of a tier besides its first, once a version of it was deployed or called; by default 1. */
  readonly runtimePoolSize?: number;
  /** Tiers whose executors wait from the start on; those of others do once one was needed. By default all of them. */
  readonly readyTiers?: readonly TierName[];
  /** What the sandboxes of one executor may use together, beyond its own base. */
  readonly executorMemoryMb: number;
  /** What all executors may use together. */
  readonly hostMemoryMb: number;
  /** Calls of one tenant, running and waiting. */
  tenantConcurrency(tenant: string): number;
  /** What happened to an executor, for the operator. */
  report(line: string): void;
  /** What runs took. */
  readonly meter?: Meter;
  /** Hears when a version is moved to an executor of its own or refused. */
  quarantined?(event: QuarantineEvent): void;
}

export type SupervisorOptions = SupervisorSettings & SupervisorBounds;
