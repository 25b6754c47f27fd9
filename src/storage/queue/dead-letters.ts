/** Dead letters: jobs that were given up, until somebody replays or discards them. */

import { sql } from 'kysely';
import type { DeadJob, DeadQuery } from '../../core/queue.ts';
import { inTransaction } from '../database.ts';
import type { Database, MainTransaction } from '../database.ts';
import { deadJobOf, keysOf } from './jobs.ts';
import { lockKeys, promote } from './keys.ts';
import { nowOf } from './records.ts';

/** More are refused: a statement can't bind any number. */
const MAX_IDS = 1_000;

/** The newest first. */
export async function readDead({ main }: Database, query: DeadQuery): Promise<DeadJob[]> {
  const { tenant, functionName, id, before, limit } = query;
  const rows = await main
    .selectFrom('queue_jobs')
    .selectAll()
    .where('state', '=', sql.lit('dead'))
    .where('tenant', '=', tenant)
    .$if(functionName !== undefined, (found) => found.where('function_name', '=', functionName!))
    .$if(id !== undefined, (found) => found.where('id', '=', id!))
    .$if(before !== null, (found) =>
      found.where(
        sql<boolean>`(ended_ms, seq) < (select p.ended_ms, p.seq from queue_jobs as p where p.id = ${before} and p.tenant = ${tenant})`,
      ),
    )
    .orderBy('ended_ms', 'desc')
    .orderBy('seq', 'desc')
    .limit(limit)
    .execute();
  return rows.map(deadJobOf);
}

/** Due at once. Where others of its key wait, it has its old place among them. */
export function replayDead(database: Database, tenant: string, ids: readonly string[]): Promise<number> {
  return inTransaction(database, async (trx) => {
    const found = await findDead(trx, tenant, ids);
    const keys = keysOf(found);
    await lockKeys(database, trx, keys);
    const now = nowOf(database.engine);
    const { rows } = await sql`
      update queue_jobs set state = case when key is null then 'ready' else 'behind' end,
        run_at_ms = ${now}, due_ms = ${now}, attempts = 0, ended_ms = null, last_error = null
      where state = 'dead' and ${isOneOf(found)}
      returning seq
    `.execute(trx);
    await promote(database, trx, keys);
    if (rows.length > 0) await database.announceWork(trx);
    return rows.length;
  });
}

/** Their ids are remembered, as those of jobs that are done. */
export function discardDead(database: Database, tenant: string, ids: readonly string[]): Promise<number> {
  return inTransaction(database, async (trx) => {
    const found = await findDead(trx, tenant, ids);
    const { rows } = await sql`
      update queue_jobs set state = 'done', ended_ms = ${nowOf(database.engine)}, payload = '', last_error = null
      where state = 'dead' and ${isOneOf(found)}
      returning seq
    `.execute(trx);
    return rows.length;
  });
}

async function findDead(trx: MainTransaction, tenant: string, ids: readonly string[]): Promise<readonly DeadJob[]> {
  if (ids.length > MAX_IDS) throw new RangeError(`At most ${MAX_IDS} ids at a time, not ${ids.length}`);
  if (ids.length === 0) return [];
  const rows = await trx
    .selectFrom('queue_jobs')
    .selectAll()
    .where('id', 'in', [...ids])
    .where('tenant', '=', tenant)
    .where('state', '=', sql.lit('dead'))
    .execute();
  return rows.map(deadJobOf);
}

const isOneOf = (jobs: readonly DeadJob[]) =>
  jobs.length === 0 ? sql<boolean>`false` : sql<boolean>`id in (${sql.join(jobs.map(({ id }) => id))})`;
