/** Schema: the tables as kysely sees them. The migrations make them. Times are Unix ms, flags 0 or 1, lists and objects JSON. */

import type { Generated } from 'kysely';

export interface FunctionsTable {
  tenant: string;
  name: string;
  /** UUID. Null: deleted; the row stays behind for its numbers. */
  id: string | null;
  /** The last number given. */
  last_number: number;
  /** Null: none of its versions is live. */
  live_number: number | null;
  /** The one that was live before. */
  previous_number: number | null;
  active: number;
  trigger_kind: string;
  trigger_pattern: string | null;
  public_domain: string | null;
  public_domain_approved: number;
  canary_number: number | null;
  /** 0 to 1. */
  canary_weight: number | null;
  canary_started_ms: number | null;
  revision: number;
  created_ms: number;
  updated_ms: number;
}

export interface VersionsTable {
  tenant: string;
  name: string;
  number: number;
  hash: string;
  tier: string;
  cordon: string;
  handler: string;
  handler_name: string;
  limits: string;
  env: string;
  /** Null: all. */
  env_grant: string | null;
  request_body: string;
  pass_authorization: number;
  verify_jwt: number;
  cors: string | null;
  egress: string;
  /** JSON list. */
  capabilities: string;
  code_generation: number;
  /** Null: none in particular. */
  minimum_wall: string | null;
  runtime: string;
  artifact_format: string;
  artifact_interleaves: number;
  code_bytes: number;
  created_by: string;
  /** An admin deployed it. */
  reviewed: number;
  deployed_ms: number;
}

/**
 * Code lies in the database, not beside it: it becomes durable in the same commit as the version that needs it, and a
 * backup can't hold the one without the other. It has a table of its own, so that a list of functions doesn't read it.
 */
export interface ArtifactsTable {
  tenant: string;
  name: string;
  number: number;
  code: Uint8Array;
  cache: Uint8Array | null;
  map: Uint8Array | null;
}

export interface SourcesTable {
  tenant: string;
  name: string;
  number: number;
  path: string;
  content: Uint8Array;
}

export interface AliasesTable {
  tenant: string;
  name: string;
  alias: string;
  number: number;
}

export interface TenantsTable {
  name: string;
  quota_functions: number | null;
  quota_concurrency: number | null;
  suspended_ms: number | null;
  created_ms: number;
}

/** All that stays of a tenant: were its numbers given again, what is left of a sandbox could pass for another's. */
export interface ErasedTenantsTable {
  name: string;
  /** The largest that any of its functions had. */
  last_number: number;
}

export interface DeploymentsTable {
  id: string;
  tenant: string;
  function_name: string;
  version: number | null;
  status: string;
  phase: string;
  error: string | null;
  log: string;
  /** The process that runs it. */
  node: number;
  created_ms: number;
  finished_ms: number | null;
}

export interface ServicesTable {
  id: string;
  tenant: string;
  name: string;
  function_name: string;
  runtime: string;
  handler: string;
  public_domain: string | null;
  memory_mb: number;
  cpu_shares: number | null;
  min_replicas: number;
  max_replicas: number;
  created_ms: number;
  updated_ms: number;
}

export interface TokensTable {
  id: string;
  name: string;
  /** Null: every tenant. */
  tenant: string | null;
  role: string;
  /** SHA-256, in hex. */
  hash: string;
  created_ms: number;
  expires_ms: number | null;
  revoked_ms: number | null;
  last_used_ms: number | null;
}

export interface VariablesTable {
  tenant: string;
  /** Empty: of all the tenant's functions. It is part of the key, where SQL has no null. */
  function_name: string;
  name: string;
  is_secret: number;
  hosts: string;
  key_id: string | null;
  value: Uint8Array;
  updated_ms: number;
}

export interface DataKeysTable {
  id: string;
  master_key_id: string;
  sealed: Uint8Array;
  created_ms: number;
  retired_ms: number | null;
}

export interface AuditTable {
  id: Generated<number>;
  time_ms: number;
  actor: string;
  action: string;
  tenant: string | null;
  target: string;
  outcome: string;
  details: string;
}

