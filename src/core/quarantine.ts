/** Quarantine: a version that misbehaves runs in an executor of its own, and is refused for a while if it goes on. */

import type { FunctionVersion } from './function.ts';

/** What a version did, or was running when it happened. */
export type QuarantineCause =
  /** Its sandbox used more memory than it may. */
  | 'out-of-memory'
  /** Its executor used more memory than it may. */
  | 'executor-memory'
  /** It did not end when its time was over, and neither did its executor end it. */
  | 'overrun'
  /** It computed until its time was over. */
  | 'spin'
  /** It used more CPU time than it may. */
  | 'cpu'
  /** Its executor died, or can't be trusted any more. */
  | 'crash'
  /** Its executor gave no sign of life. */
  | 'silence';

/** `alone`: it runs in an executor of its own. `refused`: it is not run at all. */
export type QuarantineState = 'alone' | 'refused';

export interface QuarantinedVersion {
  readonly tenant: string;
  readonly name: string;
  readonly version: number;
  readonly state: QuarantineState;
  /** The last one. */
  readonly cause: QuarantineCause;
  /** How often it was refused without a break. */
  readonly refusals: number;
  readonly sinceMs: number;
  /** Null while it is not refused. */
  readonly refusedUntilMs: number | null;
  /** It is free then, if it behaves. */
  readonly freeMs: number;
}

/** A version was moved to an executor of its own, or is refused from now on. */
export interface QuarantineEvent {
  readonly version: FunctionVersion;
  readonly state: QuarantineState;
  readonly cause: QuarantineCause;
  /** 0 where it is not refused. */
  readonly refusedMs: number;
}
