/** Tenant store: tenants, and the end of all that belongs to one. */

import type { Kysely, Selectable, Transaction, Updateable } from 'kysely';
import { Fault } from '../core/faults.ts';
import { DEFAULT_TENANT } from '../core/tenant.ts';
import type { TenantRecord, TenantStore } from '../core/tenant.ts';
import { NO_QUOTAS, inTransaction } from './database.ts';
import type { Database, MainTransaction } from './database.ts';
import { deleteLogs } from './log-store.ts';
import type { LogSchema, MainSchema, TenantsTable } from './schema.ts';

export function createTenantStore(database: Database): TenantStore {
  const { main } = database;
  return {
    create: (name) => inTransaction(database, (trx) => createTenant(database, trx, name)),
    async list() {
      return (await main.selectFrom('tenants').selectAll().orderBy('name').execute()).map(recordOf);
    },
    async find(name) {
      const row = await main.selectFrom('tenants').selectAll().where('name', '=', name).executeTakeFirst();
      return row === undefined ? null : recordOf(row);
    },
    update: (name, change) => inTransaction(database, (trx) => updateTenant(database, trx, name, change)),
    erase: (name) => eraseTenant(database, name),
  };
}

async function createTenant(database: Database, trx: MainTransaction, name: string): Promise<TenantRecord> {
  const row = { ...NO_QUOTAS, name, suspended_ms: null, created_ms: Date.now() };
  const made = await trx
    .insertInto('tenants')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning('name')
    .executeTakeFirst();
  if (made === undefined) throw new Fault('CONFLICT', `There is a tenant ${name} already`);
  await database.announce(trx, [{ kind: 'tenants' }]);
  return recordOf(row);
}

async function updateTenant(
  database: Database,
  trx: MainTransaction,
  name: string,
  { quotas, suspendedMs }: Parameters<TenantStore['update']>[1],
): Promise<TenantRecord | null> {
  const columns: Updateable<TenantsTable> = {
    // So that a change of nothing is a statement too.
    name,
    ...(quotas === undefined ? {} : { quota_functions: quotas.functions, quota_concurrency: quotas.concurrency }),
    ...(suspendedMs === undefined ? {} : { suspended_ms: suspendedMs }),
  };
  const row = await trx.updateTable('tenants').set(columns).where('name', '=', name).returningAll().executeTakeFirst();
  if (row === undefined) return null;
  await database.announce(trx, [{ kind: 'tenants' }]);
  return recordOf(row);
}

/** Of each function the versions go first, and with them what hangs on them. */
const TABLES_OF_TENANTS = [
  'versions',
  'functions',
  'deployments',
  'services',
  'tokens',
  'variables',
  'audit',
  'idempotency',
  'results',
  'kv',
  'collections',
  'items',
  'data_usage',
  'queue_jobs',
  'event_outbox',
  'cron',
  'usage_hours',
  'usage_faults',
] as const satisfies readonly (keyof MainSchema)[];

async function eraseTenant(database: Database, name: string): Promise<boolean> {
  if (name === DEFAULT_TENANT) throw new Fault('CONFLICT', `The tenant ${name} always exists and can't be deleted`);
  // SQLite's lines are in another file: they go first, so that a crash in between leaves a tenant that can be erased again.
  if (database.engine === 'sqlite') await eraseLogs(database.logs, name);
  const wasThere = await inTransaction(database, (trx) => eraseRows(database, trx, name));
  if (database.engine === 'sqlite') await eraseLogs(database.logs, name);
  return wasThere;
}

async function eraseRows(database: Database, trx: MainTransaction, name: string): Promise<boolean> {
  // Whoever writes something of the tenant's waits for this row, and finds it gone.
  const { numDeletedRows } = await trx.deleteFrom('tenants').where('name', '=', name).executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  await keepLastNumber(trx, name);
  for (const table of TABLES_OF_TENANTS) {
    await trx.deleteFrom(table).where('tenant', '=', name).execute();
  }
  if (database.engine === 'postgres') await eraseLogs(trx as unknown as Transaction<LogSchema>, name);
  await database.announce(trx, [{ kind: 'all' }]);
  return true;
}

async function keepLastNumber(trx: MainTransaction, name: string): Promise<void> {
  const { last } = await trx
    .selectFrom('functions')
    .select((e) => e.fn.coalesce(e.fn.max('last_number'), e.lit(0)).as('last'))
    .where('tenant', '=', name)
    .executeTakeFirstOrThrow();
  const before = await trx
    .selectFrom('erased_tenants')
    .select('last_number')
    .where('name', '=', name)
    .executeTakeFirst();
  const last_number = Math.max(last, before?.last_number ?? 0);
  await trx
    .insertInto('erased_tenants')
    .values({ name, last_number })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ last_number }))
    .execute();
}

async function eraseLogs(logs: Kysely<LogSchema>, tenant: string): Promise<void> {
  await deleteLogs(logs, (query) => query.where('tenant', '=', tenant));
}

function recordOf(row: Selectable<TenantsTable>): TenantRecord {
  return {
    name: row.name,
    quotas: { functions: row.quota_functions, concurrency: row.quota_concurrency },
    suspendedMs: row.suspended_ms,
    createdMs: row.created_ms,
  };
}
