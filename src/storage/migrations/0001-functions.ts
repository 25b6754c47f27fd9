/** The first tables: functions, versions, their code and their sources. */

import type { Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

export async function createFunctions(
  db: Kysely<unknown>,
  { text, integer, bigint, bytes }: ColumnTypes,
): Promise<void> {
  await db.schema
    .createTable('functions')
    .addColumn('tenant', text, (c) => c.notNull())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('last_number', integer, (c) => c.notNull())
    .addColumn('live_number', integer)
    .addColumn('created_ms', bigint, (c) => c.notNull())
    .addPrimaryKeyConstraint('functions_pk', ['tenant', 'name'])
    .execute();
  await db.schema
    .createTable('versions')
    .addColumn('tenant', text, (c) => c.notNull())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('number', integer, (c) => c.notNull())
    .addColumn('hash', text, (c) => c.notNull())
    .addColumn('tier', text, (c) => c.notNull())
    .addColumn('cordon', text, (c) => c.notNull())
    .addColumn('handler', text, (c) => c.notNull())
    .addColumn('handler_name', text, (c) => c.notNull())
    .addColumn('limits', text, (c) => c.notNull())
    .addColumn('env', text, (c) => c.notNull())
    .addColumn('request_body', text, (c) => c.notNull())
    .addColumn('pass_authorization', integer, (c) => c.notNull())
    .addColumn('artifact_format', text, (c) => c.notNull())
    .addColumn('artifact_interleaves', integer, (c) => c.notNull())
    .addColumn('deployed_ms', bigint, (c) => c.notNull())
    .addPrimaryKeyConstraint('versions_pk', ['tenant', 'name', 'number'])
    .addForeignKeyConstraint('versions_function_fk', ['tenant', 'name'], 'functions', ['tenant', 'name'])
    .execute();
  await db.schema
    .createTable('artifacts')
    .addColumn('tenant', text, (c) => c.notNull())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('number', integer, (c) => c.notNull())
    .addColumn('code', bytes, (c) => c.notNull())
    .addColumn('cache', bytes)
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
    .addColumn('tenant', text, (c) => c.notNull())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('number', integer, (c) => c.notNull())
    .addColumn('path', text, (c) => c.notNull())
    .addColumn('content', bytes, (c) => c.notNull())
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
