/** The level of wall that a version asks for. Those of before asked for none. */

import type { Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

export async function createMinimumWall(db: Kysely<unknown>, { text }: ColumnTypes): Promise<void> {
  await db.schema.alterTable('versions').addColumn('minimum_wall', text).execute();
}
