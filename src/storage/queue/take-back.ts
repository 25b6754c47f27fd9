/** Taking back: leases end at once where nobody is left who could hold one. */

import { sql } from 'kysely';
import type { Database } from '../database.ts';
import { nowOf } from './records.ts';

/**
 * To be called while nothing has been leased yet, by the one process that has the database: whoever leased before it is
 * dead, and a job that ran then need not wait until its lease ends by itself. The attempt that was cut still counts.
 */
export async function takeBackLeases({ engine, relaxed }: Pick<Database, 'engine' | 'relaxed'>): Promise<void> {
  const now = nowOf(engine);
  await relaxed((on) =>
    sql`
      update queue_jobs set due_ms = ${now}
      where state = 'ready' and lease is not null and due_ms > ${now}
    `.execute(on),
  );
}