export interface IdempotencyTable {
  tenant: string;
  key: string;
  fingerprint: string;
  /** Null: it runs. */
  status: number | null;
  headers: string | null;
  body: string | null;
  /** The process that claimed it. */
  node: number;
  claimed_ms: number;
}

export interface ResultsTable {
  id: string;
  tenant: string;
  function_name: string;
  version: number;
  status: string;
  /** Null: there is no response. */
  response_status: number | null;
  response_headers: string | null;
  response_body: Uint8Array | null;
  fault_code: string | null;
  fault_message: string | null;
  /** The process that runs it. */
  node: number;
  created_ms: number;
  finished_ms: number | null;
}

/** Counts are sums. */
export interface UsageHoursTable {
  tenant: string;
  name: string;
  hour_ms: number;
  invocations: number;
  cold_starts: number;
  wall_ms: number;
  cpu_ms: number;
  mb_seconds: number;
  sent_bytes: number;
  received_bytes: number;
  faults: number;
}

export interface UsageFaultsTable {
  tenant: string;
  name: string;
  hour_ms: number;
  code: string;
  times: number;
}

export interface CronTable {
  tenant: string;
  name: string;
  /** For which the times below count. */
  pattern: string;
  paused: number;
  overlap: string;
  catch_up: string;
  last_tick_ms: number;
  /** Null: none of its runs has ended yet. */
  finished_ms: number | null;
}

/** A job from its addition until a day after its end: so long its id is remembered. */
export interface QueueJobsTable {
  /** The order in which they were added. */
  seq: Generated<number>;
  id: string;
  tenant: string;
  function_name: string;
  /** `tenant/function`. */
  lane: string;
  kind: string;
  /** Empty when it is done. */
  payload: string;
  key: string | null;
  /** `ready` (it waits for its time, or is leased), `behind` (another of its key comes first), `dead`, `done`. */
  state: string;
  run_at_ms: number;
  /** When a worker may have it: its time, or the end of its lease. */
  due_ms: number;
  lease: string | null;
  attempts: number;
  max_attempts: number;
  added_ms: number;
  /** Since when it is dead or done. */
  ended_ms: number | null;
  last_error: string | null;
}

/** Events that PostgreSQL's `cordon_publish` has written, until a node makes jobs of them. */
export interface EventOutboxTable {
  seq: Generated<number>;
  id: string;
  tenant: string;
  channel: string;
  /** JSON. */
  data: string;
  added_ms: number;
}

export interface KvTable {
  tenant: string;
  key: string;
  /** JSON. */
  value: string;
  /** Bytes of key and value. */
  size: number;
  revision: number;
  expires_ms: number | null;
}

export interface CollectionsTable {
  tenant: string;
  slug: string;
  permissions: string;
  created_ms: number;
  updated_ms: number;
}

export interface ItemsTable {
  tenant: string;
  collection: string;
  id: string;
  owner: string | null;
  /** JSON. */
  data: string;
  /** Bytes of it. */
  size: number;
  created_ms: number;
  updated_ms: number;
}

/** What a tenant keeps of one kind of data: sums, so that no write has to count. */
export interface DataUsageTable {
  tenant: string;
  kind: string;
  entries: number;
  bytes: number;
  last_revision: number;
}

export interface MainSchema {
  functions: FunctionsTable;
  versions: VersionsTable;
  artifacts: ArtifactsTable;
  sources: SourcesTable;
  aliases: AliasesTable;
  tenants: TenantsTable;
  erased_tenants: ErasedTenantsTable;
  deployments: DeploymentsTable;
  services: ServicesTable;
  tokens: TokensTable;
  variables: VariablesTable;
  data_keys: DataKeysTable;
  audit: AuditTable;
  idempotency: IdempotencyTable;
  results: ResultsTable;
  kv: KvTable;
  collections: CollectionsTable;
  items: ItemsTable;
  data_usage: DataUsageTable;
  queue_jobs: QueueJobsTable;
  event_outbox: EventOutboxTable;
  cron: CronTable;
  usage_hours: UsageHoursTable;
  usage_faults: UsageFaultsTable;
}

export interface LogsTable {
  id: number;
  tenant: string;
  name: string;
  version: number;
  invocation: string | null;
  level: string;
  message: string;
  time_ms: number;
}

export interface LogSchema {
  logs: LogsTable;
}
