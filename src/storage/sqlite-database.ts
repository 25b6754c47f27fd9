/** SQLite database: node:sqlite in the shape that kysely's SQLite dialect expects, which is better-sqlite3's. */

import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, backup } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { Kysely, SqliteAdapter, SqliteDialect } from 'kysely';
import type { SqliteDatabase, SqliteStatement } from 'kysely';
import { StartError } from '../core/start-error.ts';
import { bindable } from './bindable.ts';

/** `full`: a commit survives the loss of power. `normal`: it survives the death of the process. */
export type Durability = 'full' | 'normal';

export interface SqliteFile<Schema> {
  readonly db: Kysely<Schema>;
  /**
   * Runs one statement whose commit has to survive the death of the process only, not the loss of power: it does not wait
   * for the disk. Not for a transaction, and not within one.
   */
  relaxed<T>(work: (on: Kysely<Schema>) => Promise<T>): Promise<T>;
  /** A consistent copy at this path. Other threads copy, this one goes on; statements wait until it is done. */
  copyTo(path: string): Promise<void>;
}

/** Pages between two moments in which the copying thread lets go of the database. */
const BACKUP_PAGES = 1_000;

/**
 * Opens a database file for this process alone, and makes it when it isn't there. Throws a {@link StartError} when
 * another process has it, or when it is no database.
 */
export function openSqlite<Schema>(path: string, durability: Durability): SqliteFile<Schema> {
  // SQLite would make the file readable for everybody, and gives its journals the mode that the file has.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    configure(database, durability);
  } catch (error) {
    database.close();
    throw new StartError(reason(error));
  }
  const db = new Kysely<Schema>({ dialect: new NodeSqliteDialect({ database: adapt(database) }) });
  return {
    db,
    relaxed: (work) =>
      db.connection().execute(async (on) => {
        database.exec('PRAGMA synchronous = normal');
        try {
          return await work(on);
        } finally {
          database.exec(`PRAGMA synchronous = ${durability}`);
        }
      }),
    // The connection is kept meanwhile: a transaction half-way would be copied half-way.
    copyTo: (copy) => db.connection().execute(async () => void (await backup(database, copy, { rate: BACKUP_PAGES }))),
  };
}

function configure(database: DatabaseSync, durability: Durability): void {
  // The lock is taken by the first transaction and kept until the file is closed, or its process is gone.
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  database.exec('PRAGMA journal_mode = WAL');
  database.exec(`PRAGMA synchronous = ${durability}`);
  database.exec('BEGIN EXCLUSIVE; COMMIT');
}

function reason(error: unknown): string {
  const { message } = error as Error;
  if (/locked|busy/.test(message)) {
    return 'another Cordon is using it: stop that one, or choose another CORDON_DATA_DIR';
  }
  return `SQLite says "${message}": restore it from a backup, or choose another CORDON_DATA_DIR`;
}

/** SQLite does roll a schema back, so a process that dies in the middle of a migration leaves nothing half-made. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class NodeSqliteDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

/** Statements that stay prepared; a longer one is a list of many rows, which seldom comes again in the same length. */
const PREPARED = 200;
const MAX_PREPARED_CHARS = 2_000;

function adapt(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, Statement>();
  return {
    prepare(sql) {
      const found = prepared.get(sql);
      if (found !== undefined) return found;
      const statement = new Statement(database.prepare(sql));
      if (sql.length > MAX_PREPARED_CHARS) return statement;
      if (prepared.size === PREPARED) prepared.delete(prepared.keys().next().value!);
      prepared.set(sql, statement);
      return statement;
    },
    close: () => database.close(),
  };
}

class Statement implements SqliteStatement {
  readonly #statement: StatementSync;
  readonly reader: boolean;

  constructor(statement: StatementSync) {
    this.#statement = statement;
    this.reader = statement.columns().length > 0;
  }

  all(parameters: readonly unknown[]): unknown[] {
    return this.#statement.all(...bound(parameters));
  }

  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return this.#statement.run(...bound(parameters));
  }

  iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    // Nobody streams, and a statement that is kept could not be walked twice at a time.
    return this.all(parameters).values();
  }
}

const bound = (parameters: readonly unknown[]): SQLInputValue[] => parameters.map(bindable) as SQLInputValue[];
