/** What is read of functions and versions. */

import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { SourceFiles } from '../../core/deployment.ts';
import type {
  FunctionQuery,
  FunctionRecord,
  FunctionStore,
  Page,
  StoredVersion,
  VersionRecord,
} from '../../core/function-record.ts';
import { lotsOf } from '../database.ts';
import type { MainSchema } from '../schema.ts';
import { NO_ALIASES, functionRecordOf, storedVersionOf, versionRecordOf } from './rows.ts';
import type { Aliases, ArtifactColumns, FunctionRow, VersionRow } from './rows.ts';

export type Db = Kysely<MainSchema>;

interface Target {
  readonly tenant: string;
  readonly name: string;
}

export async function listFunctions(
  db: Db,
  { tenant, after, limit, search }: FunctionQuery,
): Promise<Page<FunctionRecord>> {
  const rows = await existing(db)
    .where('tenant', '=', tenant)
    .$if(after !== null, (query) => query.where('name', '>', after!))
    .$if(search !== undefined && search !== '', (query) => query.where(contains(search!)))
    .orderBy('name')
    .limit(limit + 1)
    .execute();
  const items = await recordsOf(db, rows.slice(0, limit));
  return { items, next: rows.length > limit ? items.at(-1)!.name : null };
}

export async function findFunction(db: Db, target: Target): Promise<FunctionRecord | null> {
  const row = await functionRow(db, target);
  return row === undefined ? null : (await recordsOf(db, [row]))[0]!;
}

export function functionRow(db: Db, { tenant, name }: Target): Promise<FunctionRow | undefined> {
  return existing(db).where('tenant', '=', tenant).where('name', '=', name).executeTakeFirst();
}

export async function domainOwner(db: Db, domain: string): Promise<Target | null> {
  const owner = await existing(db).where('public_domain', '=', domain).executeTakeFirst();
  return owner === undefined ? null : { tenant: owner.tenant, name: owner.name };
}

export async function listVersions(
  db: Db,
  { tenant, name }: Target,
  before: number | null,
  limit: number,
): Promise<Page<VersionRecord>> {
  const rows = await db
    .selectFrom('versions')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .$if(before !== null, (query) => query.where('number', '<', before!))
    .orderBy('number', 'desc')
    .limit(limit + 1)
    .execute();
  const items = rows.slice(0, limit).map(versionRecordOf);
  return { items, next: rows.length > limit ? String(items.at(-1)!.number) : null };
}

export async function findVersion(db: Db, { tenant, name }: Target, number: number): Promise<StoredVersion | null> {
  const row = await db
    .selectFrom('versions')
    .innerJoin('artifacts', (join) =>
      join
        .onRef('artifacts.tenant', '=', 'versions.tenant')
        .onRef('artifacts.name', '=', 'versions.name')
        .onRef('artifacts.number', '=', 'versions.number'),
    )
    .selectAll('versions')
    .select(['artifacts.code', 'artifacts.cache', 'artifacts.map'])
    .where('versions.tenant', '=', tenant)
    .where('versions.name', '=', name)
    .where('versions.number', '=', number)
    .executeTakeFirst();
  return row === undefined ? null : storedVersionOf(row);
}

export async function readSources(db: Db, { tenant, name }: Target, number: number): Promise<SourceFiles> {
  const rows = await db
    .selectFrom('sources')
    .select(['path', 'content'])
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where('number', '=', number)
    .orderBy('path')
    .execute();
  return new Map(rows.map(({ path, content }) => [path, content]));
}

export async function countFunctions(db: Db, tenant: string): Promise<number> {
  const { count } = await db
    .selectFrom('functions')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('tenant', '=', tenant)
    .where('id', 'is not', null)
    .executeTakeFirstOrThrow();
  return count;
}

/** Three queries, whatever the number of functions; call it in one snapshot. */
export async function readRouted(db: Db, only: Target | undefined): ReturnType<FunctionStore['routed']> {
  const rows = await of(existing(db), only).execute();
  const aliases = groupAliases(await of(db.selectFrom('aliases').selectAll(), only).execute());
  const versions = (await routedVersionRows(db, only)).map(storedVersionOf);
  const byKey = new Map(versions.map((version) => [keyOf(version, version.number), version]));
  const records = rows.map((row) => {
    const live = row.live_number === null ? undefined : byKey.get(keyOf(row, row.live_number));
    return functionRecordOf(row, live === undefined ? null : recordOf(live), aliases.get(keyOf(row)) ?? NO_ALIASES);
  });
  return { records, versions };
}

