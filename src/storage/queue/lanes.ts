/** Lanes: of each function that has jobs which are ready, when its first one is due. */

import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Database } from '../database.ts';
import { nowOf } from './records.ts';

export interface Lane {
  readonly lane: string;
  /** Of its head. */
  readonly dueMs: number;
  readonly isDue: boolean;
  /** Some job, of this lane or another, is to be buried. */
  readonly isLost: boolean;
}

/** Lanes of one statement. */
const LANES = 256;

/** Every lane that has a job which is ready, in the order of their names from `from` on, then those before it. */
export async function* allLanes(database: Database, from: string = ''): AsyncGenerator<Lane> {
  const parts =
    from === ''
      ? [['', null] as const]
      : ([
          [from, null],
          ['', from],
        ] as const);
  for (const [after, upTo] of parts) {
    for (let last = after; ;) {
      const { lanes, next } = await readLanes(database, last, upTo);
      yield* lanes;
      if (next === null) break;
      last = next;
    }
  }
}

/** Its last lease is still on it, and there is not to be another. */
export const IS_LOST: RawBuilder<boolean> = sql`(q.lease is not null and q.attempts >= q.max_attempts)`;

interface Read {
  readonly lanes: readonly Lane[];
  /** After which the next ones come; null: there are none. */
  readonly next: string | null;
}

/** A hop from lane to lane through the index, whatever is in between. */
async function readLanes({ main, engine }: Database, after: string, upTo: string | null): Promise<Read> {
  const bound = upTo === null ? sql`` : sql`and q.lane <= ${upTo}`;
  const now = nowOf(engine);
  const { rows } = await sql<{ lane: string; due: number; now: number; lost: number | boolean }>`
    with recursive lanes(lane, place) as (
      select (select min(q.lane) from queue_jobs as q where q.state = 'ready' and q.lane > ${after} ${bound}), 1
      union all
      select (select min(q.lane) from queue_jobs as q where q.state = 'ready' and q.lane > lanes.lane ${bound}), place + 1
      from lanes where lanes.lane is not null and place < ${sql.lit(LANES)}
    )
    select lane, ${now} as now,
      exists (select 1 from queue_jobs as q where q.state = 'ready' and q.due_ms <= ${now} and ${IS_LOST}) as lost,
      (select min(q.due_ms) from queue_jobs as q where q.state = 'ready' and q.lane = lanes.lane) as due
    from lanes where lane is not null
  `.execute(main);
  const lanes = rows.map(({ lane, due, now: ms, lost }) => ({
    lane,
    dueMs: Date.now() + (due - ms),
    isDue: due <= ms,
    isLost: Boolean(lost),
  }));
  return { lanes, next: rows.length < LANES ? null : rows.at(-1)!.lane };
}
