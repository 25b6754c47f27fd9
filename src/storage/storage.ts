/**
 * Storage: what survives a restart.
 *
 * The seam between Cordon and a database. Nothing on the path of a request calls it: live versions are loaded once, at
 * start, and lines of log arrive in batches. A write whose promise has resolved survives the loss of power, but for
 * lines of log, which survive the death of the process.
 */

import type { FunctionRecord, NewVersion, SourceFiles } from '../core/deployment.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { LogLine, LogQuery } from '../core/log-line.ts';

export interface LogRetention {
  /** Older lines go. */
  readonly beforeMs: number;
  /** Of each function, only so many of the newest stay: age alone would let one function fill the disk. */
  readonly maxLines: number;
}

export interface Storage {
  /**
   * Keeps a version and makes it live, both or neither. Its number is one more than the last that its function ever
   * had, also when the function was deleted in between: a number that came back would bring a stale sandbox with it.
   */
  deployVersion(version: NewVersion, files: SourceFiles): Promise<FunctionVersion>;
  /** The live version of every function. */
  liveVersions(): Promise<FunctionVersion[]>;
  /** In the order of their names. */
  functionsOf(tenant: string): Promise<FunctionRecord[]>;
  functionOf(tenant: string, name: string): Promise<FunctionRecord | null>;
  /** The files that a version was made of; empty where there is no such version. */
  sourcesOf(tenant: string, name: string, number: number): Promise<SourceFiles>;
  /** Removes a function, its versions and its lines of log; false where there is none. */
  deleteFunction(tenant: string, name: string): Promise<boolean>;
  appendLogs(lines: readonly LogLine[]): Promise<void>;
  readLogs(query: LogQuery): Promise<LogLine[]>;
  /** The largest id that was ever kept and is still there, else 0. */
  lastLogId(): Promise<number>;
  /** How many lines went. */
  pruneLogs(retention: LogRetention): Promise<number>;
  close(): Promise<void>;
}
