/** CordonSeams: what a cordon is made of, and whom it asks and tells: the supervisor, and the set that it belongs to, if any. */

import type { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, ResponseSink } from '../core/invocation.ts';
import type { QuarantineCause } from '../core/quarantine.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TierName, TierTraits } from '../core/tier.ts';
import type { Meter } from '../core/usage.ts';
import type { Admission } from './admission.ts';
import type { CallQueue } from './call-queue.ts';
import type { Cordon } from './cordon.ts';
import type { ExecutorPool } from './executor-pool.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Quarantine } from './quarantine.ts';
import type { SupervisorOptions } from './supervisor-options.ts';
import type { TenantLoad } from './tenant-loads.ts';

export interface CordonOwner {
  readonly options: SupervisorOptions;
  readonly quarantine: Quarantine;
  readonly admission: Admission;
  readonly budget: MemoryBudget;
  readonly meter: Meter;
  readonly cores: number;
  poolOf(tier: TierName, runtime: Runtime): ExecutorPool;
  /** Starts one that is found by this key from now on. Throws OVERLOADED where the host has no memory for it. */
  openCordon(identity: CordonIdentity, set?: CordonSet): Cordon;
  /** It takes no calls any more. While it is `draining`, it is still to be watched. */
  dropCordon(cordon: Cordon, isDraining: boolean): void;
  /** Finds another place for a call that nothing has begun, or fails it. It counts in its tenant's load already. */
  rerun(version: FunctionVersion, call: Call, sink: ResponseSink, load: TenantLoad): void;
  /** Fails a call that is admitted and has not begun. */
  refuse(version: FunctionVersion, sink: ResponseSink, fault: Fault): void;
}

/** The cordons of one version whose executors host one sandbox each: what waits, waits for all of them. */
export interface CordonSet {
  readonly queue: CallQueue;
  /** How many of them take calls. */
  readonly size: number;
  /** It takes no more calls; `fault` is why its executor never came. */
  cordonClosed(cordon: Cordon, fault: Fault | null): void;
  /** One of its version's calls was held against it. */
  struck(): void;
}

export interface CordonIdentity {
  readonly key: string;
  readonly tenant: string;
  readonly tier: TierName;
  readonly runtime: Runtime;
  readonly traits: TierTraits;
  /** It is for one version: whatever happens in it is that version's doing. */
  readonly isAlone: boolean;
  /** It is for one function; of its versions, more than one may run. */
  readonly isOfOne: boolean;
}

/** Whose doing the end of an executor is, as far as can be told. */
export interface Blame {
  readonly versions: readonly FunctionVersion[];
  readonly cause: QuarantineCause;
}
