/** Items store: collections of JSON documents, and how much of them each tenant keeps. */

import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import { Fault } from '../core/faults.ts';
import type { DataQuota } from '../core/data-quota.ts';
import { MAX_ITEM_BYTES } from '../core/items.ts';
import type {
  Collection,
  ItemPermissions,
  ItemQuery,
  ItemScope,
  ItemStore,
  NewItem,
  StoredItem,
} from '../core/items.ts';
import { isOver, lockUsage, quotaExceeded, setUsage } from './data-usage.ts';
import { inSnapshot, inTransaction, lotsOf } from './database.ts';
import type { Database, MainTransaction } from './database.ts';
import { conditionOf, orderOf } from './item-conditions.ts';
import type { CollectionsTable, ItemsTable } from './schema.ts';

/** Items that one statement asks for by id. */
const LOT = 200;
/** On PostgreSQL, where another query would wait for a connection meanwhile. */
const STATEMENT_MS = 5_000;

export function createItemStore(database: Database): ItemStore {
  const { main } = database;
  return {
    async collection(tenant, slug) {
      const row = await main
        .selectFrom('collections')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('slug', '=', slug)
        .executeTakeFirst();
      return row === undefined ? null : collectionOf(row);
    },
    async collections(tenant) {
      const rows = await main
        .selectFrom('collections')
        .selectAll()
        .where('tenant', '=', tenant)
        .orderBy('slug')
        .execute();
      return rows.map(collectionOf);
    },
    putCollection: (wanted, maxCollections, nowMs) =>
      inTransaction(database, (trx) => putCollection(database, trx, wanted, maxCollections, nowMs)),
    removeCollection: (tenant, slug) => inTransaction(database, (trx) => removeCollection(database, trx, tenant, slug)),
    select: (scope, query, maxBytes) =>
      inSnapshot(database, main, (trx) => select(database, trx, scope, query, maxBytes)).catch(refuseSlow),
    async find(scope, id) {
      const row = await rowsOf(main, scope).selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : itemOf(row);
    },
    insert: (item, quota) => inTransaction(database, (trx) => insert(database, trx, item, quota)),
    update: (scope, id, changes, quota, nowMs) =>
      inTransaction(database, (trx) => update(database, trx, scope, id, changes, quota, nowMs)),
    remove: (scope, id) => inTransaction(database, (trx) => remove(database, trx, scope, id)),
  };
}

async function putCollection(
  database: Database,
  trx: MainTransaction,
  { tenant, slug, permissions }: Pick<Collection, 'tenant' | 'slug' | 'permissions'>,
  maxCollections: number,
  nowMs: number,
): Promise<Collection> {
  await lockUsage(database, trx, tenant, 'items');
  const content = { permissions: JSON.stringify(permissions), updated_ms: nowMs };
  const row = await trx
    .insertInto('collections')
    .values({ tenant, slug, created_ms: nowMs, ...content })
    .onConflict((conflict) => conflict.columns(['tenant', 'slug']).doUpdateSet(content))
    .returningAll()
    .executeTakeFirstOrThrow();
  const { count } = await trx
    .selectFrom('collections')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('tenant', '=', tenant)
    .executeTakeFirstOrThrow();
  if (count > maxCollections)
    throw new Fault('QUOTA_EXCEEDED', `The tenant may have ${maxCollections} collections, and this would be more`);
  return collectionOf(row);
}

async function removeCollection(
  database: Database,
  trx: MainTransaction,
  tenant: string,
  slug: string,
): Promise<boolean> {
  const usage = await lockUsage(database, trx, tenant, 'items');
  const { numDeletedRows } = await trx
    .deleteFrom('collections')
    .where('tenant', '=', tenant)
    .where('slug', '=', slug)
    .executeTakeFirst();
  const items = trx.selectFrom('items').where('tenant', '=', tenant).where('collection', '=', slug);
  const { entries, bytes } = await items
    .select((e) => [
      e.fn.countAll<number>().as('entries'),
      e.fn.coalesce(e.fn.sum<number>('size'), e.lit(0)).as('bytes'),
    ])
    .executeTakeFirstOrThrow();
  await trx.deleteFrom('items').where('tenant', '=', tenant).where('collection', '=', slug).execute();
  await setUsage(trx, tenant, 'items', { entries: usage.entries - entries, bytes: usage.bytes - bytes });
  return numDeletedRows > 0n;
}

