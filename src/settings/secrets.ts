/** The key that seals secrets, and the variables that every function is given. */

import { resolve } from 'node:path';
import { keyBytes } from '../lib/key-bytes.ts';
import { each } from './parsers.ts';
import { read } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface SecretsConfig {
  /** The key that seals secrets, 32 bytes; null: the file. */
  readonly masterKey: Buffer | null;
  /** Null: made at first start, beside the data directory. */
  readonly masterKeyFile: string | null;
  /** The master key before this one, while what it sealed is sealed anew. */
  readonly previousMasterKeyFile: string | null;
  /** Variables of Cordon's own environment that functions are given. */
  readonly functionEnv: Readonly<Record<string, string>>;
}

export interface SecretsOptions {
  readonly masterKeyFile?: string;
  readonly previousMasterKeyFile?: string;
  /** Names of variables of the environment. */
  readonly functionEnv?: readonly string[];
}

/** Throws a {@link StartError}. */
export function readSecrets(options: SecretsOptions, env: Environment): SecretsConfig {
  return {
    masterKey: read(TABLE.masterKey, undefined, env),
    masterKeyFile: read(TABLE.masterKeyFile, options.masterKeyFile, env),
    previousMasterKeyFile: read(TABLE.previousMasterKeyFile, options.previousMasterKeyFile, env),
    functionEnv: granted(read(TABLE.functionEnv, options.functionEnv?.join(','), env), env),
  };
}

const TABLE = {
  masterKey: {
    name: 'CORDON_MASTER_KEY',
    fallback: null,
    fallbackMeaning: 'the file',
    meaning: 'The key that seals secrets',
    expected: '32 bytes in base64 or hex',
    secret: true,
    parse: keyBytes,
  },
  masterKeyFile: {
    name: 'CORDON_MASTER_KEY_FILE',
    fallback: null,
    fallbackMeaning: 'made at first start: the data directory’s path with `.master-key` at its end',
    meaning: 'The file that holds the key, in place of CORDON_MASTER_KEY',
    expected: 'a path',
    parse: (text) => resolve(text),
  },
  previousMasterKeyFile: {
    name: 'CORDON_PREVIOUS_MASTER_KEY_FILE',
    fallback: null,
    fallbackMeaning: 'none',
    meaning: 'The file of the master key before this one, for the first start with a new one',
    expected: 'a path',
    parse: (text) => resolve(text),
  },
  functionEnv: {
    name: 'CORDON_FUNCTION_ENV',
    fallback: '',
    fallbackMeaning: 'none',
    meaning: 'Names of variables of Cordon’s own environment, separated by commas, that functions are given',
    expected: 'names separated by commas, none of them CORDON_… or __proto__',
    parse: (text) => each(text, grantable),
  },
} as const satisfies SettingTable;

export const SECRETS_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);

/** Cordon's own settings hold its keys. */
function grantable(name: string): string | undefined {
  return /^(?!CORDON_|__proto__$)[A-Za-z_][A-Za-z0-9_]{0,127}$/i.test(name) ? name : undefined;
}

/** The values of the names that the operator lets functions have. */
function granted(names: readonly string[], env: Environment): Readonly<Record<string, string>> {
  const entries = names.flatMap((name) => {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.freeze(Object.fromEntries(entries));
}
