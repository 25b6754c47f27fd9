/** Deployment: what somebody hands in to make a version, and the record of the function that comes of it. */

import type { CordonKind, FunctionVersion, HandlerKind } from './function.ts';
import type { TierName } from './tier.ts';

/** A path relative to the function's own root, with forward slashes, and the file's bytes. */
export type SourceFiles = ReadonlyMap<string, Uint8Array>;

/** What is left out gets the operator's default. */
export interface Deployment {
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
  readonly tier?: TierName;
  readonly cordon?: CordonKind;
  readonly env?: Readonly<Record<string, string>>;
  readonly requestBody?: 'buffer' | 'stream';
  readonly passAuthorization?: boolean;
}

/** A version that has no number yet; storage gives it one. */
export type NewVersion = Omit<FunctionVersion, 'key' | 'number' | 'ephemeral'>;

/** What operators see of a function: its live version, without code, and without the values of its environment. */
export interface FunctionRecord extends Omit<FunctionVersion, 'key' | 'number' | 'ephemeral' | 'artifact' | 'env'> {
  /** The number of the live version. */
  readonly version: number;
  readonly envNames: readonly string[];
  /** When the name was first deployed. */
  readonly createdMs: number;
  /** When the live version was deployed. */
  readonly deployedMs: number;
}
