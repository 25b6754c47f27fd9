/**
 * Leasing: which jobs come next.
 *
 * Each function has a lane, and a look at the head of each lane tells which have something to do, however long they are.
 * Tenants take turns, and the functions of one tenant do: so a hundred thousand jobs of one tenant delay another's only one
 * by no more than those that run.
 */

import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { LeaseRequest, LeasedJob } from '../../core/queue.ts';
import { inTransaction } from '../database.ts';
import type { Database } from '../database.ts';
import { keysOf, leasedJobOf, tenantOf } from './jobs.ts';
import type { JobRow } from './jobs.ts';
import { lockKeys, promote } from './keys.ts';
import { IS_LOST, allLanes } from './lanes.ts';
import type { Lane } from './lanes.ts';
import { nowOf, records } from './records.ts';
import { shareOut } from './shares.ts';
import type { Share } from './shares.ts';

/** So many lanes with something to do are enough for one lease. */
const ENOUGH_LANES = 256;
/** More jobs come with the next lease. */
const MAX_JOBS = 500;
/** Of those that died with every worker that had them, as many are buried at once. */
const MAX_BURIED = 100;

export class Leasing {
  readonly #database: Database;
  readonly #onBuried: () => void;
  #lastTenant = '';
  /** Where the next look begins: not at the first lane where there are too many for one. */
  #lastLane = '';

  constructor(database: Database, onBuried: () => void) {
    this.#database = database;
    this.#onBuried = onBuried;
  }

  async lease({ limit, leaseMs, except }: LeaseRequest): Promise<LeasedJob[]> {
    // On SQLite all that follows is one turn: whoever asks again and again must not keep the writers from theirs.
    await setImmediate();
    const wanted = Math.min(limit, MAX_JOBS);
    const leased: JobRow[] = [];
    let lanes = await this.#dueLanes(wanted, except);
    while (lanes.length > 0 && leased.length < wanted) {
      const shares = shareOut(wanted - leased.length, lanes, this.#lastTenant);
      const rows = await takeJobs(this.#database, shares, leaseMs);
      leased.push(...rows);
      this.#lastTenant = tenantOf(shares.at(-1)!.lane);
      const emptied = emptiedLanes(shares, rows);
      lanes = lanes.filter(({ lane }) => !emptied.has(lane));
    }
    return leased.sort((a, b) => a.run_at_ms - b.run_at_ms || a.seq - b.seq).map(leasedJobOf);
  }

  /** Unix ms by this machine's clock. */
  async nextDueMs(except: ReadonlySet<string>): Promise<number | null> {
    const { main, engine } = this.#database;
    if (except.size === 0) {
      const { rows } = await sql<{ due: number | null; now: number }>`
        select min(due_ms) as due, ${nowOf(engine)} as now from queue_jobs where state = 'ready'
      `.execute(main);
      const { due, now } = rows[0]!;
      return due === null ? null : Date.now() + (due - now);
    }
    let earliest: number | null = null;
    for await (const { lane, dueMs } of allLanes(this.#database)) {
      if (!except.has(lane) && (earliest === null || dueMs < earliest)) earliest = dueMs;
    }
    return earliest;
  }

  /** Lanes with something to do: those of all tenants, unless there are far more than are wanted. */
  async #dueLanes(wanted: number, except: ReadonlySet<string>): Promise<Lane[]> {
    const due: Lane[] = [];
    const from = this.#lastLane;
    this.#lastLane = '';
    let isLost = false;
    for await (const lane of allLanes(this.#database, from)) {
      isLost ||= lane.isLost;
      if (lane.isDue && !except.has(lane.lane)) due.push(lane);
      if (due.length < Math.max(ENOUGH_LANES, 2 * wanted)) continue;
      this.#lastLane = lane.lane;
      break;
    }
    if (isLost) await this.#bury();
    return due;
  }

  /** A job whose worker died each time it had it will not be what it kills next: it becomes a dead letter. */
  async #bury(): Promise<void> {
    const database = this.#database;
    const { engine, main } = database;
    const { rows } = await sql<JobRow>`
      select * from queue_jobs as q
      where q.state = 'ready' and q.due_ms <= ${nowOf(engine)} and ${IS_LOST}
      limit ${sql.lit(MAX_BURIED)}
    `.execute(main);
    if (rows.length === 0) return;
    const found = rows.map(leasedJobOf);
    await inTransaction(database, async (trx) => {
      const keys = keysOf(found);
      await lockKeys(database, trx, keys);
      const values = found.map(({ id, lease }) => ({ id, lease }));
      await sql`
        update queue_jobs set state = 'dead', ended_ms = ${nowOf(engine)}, lease = null, last_error = ${LOST}
        from ${records(engine, 'r', { id: 'text', lease: 'text' }, values)}
        where queue_jobs.id = r.id and queue_jobs.lease = r.lease and queue_jobs.state = 'ready'
          and queue_jobs.due_ms <= ${nowOf(engine)}
      `.execute(trx);
      await promote(database, trx, keys);
      await database.announceWork(trx);
    });
    this.#onBuried();
  }
}

const LOST = 'The worker that had it ended, or did not say in time that it still had it, at the last attempt';

async function takeJobs(database: Database, shares: readonly Share[], leaseMs: number): Promise<JobRow[]> {
  const { engine } = database;
  const take = sql<JobRow>`
    update queue_jobs
    set lease = ${NEW_LEASE[engine]}, attempts = attempts + 1, due_ms = ${nowOf(engine)} + ${leaseMs}
    where ${HEADS[engine](shares)}
    returning *
  `;
  // A lease that is lost with the power is of a worker that is lost as well.
  const { rows } = await database.relaxed((on) => take.execute(on));
  return rows;
}

/** 122 random bits at the least, for each job anew. */
const NEW_LEASE = { sqlite: sql`lower(hex(randomblob(16)))`, postgres: sql`gen_random_uuid()::text` };

/** The list is made once, before the update: a plan that made it for each row would lease more than was asked for. */
function headsOnPostgres(shares: readonly Share[]): RawBuilder<boolean> {
  return sql`seq = any(array(
    select head.seq from ${records('postgres', 's', { lane: 'text', count: 'bigint' }, shares)}
    cross join lateral (
      select q.seq from queue_jobs as q
      where q.lane = s.lane and q.state = 'ready' and q.due_ms <= ${nowOf('postgres')} and not ${IS_LOST}
      order by q.due_ms, q.seq limit s.count for update skip locked
    ) as head
  ))`;
}

function headsOnSqlite(shares: readonly Share[]): RawBuilder<boolean> {
  const heads = shares.map(
    ({ lane, count }) => sql`
      select seq from (
        select q.seq as seq from queue_jobs as q
        where q.lane = ${lane} and q.state = 'ready' and q.due_ms <= ${nowOf('sqlite')} and not ${IS_LOST}
        order by q.due_ms, q.seq limit ${count}
      )`,
  );
  return sql`seq in (${sql.join(heads, sql` union all `)})`;
}

/** What is due in these lanes, as much as their shares. */
const HEADS = { sqlite: headsOnSqlite, postgres: headsOnPostgres };

/** Those that had less than their share. */
function emptiedLanes(shares: readonly Share[], rows: readonly JobRow[]): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const { lane } of rows) counts.set(lane, (counts.get(lane) ?? 0) + 1);
  return new Set(shares.filter(({ lane, count }) => (counts.get(lane) ?? 0) < count).map(({ lane }) => lane));
}
