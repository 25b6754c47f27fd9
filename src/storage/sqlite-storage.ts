/**
 * SQLite storage: the embedded engine, for one process on one data directory.
 *
 * Two files: what is acknowledged is synced at every commit; lines of log are many and worth less, so they have a
 * file of their own that isn't, and their writing never waits for a deployment's.
 */

import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StartError } from '../core/start-error.ts';
import { MAX_NODE } from './database.ts';
import type { Database } from './database.ts';
import { LOG_STEPS, MAIN_STEPS, migrate } from './migrations/migrate.ts';
import type { Steps } from './migrations/migrate.ts';
import { takeBackLeases } from './queue/take-back.ts';
import type { LogSchema, MainSchema } from './schema.ts';
import { createSqlStorage } from './sql-storage.ts';
import { openSqlite } from './sqlite-database.ts';
import type { Durability, SqliteFile } from './sqlite-database.ts';
import type { ChangeFeed, Storage } from './storage.ts';

export const MAIN_FILE: string = 'cordon.db';
const LOGS_FILE = 'logs.db';

/** Throws a {@link StartError}. */
export async function openSqliteStorage(dataDir: string): Promise<Storage> {
  const database = await openSqliteDatabase(dataDir);
  await takeBackLeases(database);
  return createSqlStorage(database);
}

/** Brought up to date. Throws a {@link StartError}. */
export async function openSqliteDatabase(dataDir: string): Promise<Database> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const main = await openMigrated<MainSchema>(join(dataDir, MAIN_FILE), 'full', MAIN_STEPS);
  try {
    return databaseOf(dataDir, main, await openMigrated<LogSchema>(join(dataDir, LOGS_FILE), 'normal', LOG_STEPS));
  } catch (error) {
    await main.db.destroy();
    throw error;
  }
}

function databaseOf(dataDir: string, main: SqliteFile<MainSchema>, logs: SqliteFile<LogSchema>): Database {
  const node = randomInt(1, MAX_NODE);
  return {
    engine: 'sqlite',
    place: dataDir,
    node,
    main: main.db,
    logs: logs.db,
    relaxed: (work) => main.relaxed(work),
    changes: NO_CHANGES,
    announce: () => Promise.resolve(),
    announceWork: () => Promise.resolve(),
    onWork: () => {},
    liveNodes: () => Promise.resolve([node]),
    backup: (directory) =>
      copyInto(directory, [
        [main, MAIN_FILE],
        [logs, LOGS_FILE],
      ]),
    async close() {
      await Promise.all([main.db.destroy(), logs.db.destroy()]);
    },
  };
}

/** There is no other node. */
const NO_CHANGES: ChangeFeed = { subscribe: () => {}, staleMs: () => 0 };

async function openMigrated<Schema>(path: string, durability: Durability, steps: Steps): Promise<SqliteFile<Schema>> {
  let file: SqliteFile<Schema> | undefined;
  try {
    file = openSqlite<Schema>(path, durability);
    await migrate(file.db, { engine: 'sqlite', steps });
    return file;
  } catch (error) {
    await file?.db.destroy();
    throw new StartError(`${path} can't be opened: ${(error as Error).message}`, { cause: error });
  }
}

interface Copied {
  copyTo(path: string): Promise<void>;
}

/** The folder has its name only when all of it is on the disk. */
async function copyInto(directory: string, files: readonly (readonly [Copied, name: string])[]): Promise<void> {
  const partial = `${directory}.partial`;
  await refuseExisting(directory);
  await mkdir(partial, { mode: 0o700 }).catch((error: Error) => {
    throw new StartError(`${partial} can't be made: ${error.message}`, { cause: error });
  });
  try {
    for (const [file, name] of files) {
      const path = join(partial, name);
      // Made here, so that nobody else can read it while it grows.
      await (await open(path, 'wx', 0o600)).close();
      await file.copyTo(path);
      await chmod(path, 0o600);
      await sync(path);
    }
    await sync(partial);
    await refuseExisting(directory);
    await rename(partial, directory);
    await sync(dirname(directory));
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

async function refuseExisting(directory: string): Promise<void> {
  const found = await open(directory, 'r').catch(() => null);
  if (found === null) return;
  await found.close();
  throw new StartError(`${directory} is there already: name a folder that is not there yet`);
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
