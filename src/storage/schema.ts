/** Schema: the tables as kysely sees them. The migrations make them. */

export interface FunctionsTable {
  tenant: string;
  name: string;
  /** The last number given; stays behind when the function is deleted. */
  last_number: number;
  /** Null: deleted. */
  live_number: number | null;
  created_ms: number;
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
  /** JSON. */
  limits: string;
  /** JSON. */
  env: string;
  request_body: string;
  /** 0 or 1. */
  pass_authorization: number;
  artifact_format: string;
  /** 0 or 1. */
  artifact_interleaves: number;
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
}

export interface SourcesTable {
  tenant: string;
  name: string;
  number: number;
  path: string;
  content: Uint8Array;
}

export interface MainSchema {
  functions: FunctionsTable;
  versions: VersionsTable;
  artifacts: ArtifactsTable;
  sources: SourcesTable;
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
