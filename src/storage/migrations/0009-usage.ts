/** What functions took, by the hour. Counts are doubles: a busy hour has more bytes than an integer column holds. */

import type { Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

const COUNTS = [
  'invocations',
  'cold_starts',
  'wall_ms',
  'cpu_ms',
  'mb_seconds',
  'sent_bytes',
  'received_bytes',
  'faults',
] as const;

export async function createUsage(db: Kysely<unknown>, { text, bigint, double }: ColumnTypes): Promise<void> {
  let hours = db.schema
    .createTable('usage_hours')
    .addColumn('tenant', text, (column) => column.notNull())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('hour_ms', bigint, (column) => column.notNull());
  for (const count of COUNTS) hours = hours.addColumn(count, double, (column) => column.notNull());
  await hours.addPrimaryKeyConstraint('usage_hours_key', ['tenant', 'name', 'hour_ms']).execute();
  await db.schema
    .createTable('usage_faults')
    .addColumn('tenant', text, (column) => column.notNull())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('hour_ms', bigint, (column) => column.notNull())
    .addColumn('code', text, (column) => column.notNull())
    .addColumn('times', double, (column) => column.notNull())
    .addPrimaryKeyConstraint('usage_faults_key', ['tenant', 'name', 'hour_ms', 'code'])
    .execute();
  for (const table of ['usage_hours', 'usage_faults'])
    await db.schema.createIndex(`${table}_by_time`).on(table).column('hour_ms').execute();
}
