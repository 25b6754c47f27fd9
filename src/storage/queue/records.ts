/** Records: a list of objects as a table within a statement, whose text is the same for one and for a thousand. */

import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Database } from '../database.ts';

type Engine = Database['engine'];

export type RecordColumns = Readonly<Record<string, 'text' | 'bigint'>>;

/** To stand after `from`, with an alias that is `name`. The values are strings without NUL, whole numbers and null. */
export function records<C extends RecordColumns>(
  engine: Engine,
  name: string,
  columns: C,
  values: readonly Readonly<Record<keyof C, string | number | null>>[],
): RawBuilder<unknown> {
  const json = JSON.stringify(values);
  const entries = Object.entries(columns);
  if (engine === 'postgres') {
    const typed = entries.map(([column, type]) => sql`${sql.ref(column)} ${sql.raw(type)}`);
    return sql`json_to_recordset(${json}::json) as ${sql.ref(name)}(${sql.join(typed)})`;
  }
  const picked = entries.map(([column]) => sql`value ->> ${sql.lit(`$.${column}`)} as ${sql.ref(column)}`);
  return sql`(select ${sql.join(picked)} from json_each(${json})) as ${sql.ref(name)}`;
}

/** Unix ms of the clock that all nodes share. It stands still during a statement. */
export function nowOf(engine: Engine): RawBuilder<number> {
  if (engine === 'sqlite') return sql<number>`${Date.now()}`;
  return sql<number>`(extract(epoch from statement_timestamp()) * 1000)::bigint`;
}
