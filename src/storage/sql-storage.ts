/** SQL storage: the {@link Storage} seam written once, in kysely, for whichever engine is behind it. */

import { setImmediate } from 'node:timers/promises';
import type { Kysely, Selectable, Transaction } from 'kysely';
import type { FunctionRecord, NewVersion, SourceFiles } from '../core/deployment.ts';
import type { Artifact, FunctionVersion } from '../core/function.ts';
import type { Limits } from '../core/limits.ts';
import type { LogLine, LogQuery } from '../core/log-line.ts';
import type { ArtifactsTable, FunctionsTable, LogSchema, LogsTable, MainSchema, VersionsTable } from './schema.ts';
import type { LogRetention, Storage } from './storage.ts';

/** Rows deleted at a time: an engine inside this process stops everything else while it works. */
const PRUNE_STEP = 2_000;

/** Lines inserted at a time, so that their parameters stay under the engine's bound. */
const APPEND_STEP = 256;

/** Both databases are migrated already; closing the storage closes them. */
export function createSqlStorage(main: Kysely<MainSchema>, logs: Kysely<LogSchema>): Storage {
  return {
    deployVersion: (version, files) => main.transaction().execute((trx) => deployVersion(trx, version, files)),
    liveVersions: () => liveVersions(main),
    functionsOf: (tenant) => functionsOf(main, tenant),
    functionOf: async (tenant, name) => (await functionsOf(main, tenant, name))[0] ?? null,
    sourcesOf: (tenant, name, number) => sourcesOf(main, tenant, name, number),
    async deleteFunction(tenant, name) {
      const wasThere = await main.transaction().execute((trx) => deleteFunction(trx, tenant, name));
      await deleteLogs(logs, (query) => query.where('tenant', '=', tenant).where('name', '=', name));
      return wasThere;
    },
    appendLogs: (lines) => appendLogs(logs, lines),
    readLogs: (query) => readLogs(logs, query),
    async lastLogId() {
      const { id } = await logs
        .selectFrom('logs')
        .select((e) => e.fn.max('id').as('id'))
        .executeTakeFirstOrThrow();
      return id ?? 0;
    },
    pruneLogs: (retention) => pruneLogs(logs, retention),
    async close() {
      await Promise.all([main.destroy(), logs.destroy()]);
    },
  };
}

async function deployVersion(
  trx: Transaction<MainSchema>,
  version: NewVersion,
  files: SourceFiles,
): Promise<FunctionVersion> {
  const { tenant, name, artifact } = version;
  const now = Date.now();
  const { last_number: number } = await trx
    .insertInto('functions')
    .values({ tenant, name, last_number: 1, live_number: 1, created_ms: now })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'name']).doUpdateSet((e) => ({
        last_number: e('functions.last_number', '+', 1),
        live_number: e('functions.last_number', '+', 1),
        // A name that comes back after it was deleted begins anew.
        created_ms: e.fn.coalesce(
          e.case().when('functions.live_number', 'is not', null).then(e.ref('functions.created_ms')).end(),
          e.val(now),
        ),
      })),
    )
    .returning('last_number')
    .executeTakeFirstOrThrow();
  await trx
    .insertInto('versions')
    .values({ ...versionRow(version), number, deployed_ms: now })
    .execute();
  await trx
    .insertInto('artifacts')
    .values({ tenant, name, number, code: artifact.code, cache: artifact.cache })
    .execute();
  for (const [path, content] of files) {
    await trx.insertInto('sources').values({ tenant, name, number, path, content }).execute();
  }
  return numbered(version, number);
}

async function liveVersions(db: Kysely<MainSchema>): Promise<FunctionVersion[]> {
  const rows = await live(db)
    .innerJoin('artifacts', (join) =>
      join
        .onRef('artifacts.tenant', '=', 'versions.tenant')
        .onRef('artifacts.name', '=', 'versions.name')
        .onRef('artifacts.number', '=', 'versions.number'),
    )
    .selectAll('versions')
    .select(['artifacts.code', 'artifacts.cache'])
    .execute();
  return rows.map(versionOf);
}

async function functionsOf(db: Kysely<MainSchema>, tenant: string, name?: string): Promise<FunctionRecord[]> {
  const rows = await live(db)
    .selectAll('versions')
    .select('functions.created_ms')
    .where('functions.tenant', '=', tenant)
    .$if(name !== undefined, (query) => query.where('functions.name', '=', name!))
    .orderBy('functions.name')
    .execute();
  return rows.map(recordOf);
}

