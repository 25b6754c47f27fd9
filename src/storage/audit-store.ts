/** Audit store: what operators did, and what egress refused. */

import type { Selectable } from 'kysely';
import type { AuditRecord, AuditStore } from '../core/audit.ts';
import { inTransaction, lotsOf } from './database.ts';
import type { Database } from './database.ts';
import type { AuditTable } from './schema.ts';

/** Entries of one statement. */
const LOT = 500;

export function createAuditStore(database: Database): AuditStore {
  const { main } = database;
  return {
    async append(entries) {
      await inTransaction(database, async (trx) => {
        for (const lot of lotsOf(entries, LOT)) {
          const rows = lot.map(({ timeMs, details, ...entry }) => ({
            ...entry,
            time_ms: timeMs,
            details: JSON.stringify(details),
          }));
          await trx.insertInto('audit').values(rows).execute();
        }
      });
    },
    async read({ tenant, beforeId, limit }) {
      const rows = await main
        .selectFrom('audit')
        .selectAll()
        .$if(tenant !== null, (query) => query.where('tenant', '=', tenant))
        .$if(beforeId !== null, (query) => query.where('id', '<', beforeId!))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map(recordOf);
    },
    async prune(beforeMs) {
      const { numDeletedRows } = await main.deleteFrom('audit').where('time_ms', '<', beforeMs).executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}

function recordOf({ time_ms: timeMs, outcome, details, ...row }: Selectable<AuditTable>): AuditRecord {
  return {
    ...row,
    timeMs,
    outcome: outcome as AuditRecord['outcome'],
    details: JSON.parse(details) as AuditRecord['details'],
  };
}
