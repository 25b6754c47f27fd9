/** Deployment store: how deployments went. */

import type { Insertable, Selectable } from 'kysely';
import type { DeploymentRecord, DeploymentStore } from '../core/deployment.ts';
import { holdsTenant, inTransaction } from './database.ts';
import type { Database, MainTransaction } from './database.ts';
import type { DeploymentsTable } from './schema.ts';

/** Of each function. */
const KEPT_RECORDS = 100;

export function createDeploymentStore(database: Database): DeploymentStore {
  const { main, node } = database;
  return {
    async put(record) {
      await inTransaction(database, async (trx) => {
        // A deployment may end after its tenant was erased, and then there is nobody to keep it for.
        if (!(await holdsTenant(database, trx, record.tenant))) return;
        await put(trx, { ...rowOf(record), node });
        await pruneRecords(trx, record);
      });
    },
    async list(tenant, functionName, limit) {
      const rows = await main
        .selectFrom('deployments')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('function_name', '=', functionName)
        .orderBy('created_ms', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map(recordOf);
    },
    async failRunning(error) {
      const { numUpdatedRows } = await main
        .updateTable('deployments')
        .set({ status: 'failed', error, finished_ms: Date.now() })
        .where('status', '=', 'running')
        .where('node', 'not in', await database.liveNodes(main))
        .executeTakeFirst();
      return Number(numUpdatedRows);
    },
  };
}

async function put(trx: MainTransaction, row: Insertable<DeploymentsTable>): Promise<void> {
  const { id: _id, tenant, ...rest } = row;
  await trx
    .insertInto('deployments')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(rest).where('deployments.tenant', '=', tenant))
    .execute();
}

async function pruneRecords(trx: MainTransaction, { tenant, functionName }: DeploymentRecord): Promise<void> {
  const surplus = trx
    .selectFrom('deployments')
    .select('id')
    .where('tenant', '=', tenant)
    .where('function_name', '=', functionName)
    .orderBy('created_ms', 'desc')
    .orderBy('id', 'desc')
    .offset(KEPT_RECORDS)
    // SQLite has no offset without a limit.
    .limit(1_000);
  await trx.deleteFrom('deployments').where('id', 'in', surplus).execute();
}

function rowOf(record: DeploymentRecord): Omit<Insertable<DeploymentsTable>, 'node'> {
  return {
    id: record.id,
    tenant: record.tenant,
    function_name: record.functionName,
    version: record.version,
    status: record.status,
    phase: record.phase,
    error: record.error,
    log: record.log,
    created_ms: record.createdMs,
    finished_ms: record.finishedMs,
  };
}

function recordOf(row: Selectable<DeploymentsTable>): DeploymentRecord {
  return {
    id: row.id,
    tenant: row.tenant,
    functionName: row.function_name,
    version: row.version,
    status: row.status as DeploymentRecord['status'],
    phase: row.phase as DeploymentRecord['phase'],
    error: row.error,
    log: row.log,
    createdMs: row.created_ms,
    finishedMs: row.finished_ms,
  };
}
