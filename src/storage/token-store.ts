/** Token store: credentials for the operator API, as hashes. */

import type { Insertable, Selectable } from 'kysely';
import type { StoredToken, TokenStore } from '../core/token.ts';
import { holdTenant, inTransaction } from './database.ts';
import type { Database } from './database.ts';
import type { TokensTable } from './schema.ts';

export function createTokenStore(database: Database): TokenStore {
  const { main } = database;
  return {
    async add(token) {
      await inTransaction(database, async (trx) => {
        if (token.tenant !== null) await holdTenant(database, trx, token.tenant);
        await trx.insertInto('tokens').values(rowOf(token)).execute();
        await database.announce(trx, [{ kind: 'tokens' }]);
      });
    },
    async list(tenant) {
      const rows = await main
        .selectFrom('tokens')
        .selectAll()
        .$if(tenant !== null, (query) => query.where('tenant', '=', tenant))
        .orderBy('created_ms', 'desc')
        .orderBy('id', 'desc')
        .execute();
      return rows.map(tokenOf);
    },
    revoke: (id, timeMs) =>
      inTransaction(database, async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable('tokens')
          .set({ revoked_ms: timeMs })
          .where('id', '=', id)
          .where('revoked_ms', 'is', null)
          .executeTakeFirst();
        if (numUpdatedRows > 0n) await database.announce(trx, [{ kind: 'tokens' }]);
        return numUpdatedRows > 0n;
      }),
    // Told to no other node: none of them decides by it.
    async touch(uses) {
      if (uses.size === 0) return;
      await inTransaction(database, async (trx) => {
        // In one order, so that two nodes which do the same can't stand in each other's way.
        for (const [id, usedMs] of [...uses].sort(([a], [b]) => (a < b ? -1 : 1))) {
          await trx
            .updateTable('tokens')
            .set({ last_used_ms: usedMs })
            .where('id', '=', id)
            .where((e) => e.or([e('last_used_ms', 'is', null), e('last_used_ms', '<', usedMs)]))
            .execute();
        }
      });
    },
  };
}

function rowOf(token: StoredToken): Insertable<TokensTable> {
  return {
    id: token.id,
    name: token.name,
    tenant: token.tenant,
    role: token.role,
    hash: token.hash,
    created_ms: token.createdMs,
    expires_ms: token.expiresMs,
    revoked_ms: token.revokedMs,
    last_used_ms: token.lastUsedMs,
  };
}

function tokenOf(row: Selectable<TokensTable>): StoredToken {
  return {
    id: row.id,
    name: row.name,
    tenant: row.tenant,
    role: row.role as StoredToken['role'],
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    revokedMs: row.revoked_ms,
    lastUsedMs: row.last_used_ms,
    hash: row.hash,
  };
}
