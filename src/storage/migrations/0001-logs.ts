/** Lines of log: on SQLite in a file of their own. */

import type { Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

export async function createLogs(db: Kysely<unknown>, { text, integer, bigint }: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('logs')
    .addColumn('id', bigint, (c) => c.primaryKey())
    .addColumn('tenant', text, (c) => c.notNull())
    .addColumn('name', text, (c) => c.notNull())
    .addColumn('version', integer, (c) => c.notNull())
    .addColumn('invocation', text)
    .addColumn('level', text, (c) => c.notNull())
    .addColumn('message', text, (c) => c.notNull())
    .addColumn('time_ms', bigint, (c) => c.notNull())
    .execute();
  await db.schema.createIndex('logs_by_function').on('logs').columns(['tenant', 'name', 'id']).execute();
  await db.schema.createIndex('logs_by_time').on('logs').column('time_ms').execute();
}
