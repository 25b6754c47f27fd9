/**
 * Variable: one value of a function's environment, set for a tenant or for one of its functions. Precedence: platform <
 * tenant < function < version; values are passed verbatim (CONTRACTS.md).
 */

import type { BoundSecret } from './egress.ts';

export interface VariableRecord {
  readonly tenant: string;
  /** Null: of all the tenant's functions. */
  readonly functionName: string | null;
  readonly name: string;
  /** Secrets are encrypted at rest, and never shown again. */
  readonly isSecret: boolean;
  /** Not empty: the function sees a placeholder, and egress puts the value in on the way to these hosts only. */
  readonly hosts: readonly string[];
  readonly updatedMs: number;
}

/** As it is stored: a secret's value is sealed, any other is its text in UTF-8. */
export interface StoredVariable extends VariableRecord {
  /** Null: not encrypted. */
  readonly keyId: string | null;
  readonly value: Uint8Array;
}

/** A data key, sealed by the master key. */
export interface StoredKey {
  readonly id: string;
  readonly masterKeyId: string;
  readonly sealed: Uint8Array;
  readonly createdMs: number;
  /** Not used to seal any more. */
  readonly retiredMs: number | null;
}

export interface VariableStore {
  put(variables: readonly StoredVariable[]): Promise<void>;
  /** The names that were there. */
  remove(tenant: string, functionName: string | null, names: readonly string[]): Promise<string[]>;
  /** The tenant's own, and (where a function is named) the function's. */
  list(tenant: string, functionName?: string): Promise<StoredVariable[]>;
  /** The tenant's functions that have variables of their own. */
  owners(tenant: string): Promise<string[]>;
  /** Every one that is sealed by this key. */
  sealedBy(keyId: string, limit: number): Promise<StoredVariable[]>;
  /** Replaces the values if they still are what was read; how many were. */
  reseal(pairs: readonly { readonly before: StoredVariable; readonly after: StoredVariable }[]): Promise<number>;
  keys(): Promise<StoredKey[]>;
  putKey(key: StoredKey): Promise<void>;
  removeKey(id: string): Promise<void>;
}

/** What a version is given to run with. */
export interface Environment {
  readonly env: Readonly<Record<string, string>>;
  /** The values that must not appear in a log. */
  readonly secrets: readonly string[];
  readonly boundSecrets: readonly BoundSecret[];
}

export interface Environments {
  /** `grant`: the names that the version takes of the platform's and the tenant's variables; null: all. */
  resolve(
    tenant: string,
    functionName: string,
    versionEnv: Readonly<Record<string, string>>,
    grant: readonly string[] | null,
  ): Promise<Environment>;
}
