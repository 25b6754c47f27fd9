/** Result store: outcomes of asynchronous invocations. */

import type { Insertable, Selectable } from 'kysely';
import type { InvocationResult, InvocationResultStore } from '../core/invocation-result.ts';
import { holdsTenant, inTransaction } from './database.ts';
import type { Database, MainTransaction } from './database.ts';
import type { ResultsTable } from './schema.ts';

export function createResultStore(database: Database): InvocationResultStore {
  const { main, node } = database;
  return {
    async put(result) {
      await inTransaction(database, async (trx) => {
        // An invocation may end after its tenant was erased, and then there is nobody to keep it for.
        if (await holdsTenant(database, trx, result.tenant)) await put(trx, { ...rowOf(result), node });
      });
    },
    async find(tenant, id) {
      const row = await main
        .selectFrom('results')
        .selectAll()
        .where('id', '=', id)
        .where('tenant', '=', tenant)
        .executeTakeFirst();
      return row === undefined ? null : resultOf(row);
    },
    async failRunning(code, message) {
      const { numUpdatedRows } = await main
        .updateTable('results')
        .set({ status: 'failed', fault_code: code, fault_message: message, finished_ms: Date.now() })
        .where('status', '=', 'running')
        .where('node', 'not in', await database.liveNodes(main))
        .executeTakeFirst();
      return Number(numUpdatedRows);
    },
    async prune(beforeMs) {
      const { numDeletedRows } = await main.deleteFrom('results').where('created_ms', '<', beforeMs).executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}

async function put(trx: MainTransaction, row: Insertable<ResultsTable>): Promise<void> {
  const { id: _id, tenant, ...rest } = row;
  await trx
    .insertInto('results')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(rest).where('results.tenant', '=', tenant))
    .execute();
}

function rowOf({ response, fault, ...result }: InvocationResult): Omit<Insertable<ResultsTable>, 'node'> {
  return {
    id: result.id,
    tenant: result.tenant,
    function_name: result.functionName,
    version: result.version,
    status: result.status,
    response_status: response?.status ?? null,
    response_headers: response === null ? null : JSON.stringify(response.headers),
    response_body: response?.body ?? null,
    fault_code: fault?.code ?? null,
    fault_message: fault?.message ?? null,
    created_ms: result.createdMs,
    finished_ms: result.finishedMs,
  };
}

function resultOf(row: Selectable<ResultsTable>): InvocationResult {
  return {
    id: row.id,
    tenant: row.tenant,
    functionName: row.function_name,
    version: row.version,
    status: row.status as InvocationResult['status'],
    response:
      row.response_status === null
        ? null
        : {
            status: row.response_status,
            headers: JSON.parse(row.response_headers!) as string[],
            body: row.response_body!,
          },
    fault: row.fault_code === null ? null : { code: row.fault_code, message: row.fault_message! },
    createdMs: row.created_ms,
    finishedMs: row.finished_ms,
  };
}
