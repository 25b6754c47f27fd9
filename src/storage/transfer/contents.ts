/** Contents: all that a database holds, read at one moment, and put into another one that is empty. */

import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import { StartError } from '../../core/start-error.ts';
import { inSnapshot } from '../database.ts';
import type { Database } from '../database.ts';
import { ALL_STEPS } from '../migrations/migrate.ts';
import type { LogSchema, MainSchema } from '../schema.ts';
import { TABLES, TABLE_NAMES, columnsOf, countRows, lotsOfRows } from './tables.ts';
import type { AnyTables, Row, TableName } from './tables.ts';

/** Rows so far, of how many, and the table that they are in. */
export type OnProgress = (done: number, total: number, table: string) => void;

export type Counts = Readonly<Record<TableName, number>>;

export interface Lot {
  readonly table: TableName;
  readonly rows: readonly Row[];
}

export interface Contents {
  /** The steps that made the schema. */
  readonly schema: readonly string[];
  readonly counts: Counts;
  /** In the order of {@link TABLES}. */
  readonly lots: AsyncIterable<Lot>;
}

export const SCHEMA: readonly string[] = Object.keys(ALL_STEPS).sort();

/** The contents can be read until `use` has settled. */
export function readContents<T>(database: Database, use: (contents: Contents) => Promise<T>): Promise<T> {
  return inSnapshot(database, database.main, (main) =>
    inPart(database, main, 'snapshot', async (logs) => {
      const parts: Parts = { main: anyTables(main), logs: anyTables(logs) };
      return use({ schema: SCHEMA, counts: await countAll(parts), lots: allLots(parts) });
    }),
  );
}

/** All or nothing. Throws a {@link StartError} where the database is not empty, or what came is not what was announced. */
export async function fillDatabase(database: Database, contents: Contents, onProgress: OnProgress): Promise<void> {
  await database.main.transaction().execute((main) =>
    inPart(database, main, 'transaction', async (logs) => {
      const parts: Parts = { main: anyTables(main), logs: anyTables(logs) };
      // Whoever else writes something waits for this table first.
      if (database.engine === 'postgres') await sql`lock table tenants in access exclusive mode`.execute(main);
      await requireEmpty(database, parts);
      await parts.main.deleteFrom('tenants').execute();
      await insertAll(parts, contents, onProgress);
      requireSame(contents.counts, await countAll(parts));
      if (database.engine === 'postgres') await continueNumbers(main);
      await database.announce(main, [{ kind: 'all' }]);
    }),
  );
}

type Parts = Readonly<Record<'main' | 'logs', AnyTables>>;

const anyTables = (db: unknown): AnyTables => db as AnyTables;

/** PostgreSQL has the lines in the same transaction; SQLite's are in a file of their own, which commits first. */
function inPart<T>(
  database: Database,
  main: Transaction<MainSchema>,
  kind: 'snapshot' | 'transaction',
  work: (logs: Transaction<LogSchema>) => Promise<T>,
): Promise<T> {
  if (database.engine === 'postgres') return work(main as unknown as Transaction<LogSchema>);
  return kind === 'snapshot' ? inSnapshot(database, database.logs, work) : database.logs.transaction().execute(work);
}

async function countAll(parts: Parts): Promise<Counts> {
  const counts: Partial<Record<TableName, number>> = {};
  for (const table of TABLE_NAMES) counts[table] = await countRows(parts[TABLES[table].part], table);
  return counts as Counts;
}

async function* allLots(parts: Parts): AsyncGenerator<Lot> {
  for (const table of TABLE_NAMES) {
    for await (const rows of lotsOfRows(parts[TABLES[table].part], table)) yield { table, rows };
  }
}

async function insertAll(parts: Parts, { counts, lots }: Contents, onProgress: OnProgress): Promise<void> {
  const total = totalOf(counts);
  let done = 0;
  let current: { readonly table: TableName; readonly columns: ReadonlySet<string> } | undefined;
  for await (const { table, rows } of lots) {
    const db = parts[TABLES[table].part];
    if (current?.table !== table) current = { table, columns: await columnsOf(db, table) };
    for (const row of rows) requireColumns(table, row, current.columns);
    await db.insertInto(table).values(rows).execute();
    done += rows.length;
    onProgress(done, total, table);
  }
}

export const totalOf = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

function requireColumns(table: TableName, row: Row, columns: ReadonlySet<string>): void {
  const given = Object.keys(row);
  if (given.length === columns.size && given.every((column) => columns.has(column))) return;
  throw new StartError(`a row of ${table} has not the columns of this Cordon's table`);
}

async function requireEmpty({ place }: Database, parts: Parts): Promise<void> {
  const { tenants, ...counts } = await countAll(parts);
  const filled = Object.entries(counts).filter(([, count]) => count > 0);
  // The tenant `default` is there from the beginning.
  if (tenants > 1) filled.push(['tenants', tenants]);
  if (filled.length === 0) return;
  throw new StartError(
    `${place} is not empty (${filled.map(([table, count]) => `${table}: ${count}`).join(', ')}): import into an empty database`,
  );
}

function requireSame(announced: Counts, found: Counts): void {
  const different = TABLE_NAMES.filter((table) => announced[table] !== found[table]);
  if (different.length === 0) return;
  const each = different.map((table) => `${table}: ${found[table]} of ${announced[table]}`);
  throw new StartError(`rows are missing or too many (${each.join(', ')}); nothing was imported`);
}

const COUNTED = [
  ['audit', 'id'],
  ['queue_jobs', 'seq'],
  ['event_outbox', 'seq'],
] as const;

/** Rows that came with their numbers did not count. */
async function continueNumbers(main: Transaction<MainSchema>): Promise<void> {
  for (const [table, column] of COUNTED) {
    await sql`
      select setval(pg_get_serial_sequence(${table}, ${column}), coalesce(max(${sql.ref(column)}), 0) + 1, false)
      from ${sql.table(table)}
    `.execute(main);
  }
}
