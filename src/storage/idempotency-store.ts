/** Idempotency store: which creates are on their way, and what the others were answered. */

import type { Selectable } from 'kysely';
import type { IdempotencyStore, IdempotentAnswer } from '../core/idempotency.ts';
import { holdTenant, inTransaction } from './database.ts';
import type { Database, MainTransaction } from './database.ts';
import type { IdempotencyTable } from './schema.ts';

/** After that a claim of a process that is gone may be claimed again. */
const ABANDONED_MS = 60_000;
/** No request takes so long; whoever claimed it could not say how it ended. */
const FORGOTTEN_MS = 15 * 60_000;

interface Claim {
  readonly tenant: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly nowMs: number;
}

export function createIdempotencyStore(database: Database): IdempotencyStore {
  const { main, node } = database;
  return {
    claim: (tenant, key, fingerprint, nowMs) =>
      inTransaction(database, (trx) => claim(database, trx, { tenant, key, fingerprint, nowMs })),
    async settle(tenant, key, answer) {
      if (answer === null) {
        await main
          .deleteFrom('idempotency')
          .where('tenant', '=', tenant)
          .where('key', '=', key)
          .where('node', '=', node)
          .where('status', 'is', null)
          .execute();
        return;
      }
      const { status, body, headers } = answer;
      await main
        .updateTable('idempotency')
        .set({ status, body, headers: JSON.stringify(headers) })
        .where('tenant', '=', tenant)
        .where('key', '=', key)
        // One that was claimed again meanwhile is another's to settle.
        .where('node', '=', node)
        .where('status', 'is', null)
        .execute();
    },
    async prune(beforeMs) {
      const { numDeletedRows } = await main
        .deleteFrom('idempotency')
        .where('claimed_ms', '<', beforeMs)
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}

async function claim(database: Database, trx: MainTransaction, wanted: Claim): ReturnType<IdempotencyStore['claim']> {
  const { tenant, key, fingerprint, nowMs } = wanted;
  await holdTenant(database, trx, tenant);
  const inserted = await trx
    .insertInto('idempotency')
    .values({
      tenant,
      key,
      fingerprint,
      status: null,
      headers: null,
      body: null,
      node: database.node,
      claimed_ms: nowMs,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('key')
    .executeTakeFirst();
  if (inserted !== undefined) return { state: 'claimed' };
  const found = await lockedRow(database, trx, wanted);
  // Its owner gave it back between the two statements.
  if (found === undefined) return claim(database, trx, wanted);
  if (found.fingerprint !== fingerprint) return { state: 'mismatch' };
  if (found.status !== null) return { state: 'answered', answer: answerOf(found) };
  if (!(await isAbandoned(database, trx, found, nowMs))) return { state: 'running' };
  await trx
    .updateTable('idempotency')
    .set({ node: database.node, claimed_ms: nowMs })
    .where('tenant', '=', tenant)
    .where('key', '=', key)
    .execute();
  return { state: 'claimed' };
}

function lockedRow(
  { engine }: Database,
  trx: MainTransaction,
  { tenant, key }: Claim,
): Promise<Selectable<IdempotencyTable> | undefined> {
  return trx
    .selectFrom('idempotency')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('key', '=', key)
    .$if(engine === 'postgres', (query) => query.forUpdate())
    .executeTakeFirst();
}

async function isAbandoned(
  database: Database,
  trx: MainTransaction,
  { node, claimed_ms }: Selectable<IdempotencyTable>,
  nowMs: number,
): Promise<boolean> {
  const ageMs = nowMs - claimed_ms;
  if (ageMs > FORGOTTEN_MS) return true;
  return ageMs > ABANDONED_MS && !(await database.liveNodes(trx)).includes(node);
}

const answerOf = ({ status, body, headers }: Selectable<IdempotencyTable>): IdempotentAnswer => ({
  status: status!,
  body: body!,
  headers: JSON.parse(headers!) as Record<string, string>,
});
