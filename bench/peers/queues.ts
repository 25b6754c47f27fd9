/** Queues of others on PostgreSQL, each by its own public interface: pg-boss, and graphile-worker. */

import { Pool } from 'pg';
import { PgBoss } from 'pg-boss';
import type { Job } from 'pg-boss';
import { makeWorkerUtils, run } from 'graphile-worker';
import { GroupCommit } from '../../src/storage/queue/group-commit.ts';

/** What is measured of any queue. */
export interface MeasuredQueue {
  /** One job, durable when it resolves. */
  add(id: number): Promise<void>;
  /** From now on each job is handed over once, and is done when the promise resolves. */
  consume(deliver: (id: number) => void): Promise<void>;
  close(): Promise<void>;
}

export const IN_FLIGHT = 32;
const NAME = 'bench';
const POOL = 10;

interface Numbered {
  readonly n: number;
}

/** Each job is written by a statement of its own, or those that come together by one, as Cordon does. */
export async function pgBoss(url: string, grouped: boolean): Promise<MeasuredQueue> {
  const boss = new PgBoss({ connectionString: url, max: POOL, schedule: false });
  await boss.start();
  await boss.createQueue(NAME, { partition: true });
  const group = <T>(commit: (items: readonly T[]) => Promise<unknown>): GroupCommit<T> =>
    new GroupCommit<T>({
      commit: async (items) => {
        await commit(items);
        return [];
      },
      bytesOf: () => 0,
      isOfItem: () => false,
    });
  const adds = group<number>((items) =>
    boss.insert(
      NAME,
      items.map((n) => ({ data: { n } })),
    ),
  );
  const completions = group<string>((items) => boss.complete(NAME, [...items]));
  let isClosed = false;
  let consumer: Promise<void> | undefined;
  const consumeUntilClosed = async (deliver: (id: number) => void): Promise<void> => {
    const complete = async ({ id, data }: Job<Numbered>): Promise<void> => {
      if (grouped) await completions.submit(id);
      else await boss.complete(NAME, id);
      deliver(data.n);
    };
    while (!isClosed) {
      const jobs = await boss.fetch<Numbered>(NAME, { batchSize: IN_FLIGHT });
      await Promise.all(jobs.map(complete));
    }
  };
  return {
    async add(n) {
      if (grouped) await adds.submit(n);
      else await boss.send(NAME, { n });
    },
    async consume(deliver) {
      consumer = consumeUntilClosed(deliver);
    },
    async close() {
      isClosed = true;
      await consumer;
      await boss.stop({ graceful: false });
    },
  };
}

export async function graphileWorker(url: string): Promise<MeasuredQueue> {
  const pgPool = new Pool({ connectionString: url, max: 2 * POOL });
  pgPool.on('error', () => {});
  const utils = await makeWorkerUtils({ pgPool });
  await utils.migrate();
  let runner: Awaited<ReturnType<typeof run>> | undefined;
  return {
    async add(n) {
      await utils.addJob(NAME, { n });
    },
    async consume(deliver) {
      runner = await run({
        pgPool,
        concurrency: IN_FLIGHT,
        noHandleSignals: true,
        taskList: { [NAME]: (payload) => deliver((payload as Numbered).n) },
      });
    },
    async close() {
      await runner?.stop();
      await utils.release();
      await pgPool.end();
    },
  };
}
