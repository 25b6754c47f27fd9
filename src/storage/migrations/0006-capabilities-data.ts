/** What functions keep by `ctx.kv` and `ctx.db`. */

import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

export async function createCapabilitiesData(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await createUsage(db, types);
  await createKv(db, types);
  await createItems(db, types);
}

/** Sums, so that no write has to count. */
async function createUsage(db: Kysely<unknown>, { text, bigint }: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('data_usage')
    .addColumn('tenant', text, (column) => column.notNull())
    .addColumn('kind', text, (column) => column.notNull())
    .addColumn('entries', bigint, (column) => column.notNull())
    .addColumn('bytes', bigint, (column) => column.notNull())
    .addColumn('last_revision', bigint, (column) => column.notNull())
    .addPrimaryKeyConstraint('data_usage_key', ['tenant', 'kind'])
    .execute();
}

async function createKv(db: Kysely<unknown>, { text, integer, bigint }: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('kv')
    .addColumn('tenant', text, (column) => column.notNull())
    .addColumn('key', text, (column) => column.notNull())
    .addColumn('value', text, (column) => column.notNull())
    .addColumn('size', integer, (column) => column.notNull())
    .addColumn('revision', bigint, (column) => column.notNull())
    .addColumn('expires_ms', bigint)
    .addPrimaryKeyConstraint('kv_key', ['tenant', 'key'])
    .execute();
  await db.schema
    .createIndex('kv_expiry')
    .on('kv')
    .column('expires_ms')
    .where(sql.ref('expires_ms'), 'is not', null)
    .execute();
}

async function createItems(db: Kysely<unknown>, { text, integer, bigint }: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('collections')
    .addColumn('tenant', text, (column) => column.notNull())
    .addColumn('slug', text, (column) => column.notNull())
    .addColumn('permissions', text, (column) => column.notNull())
    .addColumn('created_ms', bigint, (column) => column.notNull())
    .addColumn('updated_ms', bigint, (column) => column.notNull())
    .addPrimaryKeyConstraint('collections_key', ['tenant', 'slug'])
    .execute();
  await db.schema
    .createTable('items')
    .addColumn('tenant', text, (column) => column.notNull())
    .addColumn('collection', text, (column) => column.notNull())
    .addColumn('id', text, (column) => column.notNull())
    .addColumn('owner', text)
    .addColumn('data', text, (column) => column.notNull())
    .addColumn('size', integer, (column) => column.notNull())
    .addColumn('created_ms', bigint, (column) => column.notNull())
    .addColumn('updated_ms', bigint, (column) => column.notNull())
    .addPrimaryKeyConstraint('items_key', ['tenant', 'collection', 'id'])
    .execute();
  await db.schema
    .createIndex('items_by_age')
    .on('items')
    .columns(['tenant', 'collection', 'created_ms', 'id'])
    .execute();
}
