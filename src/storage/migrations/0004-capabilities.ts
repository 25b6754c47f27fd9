/** Which host services a version may call, and whether it may make code of strings. */

import type { Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

/** Versions of before had nothing to call; they are given what a new one would be. */
const BEFORE = '["db","email","kv","publish"]';

export async function createCapabilities(db: Kysely<unknown>, { text, integer }: ColumnTypes): Promise<void> {
  await db.schema
    .alterTable('versions')
    .addColumn('capabilities', text, (column) => column.notNull().defaultTo(BEFORE))
    .execute();
  await db.schema
    .alterTable('versions')
    .addColumn('code_generation', integer, (column) => column.notNull().defaultTo(0))
    .execute();
}
