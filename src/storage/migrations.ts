/**
 * Migrations: how a schema came to be, step by step, in code, so that they ship with whatever needs them. A step that
 * has been released never changes; a new one is appended.
 */

import { Migrator } from 'kysely/migration';
import type { Migration } from 'kysely/migration';
import type { Kysely } from 'kysely';
import { StartError } from '../core/start-error.ts';

export type Migrations = Readonly<Record<string, Migration>>;

const MIGRATION_TABLE = 'cordon_migration';

export const MAIN_MIGRATIONS: Migrations = {
  '0001_functions': { up: createFunctions },
};

export const LOG_MIGRATIONS: Migrations = {
  '0001_logs': { up: createLogs },
};

/** Brings a database up to date. Throws a {@link StartError} for one that a later Cordon has written. */
export async function migrate<Schema>(db: Kysely<Schema>, migrations: Migrations): Promise<void> {
  await refuseTheFuture(db, migrations);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableName: MIGRATION_TABLE,
    migrationLockTableName: `${MIGRATION_TABLE}_lock`,
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

async function refuseTheFuture<Schema>(db: Kysely<Schema>, migrations: Migrations): Promise<void> {
  const tables = await db.introspection.getTables();
  if (!tables.some(({ name }) => name === MIGRATION_TABLE)) return;
  const applied = await (db as unknown as Kysely<{ [MIGRATION_TABLE]: { name: string } }>)
    .selectFrom(MIGRATION_TABLE)
    .select('name')
    .orderBy('name')
    .execute();
  const unknown = applied.filter(({ name }) => !Object.hasOwn(migrations, name));
  if (unknown.length === 0) return;
  throw new StartError(
    `it was written by a later Cordon (${unknown.map(({ name }) => name).join(', ')}): start that one, or choose another CORDON_DATA_DIR`,
  );
}

async function createFunctions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('functions')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('last_number', 'integer', (c) => c.notNull())
    .addColumn('live_number', 'integer')
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('functions_pk', ['tenant', 'name'])
    .execute();
  await db.schema
    .createTable('versions')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('tier', 'text', (c) => c.notNull())
    .addColumn('cordon', 'text', (c) => c.notNull())
    .addColumn('handler', 'text', (c) => c.notNull())
    .addColumn('handler_name', 'text', (c) => c.notNull())
    .addColumn('limits', 'text', (c) => c.notNull())
    .addColumn('env', 'text', (c) => c.notNull())
    .addColumn('request_body', 'text', (c) => c.notNull())
    .addColumn('pass_authorization', 'integer', (c) => c.notNull())
    .addColumn('artifact_format', 'text', (c) => c.notNull())
    .addColumn('artifact_interleaves', 'integer', (c) => c.notNull())
    .addColumn('deployed_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('versions_pk', ['tenant', 'name', 'number'])
    .addForeignKeyConstraint('versions_function_fk', ['tenant', 'name'], 'functions', ['tenant', 'name'])
    .execute();
  await db.schema
    .createTable('artifacts')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('code', 'blob', (c) => c.notNull())
    .addColumn('cache', 'blob')
    .addPrimaryKeyConstraint('artifacts_pk', ['tenant', 'name', 'number'])
    .addForeignKeyConstraint(
      'artifacts_version_fk',
      ['tenant', 'name', 'number'],
      'versions',
      ['tenant', 'name', 'number'],
      (c) => c.onDelete('cascade'),
    )
    .execute();
  await db.schema
    .createTable('sources')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('path', 'text', (c) => c.notNull())
    .addColumn('content', 'blob', (c) => c.notNull())
    .addPrimaryKeyConstraint('sources_pk', ['tenant', 'name', 'number', 'path'])
    .addForeignKeyConstraint(
      'sources_version_fk',
      ['tenant', 'name', 'number'],
      'versions',
      ['tenant', 'name', 'number'],
      (c) => c.onDelete('cascade'),
    )
    .execute();
}

async function createLogs(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('logs')
    .addColumn('id', 'bigint', (c) => c.primaryKey())
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('invocation', 'text')
    .addColumn('level', 'text', (c) => c.notNull())
    .addColumn('message', 'text', (c) => c.notNull())
    .addColumn('time_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('logs_by_function').on('logs').columns(['tenant', 'name', 'id']).execute();
  await db.schema.createIndex('logs_by_time').on('logs').column('time_ms').execute();
}
