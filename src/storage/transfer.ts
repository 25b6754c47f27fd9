/** Transfer: all that a database holds, from one engine to the other, to a file and back. Nothing else may use it meanwhile. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from '../core/start-error.ts';
import type { Database } from './database.ts';
import { openPostgresDatabase } from './postgres-storage.ts';
import { MAIN_FILE, openSqliteDatabase } from './sqlite-storage.ts';
import { fillDatabase, readContents } from './transfer/contents.ts';
import type { OnProgress } from './transfer/contents.ts';
import { readExport, writeExport } from './transfer/export-file.ts';

/** A SQLite data directory, or a PostgreSQL URL. */
export type DatabaseTarget = { readonly dataDir: string } | { readonly url: string };

/** Everything, into an empty database, all or nothing. Throws a {@link StartError}. */
export function transfer(from: Database, to: Database, onProgress: OnProgress): Promise<void> {
  return readContents(from, (contents) => fillDatabase(to, contents, onProgress));
}

/** Into a file that is not there yet, readable by its owner only. Throws a {@link StartError}. */
export async function exportDatabase(target: DatabaseTarget, file: string, onProgress: OnProgress): Promise<void> {
  await using(target, 'existing', (database) =>
    readContents(database, (contents) => writeExport(file, contents, onProgress)),
  );
}

/** Into an empty database, all or nothing. Throws a {@link StartError}. */
export async function importDatabase(target: DatabaseTarget, file: string, onProgress: OnProgress): Promise<void> {
  const contents = await readExport(file);
  await using(target, 'any', (database) => fillDatabase(database, contents, onProgress));
}

/** Into a folder that is not there yet. SQLite only. Throws a {@link StartError}. */
export async function backupDatabase(target: DatabaseTarget, directory: string): Promise<void> {
  await using(target, 'existing', (database) => database.backup(directory));
}

async function using(
  target: DatabaseTarget,
  which: 'existing' | 'any',
  work: (database: Database) => Promise<void>,
): Promise<void> {
  if ('dataDir' in target && which === 'existing' && !existsSync(join(target.dataDir, MAIN_FILE)))
    throw new StartError(`${target.dataDir} holds no database of Cordon`);
  const database = await ('url' in target ? openPostgresDatabase(target.url) : openSqliteDatabase(target.dataDir));
  try {
    await work(database);
  } finally {
    await database.close();
  }
}
