/**
 * The assembler: from a stored version and the environment that it is granted now to a version that can run.
 *
 * A version's key names it for pools of sandboxes. The number alone would not do: the same code with another secret must
 * not meet a sandbox that still knows the old one.
 */

import { hash } from 'node:crypto';
import type { StoredVersion } from '../core/function-record.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Environment, Environments } from '../core/variable.ts';

export interface Assembled {
  readonly stored: StoredVersion;
  readonly version: FunctionVersion;
  /** Of the environment. */
  readonly digest: string;
}

/** Of one function; a number that has not been heard of for so many others gets a key that is new for certain. */
const MAX_NUMBERS = 64;

export class Assembler {
  readonly #environments: Environments;
  /** By function and number: the environment of the first assembly, whose key is the plain one. */
  readonly #first = new Map<string, Map<number, string>>();
  #revision = 0;

  constructor(environments: Environments) {
    this.#environments = environments;
  }

  /** `before`: what was assembled of it last; it comes back as it is unless its environment has changed. */
  async assemble(stored: StoredVersion, before: Assembled | undefined): Promise<Assembled> {
    const { tenant, name, env, grant } = stored;
    const environment = await this.#environments.resolve(tenant, name, env, grant);
    const digest = digestOf(environment);
    if (before?.digest === digest) return before;
    return { stored, version: versionOf(stored, environment, this.#keyOf(stored, digest)), digest };
  }

  /** The function is gone; its numbers never come back. */
  forget(tenant: string, name: string): void {
    this.#first.delete(`${tenant}/${name}`);
  }

  #keyOf({ tenant, name, number }: StoredVersion, digest: string): string {
    const functionKey = `${tenant}/${name}`;
    const numbers = this.#first.get(functionKey) ?? new Map<number, string>();
    this.#first.set(functionKey, numbers);
    const first = numbers.get(number) ?? this.#remember(numbers, number, digest);
    const key = `${functionKey}@${number}`;
    return first === digest ? key : `${key}+${++this.#revision}`;
  }

  /** Null: too old to be sure that its plain key is not in use. */
  #remember(numbers: Map<number, string>, number: number, digest: string): string | null {
    const oldest = numbers.size < MAX_NUMBERS ? -1 : Math.min(...numbers.keys());
    if (number < oldest) return null;
    if (oldest >= 0) numbers.delete(oldest);
    numbers.set(number, digest);
    return digest;
  }
}

/** Sandboxes of all tenants live together in the shared cordon: what has a secret stays with its own tenant's. */
function versionOf(stored: StoredVersion, environment: Environment, key: string): FunctionVersion {
  const {
    env: _ownEnv,
    grant: _grant,
    codeBytes: _bytes,
    createdBy: _by,
    reviewed: _reviewed,
    createdMs: _ms,
    ...rest
  } = stored;
  const cordon = stored.cordon === 'shared' && environment.secrets.length > 0 ? 'tenant' : stored.cordon;
  return { ...rest, ...environment, cordon, key, ephemeral: false };
}

function digestOf({ env, secrets, boundSecrets }: Environment): string {
  const sorted = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify([sorted, secrets, boundSecrets]), 'base64url');
}
