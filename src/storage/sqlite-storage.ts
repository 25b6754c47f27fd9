/**
 * SQLite storage: the embedded engine, for one process on one data directory.
 *
 * Two files: what is acknowledged is synced at every commit; lines of log are many and worth less, so they have a
 * file of their own that isn't, and their writing never waits for a deployment's.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { LOG_MIGRATIONS, MAIN_MIGRATIONS, migrate } from './migrations.ts';
import type { Migrations } from './migrations.ts';
import type { LogSchema, MainSchema } from './schema.ts';
import { createSqlStorage } from './sql-storage.ts';
import { openSqlite } from './sqlite-database.ts';
import type { Durability } from './sqlite-database.ts';
import { StartError } from '../core/start-error.ts';
import type { Storage } from './storage.ts';

/** Throws a {@link StartError}. */
export async function openSqliteStorage(dataDir: string): Promise<Storage> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const main = await openMigrated<MainSchema>(join(dataDir, 'cordon.db'), 'full', MAIN_MIGRATIONS);
  try {
    const logs = await openMigrated<LogSchema>(join(dataDir, 'logs.db'), 'normal', LOG_MIGRATIONS);
    return createSqlStorage(main, logs);
  } catch (error) {
    await main.destroy();
    throw error;
  }
}

async function openMigrated<Schema>(
  path: string,
  durability: Durability,
  migrations: Migrations,
): Promise<Kysely<Schema>> {
  let db: Kysely<Schema> | undefined;
  try {
    db = openSqlite<Schema>(path, durability);
    await migrate(db, migrations);
    return db;
  } catch (error) {
    await db?.destroy();
    throw new StartError(`${path} can't be opened: ${(error as Error).message}`, { cause: error });
  }
}
