/** The source map of each version's code, by which its stacks are shown in the places of its sources. */

import type { Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

export async function createSourceMaps(db: Kysely<unknown>, { bytes }: ColumnTypes): Promise<void> {
  await db.schema.alterTable('artifacts').addColumn('map', bytes).execute();
}
