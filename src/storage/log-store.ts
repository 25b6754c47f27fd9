/** Log store: the lines that functions wrote. Their ids come from whoever writes them (core/log-ids.ts). */

import { setImmediate } from 'node:timers/promises';
import type { Kysely, Selectable, SelectQueryBuilder } from 'kysely';
import type { LogLine, LogQuery } from '../core/log-line.ts';
import { lotsOf } from './database.ts';
import type { Database } from './database.ts';
import type { LogSchema, LogsTable } from './schema.ts';
import type { LogRetention, LogStore } from './storage.ts';

/** Rows deleted at a time: an engine inside this process stops everything else while it works. */
const DELETE_LOT = 2_000;

/** Lines inserted at a time, so that their parameters stay under the engine's bound. */
const APPEND_LOT = 256;

type Db = Kysely<LogSchema>;

export function createLogStore({ logs }: Pick<Database, 'logs'>): LogStore {
  return {
    append: (lines) => appendLogs(logs, lines),
    read: (query) => readLogs(logs, query),
    async lastId() {
      const { id } = await logs
        .selectFrom('logs')
        .select((e) => e.fn.max('id').as('id'))
        .executeTakeFirstOrThrow();
      return id ?? 0;
    },
    async remove(tenant, name) {
      await deleteLogs(logs, (query) => logsOf(query, tenant, name));
    },
    prune: (retention) => pruneLogs(logs, retention),
  };
}

async function appendLogs(db: Db, lines: readonly LogLine[]): Promise<void> {
  for (const lot of lotsOf(lines, APPEND_LOT)) {
    for (let rows = lot.map(logRow); rows.length > 0;) rows = await insertFree(db, rows);
  }
}

/** Two nodes may give one id, once in a great while; the second line comes right behind the first. Those that are left. */
async function insertFree(db: Db, rows: readonly LogsTable[]): Promise<LogsTable[]> {
  const inserted = await db
    .insertInto('logs')
    .values(rows)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .execute();
  if (inserted.length === rows.length) return [];
  const ids = new Set(inserted.map(({ id }) => id));
  return rows.filter(({ id }) => !ids.has(id)).map((row) => ({ ...row, id: row.id + 1 }));
}

async function readLogs(db: Db, { tenant, name, afterId, limit }: LogQuery): Promise<LogLine[]> {
  const query = db.selectFrom('logs').selectAll().where('tenant', '=', tenant).where('name', '=', name).limit(limit);
  if (afterId !== null) return (await query.where('id', '>', afterId).orderBy('id').execute()).map(lineOf);
  return (await query.orderBy('id', 'desc').execute()).map(lineOf).reverse();
}

async function pruneLogs(db: Db, { beforeMs, maxLines }: LogRetention): Promise<number> {
  let gone = await deleteLogs(db, (query) => query.where('time_ms', '<', beforeMs));
  const crowded = await db
    .selectFrom('logs')
    .select(['tenant', 'name'])
    .groupBy(['tenant', 'name'])
    .having((e) => e.fn.countAll(), '>', maxLines)
    .execute();
  for (const { tenant, name } of crowded) {
    const newestToGo = await logsOf(db.selectFrom('logs').select('id'), tenant, name)
      .orderBy('id', 'desc')
      .offset(maxLines)
      .limit(1)
      .executeTakeFirst();
    if (newestToGo === undefined) continue;
    gone += await deleteLogs(db, (query) => logsOf(query, tenant, name).where('id', '<=', newestToGo.id));
  }
  return gone;
}

type Ids = SelectQueryBuilder<LogSchema, 'logs', { id: number }>;

export const logsOf = (query: Ids, tenant: string, name: string): Ids =>
  query.where('tenant', '=', tenant).where('name', '=', name);

/** Returns how many went. */
export async function deleteLogs(db: Db, which: (query: Ids) => Ids): Promise<number> {
  for (let gone = 0; ;) {
    const { numDeletedRows } = await db
      .deleteFrom('logs')
      .where('id', 'in', which(db.selectFrom('logs').select('id')).limit(DELETE_LOT))
      .executeTakeFirst();
    gone += Number(numDeletedRows);
    if (numDeletedRows < BigInt(DELETE_LOT)) return gone;
    await setImmediate();
  }
}

const logRow = ({ timeMs, ...line }: LogLine): LogsTable => ({ ...line, time_ms: timeMs });

const lineOf = ({ time_ms: timeMs, level, ...row }: Selectable<LogsTable>): LogLine => ({
  ...row,
  level: level as LogLine['level'],
  timeMs,
});
