import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { LeasedJob, NewJob } from '../../../src/core/queue.ts';
import type { RunningDelivery } from '../../../src/triggers/delivery.ts';
import { QueueWorker, type QueueWorkerOptions } from '../../../src/triggers/queue-worker.ts';
import type { Verdict } from '../../../src/triggers/verdict.ts';
import { MemoryQueue } from '../../support/memory-queue.ts';

interface Run {
  readonly job: LeasedJob;
  end(verdict: Verdict): void;
  isCancelled: boolean;
}

const DONE: Verdict = { kind: 'done' };
const failed = (error: string): Verdict => ({ kind: 'failed', error, retryAfterMs: 0 });

/** Deliveries that end when a test says so, or at once as `answer` says. */
class Far {
  readonly queue = new MemoryQueue();
  readonly runs: Run[] = [];
  readonly reported: unknown[] = [];
  answer: ((job: LeasedJob) => Verdict | Promise<Verdict>) | null = null;
  worker!: QueueWorker;
  #changes: (() => void)[] = [];

  start(t: TestContext, options: Partial<QueueWorkerOptions> = {}): this {
    this.worker = new QueueWorker({
      queue: this.queue,
      deliver: (job) => this.#deliver(job),
      concurrency: 64,
      functionConcurrency: 4,
      report: (error) => {
        this.reported.push(error);
        this.#changed();
      },
      random: () => 0,
      ...options,
    });
    this.worker.start();
    t.after(() => this.worker.close(0));
    return this;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changes.push(resolve));
  }

  #deliver(job: LeasedJob): RunningDelivery {
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    const run: Run = { job, end: resolve, isCancelled: false };
    this.runs.push(run);
    this.#changed();
    const verdict = this.answer === null ? promise : Promise.resolve(this.answer(job));
    return {
      verdict,
      cancel: () => {
        run.isCancelled = true;
        resolve({ kind: 'returned', error: 'cancelled' });
        this.#changed();
      },
    };
  }

  #changed(): void {
    for (const resolve of this.#changes.splice(0)) resolve();
  }
}

let ids = 0;
const job = (changes: Partial<NewJob> = {}): NewJob => ({
  id: `job-${++ids}`,
  tenant: 'acme',
  kind: 'event',
  functionName: 'hello',
  payload: '{}',
  key: null,
  runAtMs: Date.now(),
  maxAttempts: 3,
  ...changes,
});
const jobs = (count: number, changes: Partial<NewJob> = {}): NewJob[] =>
  Array.from({ length: count }, () => job(changes));

test('a job that is added wakes the worker, and is completed', async (t) => {
  const far = new Far().start(t);
  far.answer = () => DONE;
  await far.queue.add([job()]);
  await far.queue.until(() => far.queue.rows.size === 0);
  assert.equal(far.runs.length, 1);
});

test('what lay in the queue before the worker started is run, and what was delayed comes when it is due', async (t) => {
  const far = new Far();
  await far.queue.add([job(), job({ runAtMs: Date.now() + 150 })]);
  far.answer = () => DONE;
  far.start(t);
  await far.queue.until(() => far.queue.rows.size === 0);
  assert.ok(Date.now() >= far.runs[1]!.job.runAtMs);
});

test('a job that fails is tried again, and is a dead letter with its last error after so many attempts', async (t) => {
  const far = new Far().start(t);
  far.answer = ({ attempts }) => failed(`no ${attempts}`);
  await far.queue.add([job({ id: 'bad' })]);
  await far.queue.until(() => far.queue.rows.get('bad')!.diedMs !== null);
  assert.deepEqual(
    far.runs.map((run) => run.job.attempts),
    [1, 2, 3],
  );
  const [dead] = await far.queue.dead({ tenant: 'acme', before: null, limit: 10 });
  assert.equal(dead!.lastError, 'no 3');
});

