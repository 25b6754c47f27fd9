/** What every engine's queue must do. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Queue } from '../../../src/core/queue.ts';
import { open, openAt } from './fixtures.ts';
import type { StorageEngine } from './fixtures.ts';
import { LEASE_MS, drain, idsOf, lease, leaseOne, newJob, newJobs, until } from './queue-fixtures.ts';
import { queueKeysConformance } from './queue-keys.ts';
import { queueDeadConformance } from './queue-dead.ts';
import { queueKillConformance } from './queue-kill.ts';

export function queueConformance(engine: StorageEngine): void {
  jobsConformance(engine);
  leaseConformance(engine);
  queueKeysConformance(engine);
  queueDeadConformance(engine);
  queueKillConformance(engine);
}

function jobsConformance(engine: StorageEngine): void {
  test('a job comes back as it was added', async (t) => {
    const { queue } = await open(engine, t);
    const job = newJob({ key: 'k', payload: '{"ä":"\\u0000"}', maxAttempts: 3, kind: 'cron' });
    const before = Date.now() - 60_000;
    assert.equal(await queue.add([job]), 1);
    const { lease: name, addedMs, ...leased } = await leaseOne(queue);
    assert.deepEqual({ ...leased }, { ...job, attempts: 1 });
    assert.ok(addedMs > before && addedMs < Date.now() + 60_000);
    assert.match(name, /^[0-9a-f-]{32,36}$/);
    assert.deepEqual(await queue.counts('acme'), { waiting: 0, running: 1, dead: 0 });
  });

  test('whatever is in an id, a name, a key or a payload is data', async (t) => {
    const { queue } = await open(engine, t);
    const hostile = [`'; drop table queue_jobs; --`, `"\\"$1 :a ? {}`, '%_\u{10ffff}\n\t\u202e', '\ufeff[null]'];
    const jobs = hostile.map((text, i) =>
      newJob({ id: `${i}${text}`, functionName: text, key: text, payload: JSON.stringify(text) }),
    );
    assert.equal(await queue.add(jobs), jobs.length);
    const leased = await lease(queue, 10);
    const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
    assert.deepEqual(
      leased.map(({ id, functionName, key, payload }) => ({ id, functionName, key, payload })).sort(byId),
      jobs.map(({ id, functionName, key, payload }) => ({ id, functionName, key, payload })).sort(byId),
    );
    assert.equal(
      new Set(leased.map(({ lease: name }) => name)).size,
      leased.length,
      'each lease has a name of its own',
    );
    for (const job of leased) assert.equal(await queue.fail(job, `${job.id}\0\ud800`, null), true);
    assert.deepEqual(
      (await queue.dead({ tenant: 'acme', before: null, limit: 9 })).map(({ lastError }) => lastError).sort(),
      jobs.map(({ id }) => `${id}\ufffd\ufffd`).sort(),
    );
    assert.equal(await queue.replay(`acme' or '1'='1`, idsOf(leased)), 0);
  });

  test('a payload of a megabyte comes back whole', async (t) => {
    const { queue } = await open(engine, t);
    const payload = JSON.stringify(`ä"\\'`.repeat(200_000));
    assert.ok(Buffer.byteLength(payload) > 1_000_000);
    await queue.add([newJob({ payload })]);
    assert.equal((await leaseOne(queue)).payload, payload);
  });

  test('a job that can’t be kept is refused with what is wrong, and takes no other with it', async (t) => {
    const { queue } = await open(engine, t);
    const refused: [Parameters<typeof newJob>[0], RegExp][] = [
      [{ id: '' }, /The id of a job has 1 to 200 characters/],
      [{ id: 'a\0' }, /The id of a job .+ NUL .+\{"id":"a\\u0000"\}/],
      [{ id: 'a'.repeat(201) }, /The id of a job/],
      [{ key: '\ud800' }, /The key of a job .+ surrogate/],
      [{ tenant: 'a/b' }, /The tenant of a job has no slash/],
      [{ functionName: '' }, /The functionName of a job/],
      [{ payload: 'a\0' }, /The payload of a job is text without NUL/],
      [{ payload: 'a'.repeat(5_000_000) }, /The payload of a job has at most 4194304 bytes/],
      [{ runAtMs: Number.NaN }, /The runAtMs of a job/],
      [{ runAtMs: 1.5 }, /The runAtMs of a job/],
      [{ maxAttempts: 0 }, /The maxAttempts of a job is 1 to 1000/],
      [{ kind: 'x' as 'event' }, /The kind of a job/],
    ];
    for (const [changes, message] of refused) {
      await assert.rejects(queue.add([newJob({ id: 'good' }), newJob(changes)]), (error) => {
        assert.ok(error instanceof RangeError);
        assert.match(error.message, message);
        return true;
      });
    }
    await assert.rejects(queue.add(newJobs(1_001)), /At most 1000 jobs/);
    assert.deepEqual(await queue.counts(null), { waiting: 0, running: 0, dead: 0 });
    await assert.rejects(queue.lease({ limit: 1, leaseMs: 0, except: new Set() }), /leaseMs/);
    assert.equal(await queue.add([]), 0);
  });

  test('an id is added once: while it waits, while it runs, and after it is done', async (t) => {
    const { queue } = await open(engine, t);
    assert.equal(await queue.add([newJob(), newJob({ functionName: 'other' }), newJob({ id: 'j2' })]), 2);
    assert.equal(await queue.add([newJob()]), 0);
    const [first, second] = await lease(queue, 2);
    assert.equal(await queue.add([newJob()]), 0);
    assert.equal(await queue.complete(first!), true);
    assert.equal(await queue.fail(second!, 'no', null), true);
    assert.equal(await queue.add([newJob(), newJob({ id: 'j2' }), newJob({ id: 'j3' })]), 1);
    assert.deepEqual(idsOf(await lease(queue, 9)), ['j3']);
    await queue.prune({ ids: Date.now() + 60_000, dead: 0 });
    assert.equal(await queue.add([newJob(), newJob({ id: 'j2' })]), 1, 'the one that was done is forgotten');
    await queue.prune({ ids: 0, dead: Date.now() + 60_000 });
    assert.equal(await queue.add([newJob({ id: 'j2' })]), 1);
  });

  test('of an id that many add at once one is new', async (t) => {
    const { queue } = await open(engine, t);
    const counts = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        queue.add([newJob({ id: `j${i % 5}`, key: 'k' }), newJob({ id: `own${i}` })]),
      ),
    );
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      55,
    );
    assert.equal((await drain(queue)).length, 55);
  });

  test('a delayed job waits for its time, and the queue says when that is', async (t) => {
    const { queue } = await open(engine, t);
    assert.equal(await queue.nextDueMs(), null);
    const runAtMs = Date.now() + 600_000;
    await queue.add([
      newJob({ id: 'later', runAtMs }),
      newJob({ id: 'soon', functionName: 'b', runAtMs: Date.now() + 300 }),
    ]);
    assert.deepEqual(await lease(queue, 9), []);
    const due = (await queue.nextDueMs())!;
    assert.ok(due < Date.now() + 5_000, String(due - Date.now()));
    assert.ok(Math.abs((await queue.nextDueMs(new Set(['acme/b'])))! - runAtMs) < 5_000);
    assert.equal(await queue.nextDueMs(new Set(['acme/b', 'acme/hello'])), null);
    const job = await until(
      () => lease(queue, 9),
      ({ length }) => length > 0,
    );
    assert.deepEqual(idsOf(job), ['soon']);
    await queue.complete(job[0]!);
    assert.ok(Math.abs((await queue.nextDueMs())! - runAtMs) < 5_000);
    assert.deepEqual(await queue.counts('acme'), { waiting: 1, running: 0, dead: 0 });
  });

  test('all jobs of a function go with it, and nobody else’s', async (t) => {
    const { queue } = await open(engine, t);
    await queue.add([
      newJob({ id: 'a', key: 'k' }),
      newJob({ id: 'b', key: 'k' }),
      newJob({ id: 'c' }),
      newJob({ id: 'd', tenant: 'rival' }),
      newJob({ id: 'e', functionName: 'hello2' }),
    ]);
    const running = (await lease(queue, 9)).find(({ id }) => id === 'a')!;
    await queue.removeFunction('acme', 'hello');
    assert.equal(await queue.complete(running), false);
    assert.deepEqual(await queue.counts('acme'), { waiting: 0, running: 1, dead: 0 });
    assert.deepEqual(await queue.counts('rival'), { waiting: 0, running: 1, dead: 0 });
  });

  test('whoever waits for work is told of it', async (t) => {
    const { queue } = await open(engine, t);
    let told = 0;
    queue.onWork(() => (told += 1));
    const isTold = async (work: () => Promise<unknown>): Promise<boolean> => {
      told = 0;
      await work();
      return told > 0;
    };
    assert.equal(await isTold(() => queue.add(newJobs(2, { key: 'k' }))), true);
    assert.equal(await isTold(() => queue.add(newJobs(2, { key: 'k' }))), false, 'nothing was new');
    const job = await leaseOne(queue);
    assert.equal(await isTold(() => queue.extend(job, LEASE_MS)), false);
    assert.equal(await isTold(() => queue.complete(job)), true, 'the next of its key');
    const last = await leaseOne(queue);
    assert.equal(await isTold(() => queue.fail(last, 'no', Date.now())), true);
    assert.equal(await isTold(async () => queue.fail(await leaseOne(queue), 'no', null)), false);
    assert.equal(await isTold(() => queue.replay('acme', [last.id])), true);
  });

  test('a tenant that was erased has no jobs, and gets none', async (t) => {
    const { queue, tenants } = await open(engine, t);
    await queue.add([newJob({ tenant: 'gone' }), newJob({ id: 'j2' })]);
    await tenants.erase('gone');
    assert.deepEqual(await queue.counts(null), { waiting: 1, running: 0, dead: 0 });
    const [refused, added] = await Promise.allSettled([
      queue.add([newJob({ id: 'j3' }), newJob({ id: 'j4', tenant: 'gone' })]),
      queue.add([newJob({ id: 'j5' })]),
    ]);
    assert.equal(refused.status === 'rejected' && (refused.reason as { code: string }).code, 'NOT_FOUND');
    assert.equal(added.status === 'fulfilled' && added.value, 1);
    assert.deepEqual(await queue.counts(null), { waiting: 2, running: 0, dead: 0 });
  });
}

function leaseConformance(engine: StorageEngine): void {
  test('a leased job is nobody else’s until its lease ends, and then anybody’s', async (t) => {
    const { queue } = await open(engine, t);
    await queue.add([newJob()]);
    const first = await leaseOne(queue, 400);
    assert.deepEqual(await lease(queue, 9), []);
    const due = (await queue.nextDueMs())!;
    assert.ok(due < Date.now() + 5_000, 'it is due when the lease ends');
    const second = (
      await until(
        () => lease(queue, 9),
        ({ length }) => length > 0,
      )
    )[0]!;
    assert.deepEqual([second.id, second.attempts], [first.id, 2]);
    assert.notEqual(second.lease, first.lease);
    const answers = await Promise.all([
      queue.complete(first),
      queue.fail(first, 'stale', null),
      queue.fail(second, 'mine', Date.now()),
      queue.extend(first, LEASE_MS),
    ]);
    assert.deepEqual(answers, [false, false, true, false]);
    const third = await leaseOne(queue);
    assert.equal(await queue.complete(second), false);
    assert.equal(await queue.complete({ ...third, lease: `${third.lease}'` }), false);
    assert.equal(await queue.complete(third), true);
    assert.equal(await queue.complete(third), false);
    assert.equal(await queue.extend(third, 1_000), false);
  });

  test('a lease that has ended can neither complete nor fail nor extend, though nobody else has the job', async (t) => {
    const { queue } = await open(engine, t);
    await queue.add([newJob()]);
    const job = await leaseOne(queue, 100);
    await until(
      () => queue.counts('acme'),
      ({ running }) => running === 0,
    );
    assert.equal(await queue.complete(job), false);
    assert.equal(await queue.fail(job, 'late', null), false);
    assert.equal(await queue.extend(job, LEASE_MS), false);
    assert.equal((await leaseOne(queue)).id, job.id);
  });

  test('an extended lease lasts longer', async (t) => {
    const { queue } = await open(engine, t);
    await queue.add([newJob({ id: 'a' }), newJob({ id: 'b' })]);
    const [a, b] = await lease(queue, 2, 3_000);
    assert.equal(await queue.extend(a!, LEASE_MS), true);
    const again = await until(
      () => lease(queue, 9),
      ({ length }) => length > 0,
    );
    assert.deepEqual(idsOf(again), [b!.id]);
    assert.equal(await queue.complete(a!), true);
  });

  test('a job that ends each of its workers is a dead letter after its last attempt', async (t) => {
    const { queue } = await open(engine, t);
    await queue.add([newJob({ id: 'poison', maxAttempts: 2, key: 'k' }), newJob({ id: 'next', key: 'k' })]);
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const [job] = await until(
        () => lease(queue, 9, 50),
        ({ length }) => length > 0,
      );
      assert.deepEqual([job!.id, job!.attempts], ['poison', attempt]);
    }
    const [next] = await until(
      () => lease(queue, 9),
      ({ length }) => length > 0,
    );
    assert.equal(next!.id, 'next');
    const [dead] = await queue.dead({ tenant: 'acme', before: null, limit: 9 });
    assert.deepEqual([dead?.id, dead?.attempts], ['poison', 2]);
    assert.match(dead!.lastError, /worker/);
  });

  test('functions that may run no more are left out, whatever waits for them', async (t) => {
    const { queue } = await open(engine, t);
    await queue.add([...newJobs(300), newJob({ id: 'other', functionName: 'other' })]);
    const except = new Set(['acme/hello']);
    assert.deepEqual(idsOf(await queue.lease({ limit: 9, leaseMs: LEASE_MS, except })), ['other']);
    assert.equal((await lease(queue, 9)).length, 9);
  });

  test('many functions with one job each all have their turn', async (t) => {
    const { queue } = await open(engine, t);
    await queue.add(newJobs(700).map((job, i) => ({ ...job, functionName: `f${i}`, tenant: `t${i % 3}` })));
    assert.equal((await lease(queue, 450)).length, 450);
    assert.ok((await queue.nextDueMs(new Set(['t0/f0'])))! <= Date.now());
    assert.equal((await lease(queue, 450)).length, 250);
  });

  test('jobs come in the order of their times', async (t) => {
    const { queue } = await open(engine, t);
    const now = Date.now();
    await queue.add([3, 1, 2, 2].map((n, i) => newJob({ id: `${n}${i}`, runAtMs: now - 10_000 + n })));
    assert.deepEqual(idsOf(await lease(queue, 9)), ['11', '22', '23', '30']);
  });

  test('one tenant’s hundred thousand jobs don’t starve another’s one, nor one function’s another’s', async (t) => {
    const { queue } = await open(engine, t);
    for (let lot = 0; lot < 100; lot += 1)
      await queue.add(newJobs(1_000, { tenant: 'flood', runAtMs: 1_000 }, `f${lot}-`));
    await queue.add([newJob({ tenant: 'quiet', id: 'q' }), newJob({ tenant: 'flood', functionName: 'b', id: 'b' })]);
    await queue.add([newJob({ tenant: 'zen', id: 'z' })]);
    const four = await lease(queue, 4);
    assert.deepEqual(four.map(({ tenant }) => tenant).sort(), ['flood', 'flood', 'quiet', 'zen']);
    assert.ok(idsOf(four).includes('b'));
    await queue.add([newJob({ tenant: 'quiet', id: 'q2' }), newJob({ tenant: 'zen', id: 'z2' })]);
    const singles: string[] = [];
    for (let i = 0; i < 3; i += 1) singles.push((await leaseOne(queue)).tenant);
    assert.deepEqual(singles.sort(), ['flood', 'quiet', 'zen'], 'also where one is leased at a time');
    const full = await lease(queue, 64);
    assert.equal(full.length, 64, 'and what nobody else wants is the flood’s');
    assert.deepEqual(await queue.counts('flood'), { waiting: 100_001 - 2 - 1 - 64, running: 67, dead: 0 });
  });

  test('eight workers on two storages never have one job at a time twice', async (t) => {
    const place = await engine.place(t);
    const first = await open(engine, t, place);
    // SQLite has one process, and one storage.
    const second = engine.name === 'SQLite' ? first : await openAt(engine, place);
    if (second !== first) t.after(() => second.close());
    const held = new Map<string, string>();
    const runs = new Map<string, number>();
    const jobs = newJobs(500, { functionName: 'f' }).map((job, i) => ({
      ...job,
      functionName: `f${i % 7}`,
      tenant: `t${i % 3}`,
    }));
    await first.queue.add(jobs);
    const work = async (queue: Queue, name: string): Promise<void> => {
      for (;;) {
        const leased = await lease(queue, 5, LEASE_MS);
        for (const job of leased) {
          assert.equal(held.get(job.id), undefined, `${job.id} is ${held.get(job.id)}’s and ${name}’s`);
          held.set(job.id, name);
        }
        for (const job of leased) {
          held.delete(job.id);
          runs.set(job.id, (runs.get(job.id) ?? 0) + 1);
          const isRetried = runs.get(job.id) === 1 && Number(job.id.slice(1)) % 5 === 0;
          assert.equal(await (isRetried ? queue.fail(job, 'again', Date.now()) : queue.complete(job)), true);
        }
        if (leased.length === 0 && (await queue.nextDueMs()) === null) return;
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, i) => work(i % 2 === 0 ? first.queue : second.queue, `w${i}`)));
    assert.equal(runs.size, 500);
    assert.equal([...runs.values()].filter((count) => count === 2).length, 100);
    assert.ok([...runs.values()].every((count) => count <= 2));
  });
}
