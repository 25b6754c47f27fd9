/** The language of a version. Those of before are JavaScript. */

import { sql, type Kysely } from 'kysely';
import type { ColumnTypes } from './column-types.ts';

export async function createRuntime(db: Kysely<unknown>, { text }: ColumnTypes): Promise<void> {
  await db.schema
    .alterTable('versions')
    .addColumn('runtime', text, (column) => column.notNull().defaultTo(sql.lit('javascript')))
    .execute();
}
