/** Kv store: values by key, and how much of them each tenant keeps. */

import type { Selectable } from 'kysely';
import { Fault } from '../core/faults.ts';
import type { KvEntry, KvKey, KvQuery, KvStore, KvWrite } from '../core/kv.ts';
import { isOver, lockUsage, quotaExceeded, setUsage } from './data-usage.ts';
import { holdsTenant, inTransaction } from './database.ts';
import type { Database, MainTransaction } from './database.ts';
import type { KvTable } from './schema.ts';

/** Rows that are removed in one transaction. */
const LOT = 500;

export function createKvStore(database: Database): KvStore {
  const { main } = database;
  return {
    async get(tenant, key, nowMs) {
      const row = await main
        .selectFrom('kv')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('key', '=', key)
        .executeTakeFirst();
      return row === undefined || isExpired(row, nowMs) ? null : entryOf(row);
    },
    set: (write) => inTransaction(database, (trx) => set(database, trx, write)),
    delete: (tenant, key, ifRevision, nowMs) =>
      inTransaction(database, (trx) => remove(database, trx, { tenant, key, ifRevision, nowMs })),
    list: (query) => list(database, query),
    prune: (nowMs) => prune(database, nowMs),
  };
}

async function set(database: Database, trx: MainTransaction, write: KvWrite): Promise<number> {
  const { tenant, key, value, expiresMs, quota, nowMs } = write;
  const usage = await lockUsage(database, trx, tenant, 'kv');
  const before = await find(trx, tenant, key);
  requireRevision(before, write);
  const size = Buffer.byteLength(key) + Buffer.byteLength(value);
  let after = {
    entries: usage.entries + (before === undefined ? 1 : 0),
    bytes: usage.bytes + size - (before?.size ?? 0),
  };
  if (isOver(after, quota)) {
    const freed = await removeExpired(trx, tenant, key, nowMs);
    after = { entries: after.entries - freed.entries, bytes: after.bytes - freed.bytes };
  }
  // What takes no more room than before is let through, should the quota have become smaller.
  if (isOver(after, quota) && (after.entries > usage.entries || after.bytes > usage.bytes))
    throw quotaExceeded('kv', quota);
  const content = { value, size, revision: usage.revision, expires_ms: expiresMs };
  await trx
    .insertInto('kv')
    .values({ tenant, key, ...content })
    .onConflict((conflict) => conflict.columns(['tenant', 'key']).doUpdateSet(content))
    .execute();
  await setUsage(trx, tenant, 'kv', after);
  return usage.revision;
}

async function remove(
  database: Database,
  trx: MainTransaction,
  wanted: Pick<KvWrite, 'tenant' | 'key' | 'ifRevision' | 'nowMs'>,
): Promise<boolean> {
  const { tenant, key, nowMs } = wanted;
  const usage = await lockUsage(database, trx, tenant, 'kv');
  const before = await find(trx, tenant, key);
  requireRevision(before, wanted);
  if (before === undefined) return false;
  await trx.deleteFrom('kv').where('tenant', '=', tenant).where('key', '=', key).execute();
  await setUsage(trx, tenant, 'kv', { entries: usage.entries - 1, bytes: usage.bytes - before.size });
  return !isExpired(before, nowMs);
}

const find = (trx: MainTransaction, tenant: string, key: string): Promise<Selectable<KvTable> | undefined> =>
  trx.selectFrom('kv').selectAll().where('tenant', '=', tenant).where('key', '=', key).executeTakeFirst();

/** Throws CONFLICT. */
function requireRevision(
  before: Selectable<KvTable> | undefined,
  { key, ifRevision, nowMs }: Pick<KvWrite, 'key' | 'ifRevision' | 'nowMs'>,
): void {
  if (ifRevision === null) return;
  const revision = before === undefined || isExpired(before, nowMs) ? 0 : before.revision;
  if (revision === ifRevision) return;
  const is = revision === 0 ? 'is not there' : `has the revision ${revision}`;
  const wanted = ifRevision === 0 ? 'not to be there' : `to have the revision ${ifRevision}`;
  throw new Fault('CONFLICT', `The key ${JSON.stringify(key.slice(0, 80))} ${is}, and was expected ${wanted}`);
}

