/**
 * Storage: what survives a restart.
 *
 * The seam between Cordon and a database: one store for each noun of `core/`. Nothing on the path of a request calls it:
 * routes, tokens and variables are held in memory, and {@link Storage.changes} tells when another node has changed them. A
 * write whose promise has resolved survives the loss of power, but for lines of log, which survive the death of the process.
 */

import type { AuditStore } from '../core/audit.ts';
import type { CronStore } from '../core/cron.ts';
import type { DeploymentStore } from '../core/deployment.ts';
import type { FunctionStore } from '../core/function-record.ts';
import type { IdempotencyStore } from '../core/idempotency.ts';
import type { InvocationResultStore } from '../core/invocation-result.ts';
import type { ItemStore } from '../core/items.ts';
import type { KvStore } from '../core/kv.ts';
import type { LogLine, LogQuery } from '../core/log-line.ts';
import type { Outbox } from '../core/outbox.ts';
import type { Queue } from '../core/queue.ts';
import type { ServiceStore } from '../core/service.ts';
import type { TenantStore } from '../core/tenant.ts';
import type { TokenStore } from '../core/token.ts';
import type { UsageStore } from '../core/usage.ts';
import type { VariableStore } from '../core/variable.ts';

export interface LogRetention {
  /** Older lines go. */
  readonly beforeMs: number;
  /** Of each function, only so many of the newest stay: age alone would let one function fill the disk. */
  readonly maxLines: number;
}

export interface LogStore {
  append(lines: readonly LogLine[]): Promise<void>;
  read(query: LogQuery): Promise<LogLine[]>;
  /** The largest id that was ever kept and is still there, else 0. */
  lastId(): Promise<number>;
  /** Removes the lines of one function. */
  remove(tenant: string, name: string): Promise<void>;
  /** How many lines went. */
  prune(retention: LogRetention): Promise<number>;
}

/** What another node has changed; `all`: the listener was away, or a tenant was erased, and anything may have. */
export type Change =
  | { readonly kind: 'function'; readonly tenant: string; readonly name: string }
  | { readonly kind: 'variables'; readonly tenant: string; readonly name: string | null }
  | { readonly kind: 'tenants' | 'tokens' | 'all' };

export interface ChangeFeed {
  /** Told of other nodes' changes only; a node knows its own. The listener must not throw. */
  subscribe(listener: (change: Change) => void): void;
  /** For how many ms the feed has been silent that should speak; 0 while it is healthy. Over 5 s: not ready. */
  staleMs(): number;
}

export interface Storage {
  readonly engine: 'sqlite' | 'postgres';
  readonly functions: FunctionStore;
  readonly deployments: DeploymentStore;
  readonly services: ServiceStore;
  readonly tenants: TenantStore;
  readonly tokens: TokenStore;
  readonly variables: VariableStore;
  readonly audit: AuditStore;
  readonly idempotency: IdempotencyStore;
  readonly results: InvocationResultStore;
  readonly queue: Queue;
  /** Filled by PostgreSQL's `cordon_publish`; on SQLite only what came from there with an import is in it. */
  readonly outbox: Outbox;
  readonly kv: KvStore;
  readonly items: ItemStore;
  readonly cron: CronStore;
  readonly usage: UsageStore;
  readonly logs: LogStore;
  readonly changes: ChangeFeed;
  /** A consistent copy in this folder, which must not exist yet, while everything goes on. SQLite only. */
  backup(directory: string): Promise<void>;
  close(): Promise<void>;
}
