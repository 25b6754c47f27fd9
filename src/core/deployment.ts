/** Deployment: what somebody hands in to make a version, and the record of how it went. */

import type { CordonKind, CorsRule, HandlerKind } from './function.ts';
import type { EgressRule } from './egress.ts';
import type { Trigger } from './function-record.ts';
import type { CapabilityName } from './grants.ts';
import type { ChosenLimits, Limits } from './limits.ts';
import type { RuntimeWord } from './runtime.ts';
import type { TierName, TierWord } from './tier.ts';
import type { WallLevel } from './wall-level.ts';

/** A path relative to the function's own root, with forward slashes, and the file's bytes. */
export type SourceFiles = ReadonlyMap<string, Uint8Array>;

/** How many sandboxes of a function there are, and how much of a contended CPU each gets. */
export type ChosenReplicas = Pick<Limits, 'minReplicas' | 'maxReplicas' | 'cpuShares'>;

/** What is left out gets the operator's default. */
export interface Deployment {
  /** UUID of its {@link DeploymentRecord}, where somebody was told it already; default: a new one. */
  readonly id?: string;
  readonly tenant: string;
  readonly name: string;
  readonly files: SourceFiles;
  /** One of `files`. */
  readonly entry: string;
  readonly handlerKind?: HandlerKind;
  /** The export that `handler(event, context)` is looked up by. */
  readonly handlerName?: string;
  readonly timeoutMs?: number;
  readonly memoryMb?: number;
  readonly limits?: Partial<ChosenLimits> & ChosenReplicas;
  /** Default: what the entry's name says. */
  readonly runtime?: RuntimeWord;
  readonly tier?: TierWord;
  /** Where the code needs modules of Node that its tier does not have: the first of these that works here is its tier. */
  readonly fallbackTiers?: readonly TierName[];
  readonly cordon?: CordonKind;
  readonly env?: Readonly<Record<string, string>>;
  /** Names of the platform's and the tenant's variables that it gets; null: all of them. */
  readonly grant?: readonly string[] | null;
  readonly requestBody?: 'buffer' | 'stream';
  readonly passAuthorization?: boolean;
  readonly verifyJwt?: boolean;
  readonly cors?: CorsRule | null;
  readonly egress?: Partial<EgressRule>;
  readonly capabilities?: readonly CapabilityName[];
  readonly codeGeneration?: boolean;
  readonly minimumWall?: WallLevel | null;
  /** Default where the function is new: true for what an admin makes, false for what anybody else does. */
  readonly active?: boolean;
  readonly trigger?: Trigger;
  /** Null takes it away. */
  readonly publicDomain?: string | null;
  /** False: kept, and reached by its number or alias only, until it is promoted. Default true. */
  readonly live?: boolean;
  /** Points this alias at the new version. */
  readonly alias?: string;
}

export type DeploymentPhase = 'build' | 'deploy' | 'health-check';
export type DeploymentStatus = 'running' | 'succeeded' | 'failed';

/** How one deployment went, as `GET …/deployments/` shows it. */
export interface DeploymentRecord {
  /** UUID. */
  readonly id: string;
  readonly tenant: string;
  readonly functionName: string;
  /** Null until it has one. */
  readonly version: number | null;
  readonly status: DeploymentStatus;
  /** Where it is, or where it ended. */
  readonly phase: DeploymentPhase;
  readonly error: string | null;
  readonly log: string;
  readonly createdMs: number;
  readonly finishedMs: number | null;
}

export interface DeploymentStore {
  put(record: DeploymentRecord): Promise<void>;
  /** Newest first; only so many of each function stay. */
  list(tenant: string, functionName: string, limit: number): Promise<DeploymentRecord[]>;
  /** Those that a process left running when it died become `failed`. */
  failRunning(error: string): Promise<number>;
}
