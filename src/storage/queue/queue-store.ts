/**
 * Queue store: the queue of both engines, on a table of theirs.
 *
 * What resolves is durable: each write is acknowledged by the commit that holds it, together with those that came at the
 * same time. Workers find what is due by the heads of the functions' lanes, and never walk a backlog.
 */

import { sql } from 'kysely';
import type { LeasedJob, NewJob, Queue, QueueCounts } from '../../core/queue.ts';
import type { Database } from '../database.ts';
import { discardDead, readDead, replayDead } from './dead-letters.ts';
import { GroupCommit } from './group-commit.ts';
import type { GroupCommitOptions } from './group-commit.ts';
import { bytesOf, laneOf, requireDuration, requireJob, requireTime } from './jobs.ts';
import { Leasing } from './leasing.ts';
import { nowOf } from './records.ts';
import { commitWrites } from './writes.ts';
import type { Write } from './writes.ts';

/** Jobs that are added together: they go in one transaction. */
const MAX_JOBS = 1_000;
/** Rows that a clean-up takes at once, so that nobody waits long for it. */
const PRUNED = 2_000;

export class QueueStore implements Queue {
  readonly #database: Database;
  readonly #adds: GroupCommit<Write>;
  /** On SQLite they go together with those that add; PostgreSQL has several connections, and one statement for each kind. */
  readonly #ends: GroupCommit<Write>;
  readonly #leasing: Leasing;
  readonly #listeners: (() => void)[] = [];

  constructor(database: Database) {
    this.#database = database;
    const options: GroupCommitOptions<Write> = {
      commit: (writes) => this.#commit(writes),
      bytesOf: (write) => (write.kind === 'add' ? write.jobs.reduce((sum, job) => sum + bytesOf(job), 0) : 0),
      isOfItem: isOfData,
    };
    this.#adds = new GroupCommit(options);
    this.#ends = database.engine === 'sqlite' ? this.#adds : new GroupCommit(options);
    this.#leasing = new Leasing(database, () => this.wake());
    database.onWork(() => this.wake());
  }

  async add(jobs: readonly NewJob[]): Promise<number> {
    if (jobs.length === 0) return 0;
    if (jobs.length > MAX_JOBS) throw new RangeError(`At most ${MAX_JOBS} jobs at a time, not ${jobs.length}`);
    for (const job of jobs) requireJob(job);
    return (await this.#adds.submit({ kind: 'add', jobs })) as number;
  }

  async lease(request: Parameters<Queue['lease']>[0]): Promise<LeasedJob[]> {
    requireDuration('leaseMs', request.leaseMs);
    return this.#leasing.lease(request);
  }

  async extend(job: LeasedJob, leaseMs: number): Promise<boolean> {
    requireDuration('leaseMs', leaseMs);
    return (await this.#ends.submit({ kind: 'extend', job, leaseMs })) as boolean;
  }

  async complete(job: LeasedJob): Promise<boolean> {
    return (await this.#ends.submit({ kind: 'complete', job })) as boolean;
  }

  async fail(job: LeasedJob, error: string, retryAtMs: number | null): Promise<boolean> {
    if (retryAtMs !== null) requireTime('retryAtMs', retryAtMs);
    return (await this.#ends.submit({ kind: 'fail', job, error, retryAtMs })) as boolean;
  }

  nextDueMs(except: ReadonlySet<string> = new Set()): Promise<number | null> {
    return this.#leasing.nextDueMs(except);
  }

  async counts(tenant: string | null): Promise<QueueCounts> {
    const { main, engine } = this.#database;
    // Each by the index of its state: most rows are those of jobs that are done.
    const ofState = (state: string, and = sql``) => {
      const ofTenant = tenant === null ? sql`` : sql`and ${isOfTenant(state, tenant)}`;
      return sql`(select count(*) from queue_jobs where state = ${sql.lit(state)} ${ofTenant} ${and})`;
    };
    const running = sql`and lease is not null and due_ms > ${nowOf(engine)}`;
    const { rows } = await sql<{ ready: number; behind: number; running: number; dead: number }>`
      select ${ofState('ready')} as ready, ${ofState('behind')} as behind,
        ${ofState('ready', running)} as running, ${ofState('dead')} as dead
    `.execute(main);
    const { ready, behind, running: leased, dead } = rows[0]!;
    return { waiting: ready - leased + behind, running: leased, dead };
  }

  async dead(query: Parameters<Queue['dead']>[0]): ReturnType<Queue['dead']> {
    return readDead(this.#database, query);
  }

  async replay(tenant: string, ids: readonly string[]): Promise<number> {
    const count = await replayDead(this.#database, tenant, ids);
    if (count > 0) this.wake();
    return count;
  }

  discard(tenant: string, ids: readonly string[]): Promise<number> {
    return discardDead(this.#database, tenant, ids);
  }

  async removeFunction(tenant: string, functionName: string): Promise<void> {
    const lane = laneOf(tenant, functionName);
    for (const state of ['ready', 'behind', 'dead']) {
      await this.#database.main
        .deleteFrom('queue_jobs')
        .where('state', '=', sql.lit(state))
        .where('tenant', '=', tenant)
        .where('lane', '=', lane)
        .execute();
    }
  }

  onWork(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async prune({ ids, dead }: Parameters<Queue['prune']>[0]): Promise<void> {
    await this.#forget('done', ids);
    await this.#forget('dead', dead);
  }

  /** After work that somebody else's transaction has added here. */
  wake(): void {
    for (const listener of this.#listeners) listener();
  }

  async #commit(writes: readonly Write[]): Promise<readonly unknown[]> {
    const { results, isWork } = await commitWrites(this.#database, writes);
    if (isWork) this.wake();
    return results;
  }

  async #forget(state: 'done' | 'dead', beforeMs: number): Promise<void> {
    for (let gone = PRUNED; gone === PRUNED;) {
      const { rows } = await sql`
        delete from queue_jobs where seq in (
          select seq from queue_jobs where state = ${sql.lit(state)} and ended_ms < ${beforeMs} limit ${sql.lit(PRUNED)}
        ) returning seq
      `.execute(this.#database.main);
      gone = rows.length;
    }
  }
}

function isOfTenant(state: string, tenant: string) {
  // The index of each state begins otherwise; after a slash comes a zero.
  if (state === 'dead') return sql<boolean>`tenant = ${tenant}`;
  return sql<boolean>`lane > ${`${tenant}/`} and lane < ${`${tenant}0`}`;
}

/** PostgreSQL's classes of what is wrong with the values of a statement, and not with the server. */
const isOfData = (error: unknown): boolean => /^(?:22|23|54)/.test(String((error as { readonly code?: unknown }).code));
