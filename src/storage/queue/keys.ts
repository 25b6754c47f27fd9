/**
 * Keys: of the jobs of one function and one key the first is ready, and the others are behind it. Whatever ends the first
 * makes the next one ready in the same transaction, so that a worker never has to look for whom it may take.
 */

import { sql } from 'kysely';
import type { Database, MainTransaction } from '../database.ts';
import type { KeyOfLane } from './jobs.ts';
import { records } from './records.ts';

/** Locks of one transaction: PostgreSQL has room for some thousands in all. Keys that share one wait for each other. */
const LOCKS = 128;
/** The namespace of the locks: `cokl` in ASCII. */
const LOCK_CLASS = 0x63_6f_6b_6c;

/** Until the transaction ends nobody else adds jobs of these keys or ends them. Before all else in a transaction. */
export async function lockKeys({ engine }: Database, trx: MainTransaction, keys: readonly KeyOfLane[]): Promise<void> {
  // SQLite has one transaction at a time.
  if (engine === 'sqlite' || keys.length === 0) return;
  const names = keys.map(({ lane, key }) => JSON.stringify([lane, key]));
  // In one order, so that two that want the same ones can't hold each other up.
  await sql`
    select pg_advisory_xact_lock(${sql.lit(LOCK_CLASS)}, lock)
    from (select distinct abs(hashtext(name) % ${sql.lit(LOCKS)}) as lock from unnest(${names}::text[]) as name order by 1) as locks
  `.execute(trx);
}

/** Where a key has none that is ready, the first of those behind becomes it. Returns how many did. */
export async function promote({ engine }: Database, trx: MainTransaction, keys: readonly KeyOfLane[]): Promise<number> {
  if (keys.length === 0) return 0;
  const { rows } = await sql`
    update queue_jobs set state = 'ready'
    where seq in (
      select (
        select min(b.seq) from queue_jobs as b where b.lane = k.lane and b.key = k.key and b.state = 'behind'
      )
      from ${records(
        engine,
        'k',
        { lane: 'text', key: 'text' },
        keys.map(({ lane, key }) => ({ lane, key })),
      )}
      where not exists (
        select 1 from queue_jobs as f where f.lane = k.lane and f.key = k.key and f.state = 'ready'
      )
    )
    returning seq
  `.execute(trx);
  return rows.length;
}
