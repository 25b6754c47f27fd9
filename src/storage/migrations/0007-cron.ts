/** Which ticks of each cron function were fired, and what an operator has set for it. */

import type { Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

export async function createCron(db: Kysely<unknown>, { text, integer, bigint }: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('cron')
    .addColumn('tenant', text, (column) => column.notNull())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('pattern', text, (column) => column.notNull())
    .addColumn('paused', integer, (column) => column.notNull())
    .addColumn('overlap', text, (column) => column.notNull())
    .addColumn('catch_up', text, (column) => column.notNull())
    .addColumn('last_tick_ms', bigint, (column) => column.notNull())
    .addColumn('finished_ms', bigint)
    .addPrimaryKeyConstraint('cron_key', ['tenant', 'name'])
    .execute();
}
