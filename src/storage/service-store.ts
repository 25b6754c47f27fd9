/** Service store: services of `/api/v1/services/`. */

import type { Insertable, Selectable } from 'kysely';
import { Fault } from '../core/faults.ts';
import type { ServiceRecord, ServiceStore } from '../core/service.ts';
import { holdTenant, inTransaction, isDuplicate } from './database.ts';
import type { Database } from './database.ts';
import type { ServicesTable } from './schema.ts';

export function createServiceStore(database: Database): ServiceStore {
  const { main } = database;
  return {
    async add(service) {
      await unlessTaken(service, () =>
        inTransaction(database, async (trx) => {
          await holdTenant(database, trx, service.tenant);
          await trx.insertInto('services').values(rowOf(service)).execute();
        }),
      );
    },
    async update(service) {
      await unlessTaken(service, () =>
        main
          .updateTable('services')
          .set(rowOf(service))
          .where('id', '=', service.id)
          .where('tenant', '=', service.tenant)
          .execute(),
      );
    },
    async list(tenant, after, limit) {
      const rows = await main
        .selectFrom('services')
        .selectAll()
        .where('tenant', '=', tenant)
        .$if(after !== null, (query) => query.where('name', '>', after!))
        .orderBy('name')
        .limit(limit)
        .execute();
      return rows.map(recordOf);
    },
    async find(tenant, id) {
      const row = await main
        .selectFrom('services')
        .selectAll()
        .where('id', '=', id)
        .where('tenant', '=', tenant)
        .executeTakeFirst();
      return row === undefined ? null : recordOf(row);
    },
    async remove(tenant, id) {
      const { numDeletedRows } = await main
        .deleteFrom('services')
        .where('id', '=', id)
        .where('tenant', '=', tenant)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },
  };
}

async function unlessTaken({ name, functionName }: ServiceRecord, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    throw new Fault('CONFLICT', `There is a service already that is named ${name} or has the function ${functionName}`);
  }
}

function rowOf(service: ServiceRecord): Insertable<ServicesTable> {
  return {
    id: service.id,
    tenant: service.tenant,
    name: service.name,
    function_name: service.functionName,
    runtime: service.runtime,
    handler: service.handler,
    public_domain: service.publicDomain,
    memory_mb: service.memoryMb,
    cpu_shares: service.cpuShares,
    min_replicas: service.minReplicas,
    max_replicas: service.maxReplicas,
    created_ms: service.createdMs,
    updated_ms: service.updatedMs,
  };
}

function recordOf(row: Selectable<ServicesTable>): ServiceRecord {
  return {
    id: row.id,
    tenant: row.tenant,
    name: row.name,
    functionName: row.function_name,
    runtime: row.runtime,
    handler: row.handler,
    publicDomain: row.public_domain,
    memoryMb: row.memory_mb,
    cpuShares: row.cpu_shares,
    minReplicas: row.min_replicas,
    maxReplicas: row.max_replicas,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  };
}