/** Gathers the wanted numbers first, so that no other version is looked at. */
async function routedVersionRows(db: Db, only: Target | undefined): Promise<(VersionRow & ArtifactColumns)[]> {
  const numbered = (column: 'live_number' | 'canary_number') =>
    of(db.selectFrom('functions'), only)
      .select(['tenant', 'name'])
      .select((e) => e.ref(column).as('number'))
      .where(column, 'is not', null);
  return db
    .with('wanted', () =>
      numbered('live_number')
        .union(numbered('canary_number'))
        .union(
          of(db.selectFrom('aliases'), only)
            .select(['tenant', 'name'])
            .select((e) => e.ref('number').as('number')),
        ),
    )
    .selectFrom('wanted')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.tenant', '=', 'wanted.tenant')
        .onRef('versions.name', '=', 'wanted.name')
        .onRef('versions.number', '=', 'wanted.number'),
    )
    .innerJoin('artifacts', (join) =>
      join
        .onRef('artifacts.tenant', '=', 'wanted.tenant')
        .onRef('artifacts.name', '=', 'wanted.name')
        .onRef('artifacts.number', '=', 'wanted.number'),
    )
    .selectAll('versions')
    .select(['artifacts.code', 'artifacts.cache', 'artifacts.map'])
    .execute();
}

/** Functions that were not deleted. */
const existing = (db: Db) => db.selectFrom('functions').selectAll().where('id', 'is not', null);

interface Filterable<Query> {
  where(column: 'tenant' | 'name', operator: '=', value: string): Query;
}

const of = <Query extends Filterable<Query>>(query: Query, only: Target | undefined): Query =>
  only === undefined ? query : query.where('tenant', '=', only.tenant).where('name', '=', only.name);

/** Names are in lower case, and an engine may or may not tell it from upper case. */
function contains(part: string): ReturnType<typeof sql<boolean>> {
  const pattern = `%${part.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return sql<boolean>`name like ${pattern} escape '\\'`;
}

/** Rows that one statement can ask for. */
const LOT = 500;

/** Of one tenant, in the order given. */
async function recordsOf(db: Db, rows: readonly FunctionRow[]): Promise<FunctionRecord[]> {
  const live = new Map<string, VersionRecord>();
  const aliases: AliasRow[] = [];
  for (const lot of lotsOf(rows, LOT)) {
    const tenant = lot[0]!.tenant;
    const names = lot.map(({ name }) => name);
    const found = await db
      .selectFrom('versions')
      .innerJoin('functions', (join) =>
        join
          .onRef('functions.tenant', '=', 'versions.tenant')
          .onRef('functions.name', '=', 'versions.name')
          .onRef('functions.live_number', '=', 'versions.number'),
      )
      .selectAll('versions')
      .where('versions.tenant', '=', tenant)
      .where('versions.name', 'in', names)
      .execute();
    for (const row of found) live.set(row.name, versionRecordOf(row));
    aliases.push(
      ...(await db
        .selectFrom('aliases')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('name', 'in', names)
        .orderBy('alias')
        .execute()),
    );
  }
  const byFunction = groupAliases(aliases);
  return rows.map((row) => functionRecordOf(row, live.get(row.name) ?? null, byFunction.get(keyOf(row)) ?? NO_ALIASES));
}

interface AliasRow extends Target {
  readonly alias: string;
  readonly number: number;
}

function groupAliases(rows: readonly AliasRow[]): Map<string, Aliases> {
  const grouped = new Map<string, Record<string, number>>();
  for (const row of rows) {
    const key = keyOf(row);
    const aliases = grouped.get(key) ?? {};
    aliases[row.alias] = row.number;
    grouped.set(key, aliases);
  }
  return grouped;
}

/** Names have no slash. */
const keyOf = ({ tenant, name }: Target, number = 0): string => `${tenant}/${name}/${number}`;

function recordOf({ artifact: _artifact, tenant: _tenant, name: _name, ...record }: StoredVersion): VersionRecord {
  return record;
}
