/** Where things are kept, and for how long. */

import { resolve } from 'node:path';
import { read, whole } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface StorageConfig {
  /** Absolute. */
  readonly dataDir: string;
  /** Null: SQLite in the data directory. */
  readonly databaseUrl: string | null;
  readonly logRetentionDays: number;
}

export interface StorageOptions {
  readonly dataDir?: string;
  readonly databaseUrl?: string;
  readonly logRetentionDays?: number;
}

/** Throws a {@link StartError}. */
export function readStorage(options: StorageOptions, env: Environment): StorageConfig {
  return {
    dataDir: readDataDir(options.dataDir, env),
    databaseUrl: read(TABLE.databaseUrl, options.databaseUrl, env),
    logRetentionDays: read(TABLE.logRetentionDays, options.logRetentionDays, env),
  };
}

export function readDataDir(option: string | undefined, env: Environment): string {
  return read(TABLE.dataDir, option, env);
}

const TABLE = {
  dataDir: {
    name: 'CORDON_DATA_DIR',
    fallback: '.cordon',
    meaning: 'Where functions, logs and the admin token are kept',
    expected: 'a folder',
    parse: (text) => resolve(text),
  },
  databaseUrl: {
    name: 'CORDON_DATABASE_URL',
    fallback: null,
    fallbackMeaning: 'SQLite in the data directory',
    meaning: 'A PostgreSQL database',
    expected: 'a URL that begins with postgres:// or postgresql://',
    secret: true,
    parse: (text) => (/^postgres(ql)?:$/.test(URL.parse(text)?.protocol ?? '') ? text : undefined),
  },
  logRetentionDays: whole('CORDON_LOG_RETENTION_DAYS', '7', 1, 3650, 'How many days the lines of functions are kept'),
} as const satisfies SettingTable;

export const STORAGE_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);