/** All that has expired but the key that is being written. */
async function removeExpired(
  trx: MainTransaction,
  tenant: string,
  except: string,
  nowMs: number,
): Promise<{ entries: number; bytes: number }> {
  const gone = await trx
    .deleteFrom('kv')
    .where('tenant', '=', tenant)
    .where('key', '!=', except)
    .where('expires_ms', '<=', nowMs)
    .returning('size')
    .execute();
  return { entries: gone.length, bytes: gone.reduce((sum, { size }) => sum + size, 0) };
}

async function list({ main }: Database, { tenant, prefix, after, limit, nowMs }: KvQuery): Promise<KvKey[]> {
  const end = afterPrefix(prefix);
  const rows = await main
    .selectFrom('kv')
    .select(['key', 'revision', 'expires_ms'])
    .where('tenant', '=', tenant)
    .where((e) => e.or([e('expires_ms', 'is', null), e('expires_ms', '>', nowMs)]))
    .where('key', '>=', prefix)
    .$if(end !== null, (query) => query.where('key', '<', end!))
    .$if(after !== null, (query) => query.where('key', '>', after!))
    .orderBy('key')
    .limit(limit)
    .execute();
  return rows.map(keyOf);
}

const MAX_CODE_POINT = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const AFTER_SURROGATES = 0xe000;

/** The first text after all that begin with the prefix, in the order of UTF-8's bytes; null: nothing comes after them. */
function afterPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.at(-1) === MAX_CODE_POINT) points.pop();
  const last = points.pop();
  if (last === undefined) return null;
  const next = last + 1 === FIRST_SURROGATE ? AFTER_SURROGATES : last + 1;
  return String.fromCodePoint(...points, next);
}

/** A tenant at a time, so that each has its sums right. */
async function prune(database: Database, nowMs: number): Promise<number> {
  let pruned = 0;
  for (;;) {
    const found = await database.main
      .selectFrom('kv')
      .select(['tenant', 'key'])
      .where('expires_ms', '<=', nowMs)
      .limit(LOT)
      .execute();
    if (found.length === 0) return pruned;
    for (const [tenant, rows] of Map.groupBy(found, (row) => row.tenant)) {
      const keys = rows.map(({ key }) => key);
      pruned += await inTransaction(database, (trx) => pruneTenant(database, trx, tenant, keys, nowMs));
    }
  }
}

async function pruneTenant(
  database: Database,
  trx: MainTransaction,
  tenant: string,
  keys: readonly string[],
  nowMs: number,
): Promise<number> {
  // It was erased meanwhile, and all its keys with it.
  if (!(await holdsTenant(database, trx, tenant))) return 0;
  const usage = await lockUsage(database, trx, tenant, 'kv');
  const gone = await trx
    .deleteFrom('kv')
    .where('tenant', '=', tenant)
    .where('key', 'in', keys)
    .where('expires_ms', '<=', nowMs)
    .returning('size')
    .execute();
  const bytes = gone.reduce((sum, { size }) => sum + size, 0);
  await setUsage(trx, tenant, 'kv', { entries: usage.entries - gone.length, bytes: usage.bytes - bytes });
  return gone.length;
}

const isExpired = ({ expires_ms }: Pick<KvTable, 'expires_ms'>, nowMs: number): boolean =>
  expires_ms !== null && expires_ms <= nowMs;

const keyOf = ({ key, revision, expires_ms }: Pick<KvTable, 'key' | 'revision' | 'expires_ms'>): KvKey => ({
  key,
  revision,
  expiresMs: expires_ms,
});

const entryOf = (row: Selectable<KvTable>): KvEntry => ({ ...keyOf(row), value: row.value });
