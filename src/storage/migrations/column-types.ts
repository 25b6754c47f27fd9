/** Column types: the few that Cordon uses, in the words of each engine. */

import { sql } from 'kysely';
import type { ColumnDataType, RawBuilder } from 'kysely';

export type Engine = 'sqlite' | 'postgres';

type Type = ColumnDataType | RawBuilder<unknown>;

export interface ColumnTypes {
  /** In the order of its bytes, whatever the language of the database: cursors and SQLite's order depend on it. */
  readonly text: Type;
  readonly integer: Type;
  /** Up to 2^53: ids of lines, ms. */
  readonly bigint: Type;
  readonly bytes: Type;
  readonly double: Type;
  /** A key that counts by itself and never gives a number twice. */
  readonly serial: Type;
}

export const COLUMN_TYPES: Readonly<Record<Engine, ColumnTypes>> = {
  sqlite: {
    text: 'text',
    integer: 'integer',
    bigint: 'bigint',
    bytes: 'blob',
    double: 'double precision',
    serial: sql`integer primary key autoincrement`,
  },
  postgres: {
    text: sql`text collate "C"`,
    integer: 'integer',
    bigint: 'bigint',
    bytes: 'bytea',
    double: 'double precision',
    serial: sql`bigserial primary key`,
  },
};
