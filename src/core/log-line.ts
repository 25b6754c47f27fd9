/** Log line: what a function wrote to its console, as it is kept and read. */

import type { LogLevel } from './invocation.ts';

export interface LogLine {
  /** Grows with every line of this host, so that it also serves as a reader's cursor. */
  readonly id: number;
  readonly tenant: string;
  /** The function's name. */
  readonly name: string;
  readonly version: number;
  /** Null for lines written while the code loads. */
  readonly invocation: string | null;
  readonly level: LogLevel;
  readonly message: string;
  readonly timeMs: number;
}

/** Lines of one function in the order of their ids. */
export interface LogQuery {
  readonly tenant: string;
  readonly name: string;
  /** The lines that follow this id; null: the newest. */
  readonly afterId: number | null;
  readonly limit: number;
}
