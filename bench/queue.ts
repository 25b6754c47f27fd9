/** Queue: jobs through the durable queue, on both engines, and through others on the same PostgreSQL. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { LeasedJob, NewJob, Queue } from '../src/core/queue.ts';
import { openPostgresStorage } from '../src/storage/postgres-storage.ts';
import { openSqliteStorage } from '../src/storage/sqlite-storage.ts';
import type { Storage } from '../src/storage/storage.ts';
import { startPostgres } from '../test/support/postgres.ts';
import type { Benchmark, BenchmarkOptions, Report, Target } from './benchmark.ts';
import { IN_FLIGHT, graphileWorker, pgBoss } from './peers/queues.ts';
import type { MeasuredQueue } from './peers/queues.ts';
import { inTurns } from './support/rounds.ts';
import { median, percentile } from './support/statistics.ts';

const LEAST_SQLITE = 5_000;
const LEAST_POSTGRES = 2_000;
const LEASE_MS = 60_000;
/** Jobs, one after the other, for the time from one to its worker. */
const SINGLES = 100;
const DEADLINE_MS = 120_000;

export const queue: Benchmark = { name: 'queue', summary: 'jobs added, leased and completed, 32 in flight', run };

interface Subject {
  readonly name: string;
  readonly leastPerSecond?: number;
  open(): Promise<MeasuredQueue>;
}

interface Figures {
  readonly jobsPerSecond: number;
  /** Of this process, for each job. */
  readonly cpuMs: number;
  /** From the call that adds a job until it is done, when nothing else is there. */
  readonly singlesMs: readonly number[];
}

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  const postgres = await startPostgres({ fsync: true });
  try {
    const subjects = [SQLITE, ...(postgres === null ? [] : onPostgres(postgres.url))];
    const jobs = quick ? 1_000 : 5_000;
    const results = await inTurns(subjects, quick ? 1 : 3, async (subject) => {
      progress(subject.name);
      return measure(subject, jobs);
    });
    return reportOf(subjects, results, postgres === null);
  } finally {
    await postgres?.stop();
  }
}

function reportOf(subjects: readonly Subject[], results: readonly Figures[][], isWithoutPostgres: boolean): Report {
  const rate = (index: number): number => median(results[index]!.map(({ jobsPerSecond }) => jobsPerSecond));
  const singles = (index: number): number[] => results[index]!.flatMap(({ singlesMs }) => singlesMs);
  const targets = subjects.flatMap(({ name, leastPerSecond }, index): Target[] =>
    leastPerSecond === undefined
      ? []
      : [{ what: name, value: rate(index), unit: 'req/s', bound: { atLeast: leastPerSecond } }],
  );
  return {
    tables: [
      {
        title: `jobs a second with ${IN_FLIGHT} in flight; one at a time, from its addition until it is done`,
        columns: ['jobs', 'CPU a job', 'p50', 'p99'],
        rows: subjects.map(({ name }, index) => ({
          label: name,
          cells: [
            { value: rate(index), unit: 'req/s' },
            { value: median(results[index]!.map(({ cpuMs }) => cpuMs)), unit: 'ms' },
            { value: percentile(singles(index), 50), unit: 'ms' },
            { value: percentile(singles(index), 99), unit: 'ms' },
          ],
        })),
      },
    ],
    targets,
    notes: [
      'the CPU is that of this process, which publishes and works; the PostgreSQL server’s is not in it',
      'everything is durable when it is acknowledged, and each job is added and completed by a call of its own',
      ...(isWithoutPostgres ? ['PostgreSQL is not installed, so SQLite stands alone'] : []),
    ],
  };
}