test('a job that failed after a long run is tried again when it is due, and not when its lease would have ended', async (t) => {
  const far = new Far().start(t, { leaseMs: 3_600_000, random: () => 0.1 });
  await far.queue.add([job({ id: 'slow' })]);
  await far.until(() => far.runs.length === 1);
  // The worker sleeps by then.
  await new Promise((resolve) => setTimeout(resolve, 50));
  far.runs[0]!.end(failed('late'));
  await far.until(() => far.runs.length === 2);
  assert.equal(far.runs[1]!.job.attempts, 2);
});

test('what is hopeless is a dead letter at once', async (t) => {
  const far = new Far().start(t);
  far.answer = () => ({ kind: 'hopeless', error: 'never' });
  await far.queue.add([job({ id: 'bad' })]);
  await far.queue.until(() => far.queue.rows.get('bad')!.diedMs !== null);
  assert.equal(far.runs.length, 1);
});

test('of one function no more run than may, and another is not held up by it', async (t) => {
  const far = new Far().start(t);
  await far.queue.add(jobs(50));
  await far.until(() => far.runs.length === 4);
  await far.queue.add(jobs(1, { functionName: 'other' }));
  await far.until(() => far.runs.length === 5);
  assert.equal(far.runs[4]!.job.functionName, 'other');
  for (let ended = 0; ended < 50; ended++) {
    const run = far.runs.filter(({ job: { functionName } }) => functionName === 'hello')[ended]!;
    run.end(DONE);
    await far.queue.until(() => !far.queue.rows.has(run.job.id));
    const running = [...far.queue.rows.values()].filter(
      (row) => row.functionName === 'hello' && far.runs.some(({ job: { id } }) => id === row.id),
    );
    assert.ok(running.length <= 4, `${running.length}`);
    if (ended < 49) await far.until(() => far.runs.length > ended + 2);
  }
  assert.equal(far.runs.length, 51);
});

test('of all functions together no more run than may, and they take turns', async (t) => {
  const far = new Far().start(t, { concurrency: 3 });
  for (const functionName of ['a', 'b', 'c', 'd']) await far.queue.add(jobs(5, { functionName }));
  await far.until(() => far.runs.length === 3);
  let most = 0;
  for (let i = 0; i < 20; i++) {
    await far.until(() => far.runs.length > i);
    const open = far.runs.length - i;
    most = Math.max(most, open);
    far.runs[i]!.end(DONE);
    await far.queue.until(() => !far.queue.rows.has(far.runs[i]!.job.id));
  }
  assert.ok(most <= 3, `${most}`);
  const first = new Set(far.runs.slice(0, 8).map((run) => run.job.functionName));
  assert.ok(first.size > 1, [...first].join());
});

test('jobs of one key run one after the other, in their order', async (t) => {
  const far = new Far();
  const order: string[] = [];
  let running = 0;
  far.answer = async ({ id, attempts }) => {
    assert.equal(++running, 1);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    order.push(id);
    return id === 'k2' && attempts === 1 ? failed('once') : DONE;
  };
  far.start(t);
  await far.queue.add(['k1', 'k2', 'k3', 'k4'].map((id) => job({ id, key: 'k' })));
  await far.queue.until(() => far.queue.rows.size === 0);
  assert.deepEqual(order, ['k1', 'k2', 'k2', 'k3', 'k4']);
});

test('a lease is extended for as long as its job runs', async (t) => {
  const far = new Far().start(t, { leaseMs: 2_000 });
  await far.queue.add([job({ id: 'long' })]);
  await far.until(() => far.runs.length === 1);
  const first = far.queue.rows.get('long')!.leaseEndMs;
  // Another worker that looks for work all the while must not get it.
  const rival = setInterval(() => void far.queue.lease({ limit: 1, leaseMs: 1, except: new Set() }), 20);
  t.after(() => clearInterval(rival));
  const { extend } = far.queue;
  let extended = 0;
  far.queue.extend = (...given) => {
    extended += 1;
    return extend.apply(far.queue, given);
  };
  await far.queue.until(() => far.queue.rows.get('long')!.leaseEndMs > first + 1_500);
  assert.ok(extended >= 2, `${extended}`);
  assert.equal(far.queue.rows.get('long')!.attempts, 1);
  far.runs[0]!.end(DONE);
  await far.queue.until(() => far.queue.rows.size === 0);
});

