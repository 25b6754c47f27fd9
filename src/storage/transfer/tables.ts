/** Tables as what moves between databases: which there are, in which order they can be filled, and their rows in lots. */

import { sql } from 'kysely';
import type { Kysely, RawBuilder } from 'kysely';
import type { LogSchema, MainSchema } from '../schema.ts';

export type TableName = keyof MainSchema | keyof LogSchema;

export interface TableToMove {
  /** On SQLite each is in a file of its own. */
  readonly part: 'main' | 'logs';
  readonly key: readonly string[];
  /** Columns of bytes, which a text file has to spell. */
  readonly bytes: readonly string[];
  /** Rows of one statement: fewer where they are large. */
  readonly lot: number;
}

export type Cell = string | number | null | Uint8Array;
export type Row = Readonly<Record<string, Cell>>;

const SMALL = 500;
const LARGE = 8;

const main = (key: string, lot: number = SMALL, ...bytes: readonly string[]): TableToMove => ({
  part: 'main',
  key: key.split(' '),
  bytes,
  lot,
});

/** What others refer to comes first. */
export const TABLES: Readonly<Record<TableName, TableToMove>> = {
  tenants: main('name'),
  erased_tenants: main('name'),
  functions: main('tenant name'),
  versions: main('tenant name number'),
  artifacts: main('tenant name number', LARGE, 'code', 'cache', 'map'),
  sources: main('tenant name number path', LARGE, 'content'),
  aliases: main('tenant name alias'),
  deployments: main('id', 100),
  services: main('id'),
  tokens: main('id'),
  variables: main('tenant function_name name', SMALL, 'value'),
  data_keys: main('id', SMALL, 'sealed'),
  audit: main('id'),
  idempotency: main('tenant key', 100),
  results: main('id', LARGE, 'response_body'),
  data_usage: main('tenant kind'),
  kv: main('tenant key', 50),
  collections: main('tenant slug'),
  items: main('tenant collection id', 50),
  queue_jobs: main('seq', 50),
  event_outbox: main('seq', 100),
  cron: main('tenant name'),
  usage_hours: main('tenant name hour_ms'),
  usage_faults: main('tenant name hour_ms code'),
  logs: { part: 'logs', key: ['id'], bytes: [], lot: SMALL },
};

export const TABLE_NAMES: readonly TableName[] = Object.keys(TABLES) as TableName[];

/** The tables of a database whose names are known at run time only. */
export type AnyTables = Kysely<Record<string, Record<string, Cell>>>;

export async function countRows(db: AnyTables, table: TableName): Promise<number> {
  const { count } = await db
    .selectFrom(table)
    .select((e) => e.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

/** In the order of the key, so that each lot begins where the last one ended. */
export async function* lotsOfRows(db: AnyTables, table: TableName): AsyncGenerator<readonly Row[]> {
  const { key, lot } = TABLES[table];
  for (let last: Row | undefined; ;) {
    const start = db
      .selectFrom(table)
      .selectAll()
      .limit(lot)
      .$if(last !== undefined, (query) => query.where(isAfter(key, last!)));
    const rows: Row[] = await key.reduce((query, column) => query.orderBy(sql.ref(column)), start).execute();
    if (rows.length > 0) yield rows;
    if (rows.length < lot) return;
    last = rows.at(-1);
  }
}

function isAfter(key: readonly string[], row: Row): RawBuilder<boolean> {
  const columns = sql.join(key.map((column) => sql.ref(column)));
  return sql<boolean>`(${columns}) > (${sql.join(key.map((column) => row[column]))})`;
}

/** Their names, in no order. */
export async function columnsOf(db: AnyTables, table: TableName): Promise<ReadonlySet<string>> {
  const found = (await db.introspection.getTables()).find(({ name }) => name === table);
  return new Set(found?.columns.map(({ name }) => name));
}