const SQLITE: Subject = {
  name: 'Cordon on SQLite',
  leastPerSecond: LEAST_SQLITE,
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-bench-queue-'));
    const measured = ofStorage(await openSqliteStorage(folder));
    return {
      ...measured,
      async close() {
        await measured.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

const onPostgres = (url: string): readonly Subject[] => [
  {
    name: 'Cordon on PostgreSQL',
    leastPerSecond: LEAST_POSTGRES,
    open: async () => ofStorage(await openPostgresStorage(url)),
  },
  { name: 'pg-boss, a statement for each call', open: () => pgBoss(url, false) },
  { name: 'pg-boss, calls that come together in one statement', open: () => pgBoss(url, true) },
  { name: 'graphile-worker', open: () => graphileWorker(url) },
];

let lastRun = 0;

function ofStorage(storage: Storage): MeasuredQueue {
  const ofRun = (lastRun += 1);
  let stop = (): Promise<void> => Promise.resolve();
  return {
    async add(n) {
      await storage.queue.add([newJob(`${process.pid}-${ofRun}-${n}`, n)]);
    },
    async consume(deliver) {
      stop = consume(storage.queue, deliver);
    },
    async close() {
      await stop();
      await storage.close();
    },
  };
}

const newJob = (id: string, n: number): NewJob => ({
  id,
  tenant: 'default',
  kind: 'event',
  functionName: 'hello',
  payload: JSON.stringify({ n }),
  key: null,
  runAtMs: Date.now(),
  maxAttempts: 8,
});

/** As a worker does: it asks for no more than it has room for, and when there may be something. Returns what stops it. */
function consume(from: Queue, deliver: (id: number) => void): () => Promise<void> {
  let running = 0;
  let leasing: Promise<void> | null = null;
  let isCalled = false;
  let isStopped = false;
  const finish = async (job: LeasedJob): Promise<void> => {
    if (!(await from.complete(job))) throw new Error(`the lease of ${job.id} has ended`);
    running -= 1;
    deliver((JSON.parse(job.payload) as { n: number }).n);
    if (isCalled) look();
  };
  const look = (): void => {
    isCalled = true;
    leasing ??= leaseAll().finally(() => (leasing = null));
  };
  const leaseAll = async (): Promise<void> => {
    while (isCalled && running < IN_FLIGHT && !isStopped) {
      isCalled = false;
      // Those that were completed together have all made room then.
      await setImmediate();
      const jobs = await from.lease({ limit: IN_FLIGHT - running, leaseMs: LEASE_MS, except: new Set() });
      if (jobs.length > 0) isCalled = true;
      running += jobs.length;
      for (const job of jobs) void finish(job);
    }
  };
  from.onWork(look);
  look();
  return async () => {
    isStopped = true;
    await leasing;
  };
}

async function measure(subject: Subject, jobs: number): Promise<Figures> {
  const measured = await subject.open();
  try {
    const done = new Map<number, () => void>();
    const isDone = (n: number): Promise<void> => new Promise((resolve) => done.set(n, resolve));
    await measured.consume((n) => done.get(n)?.());
    // What is prepared at the first use is no part of it.
    await addAll(measured, 0, IN_FLIGHT, isDone);
    const startedMs = performance.now();
    const before = process.cpuUsage();
    await addAll(measured, IN_FLIGHT, jobs, isDone);
    const jobsPerSecond = (1_000 * jobs) / (performance.now() - startedMs);
    const { user, system } = process.cpuUsage(before);
    const cpuMs = (user + system) / 1_000 / jobs;
    const singlesMs: number[] = [];
    for (let n = 0; n < SINGLES; n += 1) {
      const addedMs = performance.now();
      const finished = isDone(IN_FLIGHT + jobs + n);
      await measured.add(IN_FLIGHT + jobs + n);
      await finished;
      singlesMs.push(performance.now() - addedMs);
    }
    return { jobsPerSecond, cpuMs, singlesMs };
  } finally {
    await measured.close();
  }
}

/** Each publisher waits for its acknowledgement before the next, and nobody for the worker. */
async function addAll(
  measured: MeasuredQueue,
  from: number,
  count: number,
  isDone: (n: number) => Promise<void>,
): Promise<void> {
  let next = from;
  const finished: Promise<void>[] = [];
  const publish = async (): Promise<void> => {
    while (next < from + count) {
      const n = next;
      next += 1;
      finished.push(isDone(n));
      await measured.add(n);
    }
  };
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const late = new Promise<never>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(new Error(`${count} jobs were not done in ${DEADLINE_MS / 1000} s`))),
  );
  await Promise.race([Promise.all(Array.from({ length: IN_FLIGHT }, publish)).then(() => Promise.all(finished)), late]);
}