/** Their sizes first: what is too much is never read. */
async function select(
  { engine }: Database,
  trx: MainTransaction,
  scope: ItemScope,
  { filter, sort, limit, offset }: ItemQuery,
  maxBytes: number,
): Promise<StoredItem[] | null> {
  if (engine === 'postgres')
    await sql`select set_config('statement_timeout', ${String(STATEMENT_MS)}, true)`.execute(trx);
  const found = await orderOf(sort, engine)
    .reduce((query, term) => query.orderBy(term), rowsOf(trx, scope).select(['id', 'size']))
    .where(conditionOf(filter, engine))
    .orderBy('created_ms')
    .orderBy('id')
    .limit(limit)
    .offset(offset)
    .execute();
  if (found.reduce((sum, { size }) => sum + size, 0) > maxBytes) return null;
  const byId = new Map<string, StoredItem>();
  for (const lot of lotsOf(found, LOT)) {
    const ids = lot.map(({ id }) => id);
    const rows = await rowsOf(trx, scope).selectAll().where('id', 'in', ids).execute();
    for (const row of rows) byId.set(row.id, itemOf(row));
  }
  return found.flatMap(({ id }) => byId.get(id) ?? []);
}

async function insert(database: Database, trx: MainTransaction, item: NewItem, quota: DataQuota): Promise<void> {
  const { tenant, slug } = item;
  const usage = await lockUsage(database, trx, tenant, 'items');
  const collection = await trx
    .selectFrom('collections')
    .select('slug')
    .where('tenant', '=', tenant)
    .where('slug', '=', slug)
    .executeTakeFirst();
  if (collection === undefined) throw new Fault('NOT_FOUND', `There is no collection ${slug}`);
  const { json, size } = jsonOf(item.data);
  const after = { entries: usage.entries + 1, bytes: usage.bytes + size };
  if (isOver(after, quota)) throw quotaExceeded('items', quota);
  await trx
    .insertInto('items')
    .values({
      tenant,
      collection: slug,
      id: item.id,
      owner: item.owner,
      data: json,
      size,
      created_ms: item.createdMs,
      updated_ms: item.updatedMs,
    })
    .execute();
  await setUsage(trx, tenant, 'items', after);
}

async function update(
  database: Database,
  trx: MainTransaction,
  scope: ItemScope,
  id: string,
  changes: Readonly<Record<string, unknown>>,
  quota: DataQuota,
  nowMs: number,
): Promise<StoredItem | null> {
  const usage = await lockUsage(database, trx, scope.tenant, 'items');
  const row = await rowsOf(trx, scope).selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return null;
  const before = itemOf(row);
  const data = { ...before.data, ...changes };
  const { json, size } = jsonOf(data);
  const after = { entries: usage.entries, bytes: usage.bytes + size - row.size };
  if (isOver(after, quota) && size > row.size) throw quotaExceeded('items', quota);
  await trx
    .updateTable('items')
    .set({ data: json, size, updated_ms: nowMs })
    .where('tenant', '=', scope.tenant)
    .where('collection', '=', scope.slug)
    .where('id', '=', id)
    .execute();
  await setUsage(trx, scope.tenant, 'items', after);
  return { ...before, data, updatedMs: nowMs };
}

async function remove(
  database: Database,
  trx: MainTransaction,
  scope: ItemScope,
  id: string,
): Promise<StoredItem | null> {
  const usage = await lockUsage(database, trx, scope.tenant, 'items');
  const row = await rowsOf(trx, scope).selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return null;
  await trx
    .deleteFrom('items')
    .where('tenant', '=', scope.tenant)
    .where('collection', '=', scope.slug)
    .where('id', '=', id)
    .execute();
  await setUsage(trx, scope.tenant, 'items', { entries: usage.entries - 1, bytes: usage.bytes - row.size });
  return itemOf(row);
}

/** Rejects with OVERLOADED for what took too long. */
function refuseSlow(error: unknown): never {
  if ((error as { readonly code?: unknown }).code !== '57014') throw error;
  throw new Fault('OVERLOADED', `The query took longer than ${STATEMENT_MS} ms: narrow it down`);
}

/** Those that are meant, and never another tenant's. */
function rowsOf(db: Database['main'], { tenant, slug, owner }: ItemScope) {
  return db
    .selectFrom('items')
    .where('tenant', '=', tenant)
    .where('collection', '=', slug)
    .$if(owner !== null, (query) => query.where('owner', '=', owner));
}

/** Throws BAD_REQUEST. */
function jsonOf(data: StoredItem['data']): { readonly json: string; readonly size: number } {
  const json = JSON.stringify(data);
  const size = Buffer.byteLength(json);
  if (size <= MAX_ITEM_BYTES) return { json, size };
  throw new Fault(
    'BAD_REQUEST',
    `An item may have at most ${MAX_ITEM_BYTES} bytes of JSON, and this would have ${size}`,
  );
}

function itemOf(row: Selectable<ItemsTable>): StoredItem {
  return {
    id: row.id,
    owner: row.owner,
    data: JSON.parse(row.data) as Record<string, unknown>,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  };
}

function collectionOf(row: Selectable<CollectionsTable>): Collection {
  return {
    tenant: row.tenant,
    slug: row.slug,
    permissions: JSON.parse(row.permissions) as ItemPermissions,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  };
}
