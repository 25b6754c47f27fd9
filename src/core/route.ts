/** Route: one function as requests find it, in memory: which versions may answer, and with which weights. */

import type { Trigger } from './function-record.ts';
import type { FunctionVersion } from './function.ts';

export interface Route {
  readonly tenant: string;
  readonly name: string;
  /** Null: no version is live. */
  readonly live: FunctionVersion | null;
  /** Takes this share (0 to 1) of the requests that name no version. */
  readonly canary: { readonly version: FunctionVersion; readonly weight: number } | null;
  /** What `name@alias` finds. */
  readonly aliases: ReadonlyMap<string, FunctionVersion>;
  /** Not reviewed yet, or switched off: it is never run. */
  readonly active: boolean;
  /** Reaches this function and no other; null: none, or not approved. */
  readonly publicDomain: string | null;
  /** What runs it besides requests; absent: nothing. */
  readonly trigger?: Trigger;
}
