/** Outbox: the table that `cordon_publish` writes, emptied into the queue's. */

import { sql } from 'kysely';
import type { Outbox } from '../../core/outbox.ts';
import { inTransaction } from '../database.ts';
import type { Database } from '../database.ts';
import { requireJob } from './jobs.ts';
import type { QueueStore } from './queue-store.ts';
import { addJobs } from './writes.ts';

/** One node takes at a time, so that events stay in their order: `cordoutb` in ASCII. */
const LOCK = '7165064741808960610';

export function createOutbox(database: Database, queue: QueueStore): Outbox {
  return {
    async take(limit, expand) {
      // It is looked at far more often than anything is in it.
      if ((await database.main.selectFrom('event_outbox').select('seq').limit(1).execute()).length === 0) return 0;
      const { taken, added } = await takeEvents(database, limit, expand);
      if (added > 0) queue.wake();
      return taken;
    },
    onWork: (listener) => queue.onWork(listener),
  };
}

interface Taken {
  readonly taken: number;
  readonly added: number;
}

function takeEvents(database: Database, limit: number, expand: Parameters<Outbox['take']>[1]): Promise<Taken> {
  return inTransaction(database, async (trx) => {
    if (database.engine === 'postgres') {
      const { rows } = await sql<{ mine: boolean }>`
        select pg_try_advisory_xact_lock(${sql.lit(BigInt(LOCK))}) as mine
      `.execute(trx);
      if (!rows[0]!.mine) return { taken: 0, added: 0 };
    }
    const rows = await trx.selectFrom('event_outbox').selectAll().orderBy('seq').limit(limit).execute();
    if (rows.length === 0) return { taken: 0, added: 0 };
    const jobs = expand(rows.map(({ seq: _seq, added_ms: addedMs, ...event }) => ({ ...event, addedMs })));
    for (const job of jobs) requireJob(job);
    const added = jobs.length === 0 ? 0 : await addJobs(database, trx, jobs);
    await trx
      .deleteFrom('event_outbox')
      .where(
        'seq',
        'in',
        rows.map(({ seq }) => seq),
      )
      .execute();
    if (added > 0) await database.announceWork(trx);
    return { taken: rows.length, added };
  });
}