test('who has lost a lease stops, and neither completes nor fails the job', async (t) => {
  const far = new Far();
  far.queue.extend = () => Promise.resolve(false);
  far.start(t, { leaseMs: 100 });
  await far.queue.add([job({ id: 'lost' })]);
  await far.until(() => far.runs[0]?.isCancelled === true);
  await far.until(() => far.runs.length === 2);
  assert.equal(far.runs[1]!.job.attempts, 2);
});

test('a job whose worker died is leased again', async (t) => {
  const far = new Far();
  await far.queue.add([job({ id: 'orphan' })]);
  await far.queue.lease({ limit: 1, leaseMs: 200, except: new Set() });
  far.answer = () => DONE;
  far.start(t);
  await far.queue.until(() => far.queue.rows.size === 0);
  assert.equal(far.runs[0]!.job.attempts, 2);
});

test('closing leases nothing more, gives back what waits, and lets what runs end', async (t) => {
  const far = new Far().start(t);
  await far.queue.add(jobs(10));
  await far.until(() => far.runs.length === 4);
  const closed = far.worker.close(60_000);
  for (const { end } of far.runs) end(DONE);
  await closed;
  assert.equal(far.runs.length, 4);
  assert.equal(far.queue.rows.size, 6);
  for (const { lease } of far.queue.rows.values()) assert.equal(lease, null);
  assert.equal((await far.queue.lease({ limit: 10, leaseMs: 1, except: new Set() })).length, 6);
});

test('what does not end within the time is cancelled and given back', async (t) => {
  const far = new Far().start(t);
  await far.queue.add([job({ id: 'slow' })]);
  await far.until(() => far.runs.length === 1);
  await far.worker.close(20);
  assert.equal(far.runs[0]!.isCancelled, true);
  assert.equal(far.queue.rows.get('slow')!.lease, null);
});

test('a database that is away for a while costs nothing but time', async (t) => {
  const far = new Far();
  far.answer = () => DONE;
  far.queue.failure = new Error('the database is away');
  far.start(t);
  await far.until(() => far.reported.length === 3);
  far.queue.failure = null;
  await far.queue.add([job()]);
  await far.queue.until(() => far.queue.rows.size === 0);
});

test('a delivery that breaks is tried again', async (t) => {
  const far = new Far().start(t);
  far.answer = ({ attempts }) => (attempts === 1 ? Promise.reject(new Error('a bug')) : DONE);
  await far.queue.add([job({ id: 'odd' })]);
  await far.until(() => far.reported.length === 1);
  await far.queue.until(() => far.queue.rows.get('odd')!.lastError.startsWith('INTERNAL'));
  assert.ok(far.queue.rows.get('odd')!.runAtMs > Date.now());
});

test('while nothing is due, the queue is left alone', async (t) => {
  const far = new Far().start(t);
  far.answer = () => DONE;
  await far.queue.add([job(), job({ id: 'later', runAtMs: Date.now() + 3_600_000 })]);
  await far.queue.until(() => far.queue.rows.size === 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = far.queue.leases;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(far.queue.leases, before);
});

test('many jobs of many functions all come to an end', async (t) => {
  const far = new Far();
  far.answer = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return DONE;
  };
  far.start(t, { concurrency: 5, functionConcurrency: 2 });
  const names = Array.from({ length: 30 }, (_, i) => `f${i}`);
  await far.queue.add(names.flatMap((functionName) => jobs(10, { functionName })));
  await far.queue.until(() => far.queue.rows.size === 0);
  assert.equal(far.runs.length, 300);
  assert.equal(new Set(far.runs.map((run) => run.job.id)).size, 300);
});
