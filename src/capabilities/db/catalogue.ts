/**
 * Catalogue: the tables and columns of one schema, as PostgreSQL itself lists them. A name that a function sends is looked
 * up here, and what goes into SQL is the name that was found.
 */

import type { Pool } from 'pg';
import { Fault } from '../../core/faults.ts';

export interface Column {
  readonly name: string;
  /** Text can be searched in it. */
  readonly isText: boolean;
}

export interface Table {
  readonly name: string;
  readonly columns: ReadonlyMap<string, Column>;
  /** The one column of its primary key, or `id`; null: its rows have no one name. */
  readonly key: string | null;
}

/** A change of the schema is seen after that at the latest. */
const MAX_AGE_MS = 60_000;
/** So often at most for names that are not there. */
const MIN_AGE_MS = 2_000;
const MAX_COLUMNS = 100_000;
/** Where this is, Cordon keeps all of its own. */
const OWN_TABLE = 'cordon_migration';

export class Catalogue {
  readonly #pool: Pool;
  readonly #schema: string;
  #tables: ReadonlyMap<string, Table> = new Map();
  #loadedMs = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | null = null;

  constructor(pool: Pool, schema: string) {
    this.#pool = pool;
    this.#schema = schema;
  }

  /** Rejects with NOT_FOUND. `columns`: those that it must have, where it was read not long ago. */
  async table(name: string, columns: readonly string[]): Promise<Table> {
    const has = (): boolean => {
      const table = this.#tables.get(name);
      return table !== undefined && columns.every((column) => table.columns.has(column));
    };
    const ageMs = performance.now() - this.#loadedMs;
    if (ageMs > MAX_AGE_MS || (ageMs > MIN_AGE_MS && !has())) await this.#load();
    const table = this.#tables.get(name);
    if (table === undefined) throw new Fault('NOT_FOUND', `There is no collection ${name}`);
    return table;
  }

  /** Once for all who wait. */
  #load(): Promise<void> {
    return (this.#loading ??= this.#read().finally(() => {
      this.#loading = null;
    }));
  }

  async #read(): Promise<void> {
    const { rows } = await this.#pool.query<Row>(COLUMNS, [this.#schema, MAX_COLUMNS]);
    const tables = new Map<string, Table>();
    for (const [name, columns] of Map.groupBy(rows, (row) => row.table)) {
      const keys = columns.filter(({ is_key }) => is_key).map(({ column }) => column);
      tables.set(name, {
        name,
        columns: new Map(columns.map(({ column, is_text }) => [column, { name: column, isText: is_text }])),
        key: keys.length === 1 ? keys[0]! : columns.some(({ column }) => column === 'id') ? 'id' : null,
      });
    }
    if (tables.has(OWN_TABLE))
      throw new Error(
        `CORDON_DB_URL: the schema ${this.#schema} holds Cordon's own tables, tokens and secrets among them: functions need another schema or database`,
      );
    this.#tables = tables;
    this.#loadedMs = performance.now();
  }
}

interface Row {
  readonly table: string;
  readonly column: string;
  readonly is_text: boolean;
  readonly is_key: boolean;
}

/** Ordinary, partitioned and foreign tables, and views of both kinds. */
const COLUMNS = `
  select c.relname::text as table, a.attname::text as column, t.typcategory = 'S' as is_text,
    coalesce(a.attnum = any (i.indkey), false) as is_key
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type t on t.oid = a.atttypid
  left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
  where n.nspname = $1 and c.relkind in ('r', 'p', 'f', 'v', 'm')
  order by c.relname, a.attnum
  limit $2`;