async function sourcesOf(db: Kysely<MainSchema>, tenant: string, name: string, number: number): Promise<SourceFiles> {
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

async function deleteFunction(trx: Transaction<MainSchema>, tenant: string, name: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('functions')
    .set({ live_number: null })
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where('live_number', 'is not', null)
    .executeTakeFirst();
  await trx.deleteFrom('versions').where('tenant', '=', tenant).where('name', '=', name).execute();
  return numUpdatedRows > 0n;
}

async function appendLogs(db: Kysely<LogSchema>, lines: readonly LogLine[]): Promise<void> {
  for (let start = 0; start < lines.length; start += APPEND_STEP) {
    await db
      .insertInto('logs')
      .values(lines.slice(start, start + APPEND_STEP).map(logRow))
      .execute();
  }
}

async function readLogs(db: Kysely<LogSchema>, { tenant, name, afterId, limit }: LogQuery): Promise<LogLine[]> {
  const query = db.selectFrom('logs').selectAll().where('tenant', '=', tenant).where('name', '=', name).limit(limit);
  if (afterId !== null) return (await query.where('id', '>', afterId).orderBy('id').execute()).map(lineOf);
  return (await query.orderBy('id', 'desc').execute()).map(lineOf).reverse();
}

async function pruneLogs(db: Kysely<LogSchema>, { beforeMs, maxLines }: LogRetention): Promise<number> {
  let gone = await deleteLogs(db, (query) => query.where('time_ms', '<', beforeMs));
  const crowded = await db
    .selectFrom('logs')
    .select(['tenant', 'name'])
    .groupBy(['tenant', 'name'])
    .having((e) => e.fn.countAll(), '>', maxLines)
    .execute();
  for (const { tenant, name } of crowded) {
    const newestToGo = await logsOf(db, tenant, name)
      .orderBy('id', 'desc')
      .offset(maxLines)
      .limit(1)
      .executeTakeFirst();
    if (newestToGo === undefined) continue;
    gone += await deleteLogs(db, (query) =>
      query.where('tenant', '=', tenant).where('name', '=', name).where('id', '<=', newestToGo.id),
    );
  }
  return gone;
}

const selectIds = (db: Kysely<LogSchema>) => db.selectFrom('logs').select('id');

const logsOf = (db: Kysely<LogSchema>, tenant: string, name: string) =>
  selectIds(db).where('tenant', '=', tenant).where('name', '=', name);

async function deleteLogs(
  db: Kysely<LogSchema>,
  which: (query: ReturnType<typeof selectIds>) => ReturnType<typeof selectIds>,
): Promise<number> {
  for (let gone = 0; ;) {
    const { numDeletedRows } = await db
      .deleteFrom('logs')
      .where('id', 'in', which(selectIds(db)).limit(PRUNE_STEP))
      .executeTakeFirst();
    gone += Number(numDeletedRows);
    if (numDeletedRows < BigInt(PRUNE_STEP)) return gone;
    await setImmediate();
  }
}

const live = (db: Kysely<MainSchema>) =>
  db
    .selectFrom('functions')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.tenant', '=', 'functions.tenant')
        .onRef('versions.name', '=', 'functions.name')
        .onRef('versions.number', '=', 'functions.live_number'),
    );

type VersionRow = Selectable<VersionsTable>;

function versionRow(version: NewVersion): Omit<VersionRow, 'number' | 'deployed_ms'> {
  return {
    tenant: version.tenant,
    name: version.name,
    hash: version.hash,
    tier: version.tier,
    cordon: version.cordon,
    handler: version.handler,
    handler_name: version.handlerName,
    limits: JSON.stringify(version.limits),
    env: JSON.stringify(version.env),
    request_body: version.requestBody,
    pass_authorization: Number(version.passAuthorization),
    artifact_format: version.artifact.format,
    artifact_interleaves: Number(version.artifact.interleaves),
  };
}

/** The database is the host's own, so its words are taken for what they are in the types. */
function versionOf(row: VersionRow & Pick<Selectable<ArtifactsTable>, 'code' | 'cache'>): FunctionVersion {
  const artifact = {
    format: row.artifact_format as Artifact['format'],
    code: row.code,
    cache: row.cache,
    interleaves: row.artifact_interleaves === 1,
  };
  return numbered({ ...sharedOf(row), env: envOf(row), artifact }, row.number);
}

function recordOf(row: VersionRow & Pick<Selectable<FunctionsTable>, 'created_ms'>): FunctionRecord {
  return {
    ...sharedOf(row),
    version: row.number,
    envNames: Object.keys(envOf(row)).sort(),
    createdMs: row.created_ms,
    deployedMs: row.deployed_ms,
  };
}

function sharedOf(row: VersionRow): Omit<NewVersion, 'artifact' | 'env'> {
  return {
    tenant: row.tenant,
    name: row.name,
    hash: row.hash,
    tier: row.tier as FunctionVersion['tier'],
    cordon: row.cordon as FunctionVersion['cordon'],
    handler: row.handler as FunctionVersion['handler'],
    handlerName: row.handler_name,
    limits: JSON.parse(row.limits) as Limits,
    requestBody: row.request_body as FunctionVersion['requestBody'],
    passAuthorization: row.pass_authorization === 1,
  };
}

const envOf = (row: VersionRow): Record<string, string> => JSON.parse(row.env) as Record<string, string>;

const numbered = (version: NewVersion, number: number): FunctionVersion => ({
  ...version,
  key: `${version.tenant}/${version.name}@${number}`,
  number,
  ephemeral: false,
});

const logRow = ({ timeMs, ...line }: LogLine): LogsTable => ({ ...line, time_ms: timeMs });

const lineOf = ({ time_ms: timeMs, ...row }: Selectable<LogsTable>): LogLine => ({
  ...row,
  id: row.id,
  level: row.level as LogLine['level'],
  timeMs,
});
