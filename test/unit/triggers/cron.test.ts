import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Route } from '../../../src/core/route.ts';
import { CronService, type CronServiceOptions } from '../../../src/triggers/cron.ts';
import { TriggerBook } from '../../../src/triggers/trigger-book.ts';
import { makeVersion } from '../../support/calls.ts';
import { MemoryCron } from '../../support/memory-cron.ts';
import { MemoryQueue } from '../../support/memory-queue.ts';

const route = (name: string, pattern: string, changes: Partial<Route> = {}): Route => ({
  tenant: 'acme',
  name,
  live: makeVersion(name),
  canary: null,
  aliases: new Map(),
  active: true,
  publicDomain: null,
  trigger: { kind: 'cron', pattern },
  ...changes,
});

const iso = (ms: number): string => new Date(ms).toISOString();

/** Nodes on one database and one clock, which a test sets. */
class Cluster {
  readonly queue = new MemoryQueue();
  readonly store = new MemoryCron();
  readonly reported: unknown[] = [];
  nowMs = Date.parse('2026-01-01T10:00:30Z');
  isSuspended = false;

  /** Its ticks are fired by hand, unless `options` say otherwise. */
  node(t: TestContext, options: Partial<CronServiceOptions> = {}): { cron: CronService; book: TriggerBook } {
    const book = new TriggerBook();
    const cron = new CronService({
      queue: this.queue,
      store: this.store,
      triggers: book,
      mode: 'external',
      maxAttempts: 3,
      maxJobs: 1000,
      isSuspended: () => this.isSuspended,
      report: (error) => void this.reported.push(error),
      nowMs: () => this.nowMs,
      ...options,
    });
    t.after(() => cron.close());
    return { cron, book };
  }

  /** The ticks that were queued, oldest first. */
  ticks(): string[] {
    return [...this.queue.rows.values()].map(({ id }) => id.replace(/^cron:/, '')).sort();
  }
}

test('a function that is new begins with its next tick, and each tick is queued once', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  book.set(route('digest', '* * * * *'));
  assert.equal(await cron.tick(null), 0);
  cluster.nowMs += 30_000;
  assert.equal(await cron.tick(null), 1);
  assert.equal(await cron.tick(null), 0);
  assert.deepEqual(cluster.ticks(), ['acme/digest:2026-01-01T10:01:00.000Z']);
  const [job] = [...cluster.queue.rows.values()];
  assert.deepEqual([job!.kind, job!.key, job!.functionName, job!.maxAttempts], ['cron', 'ticks', 'digest', 3]);
});

test('two nodes that see the same tick come queue it once', async (t) => {
  const cluster = new Cluster();
  const nodes = [cluster.node(t), cluster.node(t), cluster.node(t)];
  for (const { book } of nodes) book.set(route('digest', '* * * * * *'));
  await Promise.all(nodes.map(({ cron }) => cron.tick(null)));
  for (let second = 0; second < 20; second++) {
    cluster.nowMs += 1_000;
    await Promise.all(nodes.map(({ cron }) => cron.tick(null)));
  }
  assert.equal(cluster.ticks().length, 20);
});

test('a node whose clock is ahead or behind changes nothing of that', async (t) => {
  const cluster = new Cluster();
  const { nowMs } = cluster;
  const ahead = cluster.node(t, { nowMs: () => cluster.nowMs + 2_500 });
  const behind = cluster.node(t);
  for (const { book } of [ahead, behind]) book.set(route('digest', '* * * * *'));
  for (; cluster.nowMs < nowMs + 300_000; cluster.nowMs += 1_000) {
    await ahead.cron.tick(null);
    await behind.cron.tick(null);
  }
  assert.equal(cluster.ticks().length, 5);
});

test('a clock that is set back by an hour fires no tick twice', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  book.set(route('digest', '* * * * *'));
  await cron.tick(null);
  for (let minute = 0; minute < 3; minute++) {
    cluster.nowMs += 60_000;
    await cron.tick(null);
  }
  // Ids are forgotten some day; what was fired last is not.
  for (const job of await cluster.queue.lease({ limit: 10, leaseMs: 1_000, except: new Set() }))
    await cluster.queue.complete(job);
  await cluster.queue.prune({ ids: Infinity, dead: 0 });
  cluster.nowMs -= 3_600_000;
  for (let minute = 0; minute < 60; minute++) {
    cluster.nowMs += 60_000;
    assert.equal(await cron.tick(null), 0);
  }
  cluster.nowMs += 60_000;
  assert.equal(await cron.tick(null), 1);
});

test('after a long absence the policy of the function decides', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  for (const name of ['once', 'all', 'none']) book.set(route(name, '*/10 * * * *'));
  await cron.tick(null);
  await cron.change('acme', 'all', { catchUp: 'all' });
  await cron.change('acme', 'none', { catchUp: 'none' });
  cluster.nowMs = Date.parse('2026-01-01T10:35:00Z');
  assert.equal(await cron.tick(null), 4);
  assert.deepEqual(cluster.ticks(), [
    'acme/all:2026-01-01T10:10:00.000Z',
    'acme/all:2026-01-01T10:20:00.000Z',
    'acme/all:2026-01-01T10:30:00.000Z',
    'acme/once:2026-01-01T10:30:00.000Z',
  ]);
});

test('a function that is paused fires nothing, and goes on with the tick that comes after the pause', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  book.set(route('digest', '* * * * *'));
  await cron.tick(null);
  assert.deepEqual((await cron.change('acme', 'digest', { paused: true })).nextMs, []);
  cluster.nowMs += 600_000;
  assert.equal(await cron.tick(null), 0);
  const { paused, nextMs } = await cron.change('acme', 'digest', { paused: false });
  assert.deepEqual([paused, nextMs.map(iso)[0], nextMs.length], [false, '2026-01-01T10:11:00.000Z', 5]);
  assert.equal(await cron.tick(null), 0);
  cluster.nowMs += 60_000;
  assert.equal(await cron.tick(null), 1);
});

test('another pattern counts from when it was deployed', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  book.set(route('digest', '0 9 * * *'));
  await cron.tick(null);
  cluster.nowMs += 1_200_000;
  book.set(route('digest', '*/5 * * * *'));
  assert.equal(await cron.tick(null), 0);
  cluster.nowMs += 300_000;
  assert.equal(await cron.tick(null), 1);
});

test('what is inactive, not live, deleted or of another kind has no ticks', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  book.load([
    route('inactive', '* * * * *', { active: false }),
    route('unborn', '* * * * *', { live: null }),
    route('event', '**', { trigger: { kind: 'event', pattern: '**' } }),
    route('http', '', { trigger: { kind: 'http', pattern: null } }),
    route('gone', '* * * * *'),
    route('broken', 'not a pattern'),
  ]);
  await cron.tick(null);
  book.remove('acme', 'gone');
  cluster.nowMs += 60_000;
  assert.equal(await cron.tick(null), 0);
  assert.match(String(cluster.reported[0]), /acme\/broken never runs/);
  for (const name of ['inactive', 'unborn', 'event', 'http', 'gone', 'nothing'])
    await assert.rejects(cron.read('acme', name), { code: 'NOT_FOUND' });
});

test('a tenant that is suspended, or has too many jobs, fires nothing; later it catches up', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t, { maxJobs: 1 });
  book.set(route('digest', '* * * * *'));
  await cron.tick(null);
  cluster.isSuspended = true;
  cluster.nowMs += 60_000;
  assert.equal(await cron.tick(null), 0);
  await assert.rejects(cron.runNow('acme', 'digest'), { code: 'TENANT_SUSPENDED' });
  cluster.isSuspended = false;
  assert.equal(await cron.tick(null), 1);
});

test('the outside scheduler of one tenant fires nothing of another', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  book.set(route('digest', '* * * * *'));
  book.set(route('digest', '* * * * *', { tenant: 'other' }));
  await cron.tick(null);
  cluster.nowMs += 60_000;
  assert.equal(await cron.tick('other'), 1);
  assert.deepEqual(cluster.ticks(), ['other/digest:2026-01-01T10:01:00.000Z']);
});

test('a run by hand is beside the ticks', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  book.set(route('digest', '@daily'));
  const first = await cron.runNow('acme', 'digest');
  assert.notEqual(await cron.runNow('acme', 'digest'), first);
  assert.match(first, /^cron:acme\/digest:manual:/);
  assert.equal(cluster.queue.rows.get(first)!.key, null);
  await assert.rejects(cron.runNow('acme', 'nothing'), { code: 'NOT_FOUND' });
});

test('the list has its pages in the order of names, with zones and next ticks', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  for (const name of ['c', 'a', 'b']) book.set(route(name, 'CRON_TZ=Europe/Berlin 0 12 * * *'));
  const first = await cron.list({ tenant: 'acme', after: null, limit: 2 });
  assert.deepEqual([first.items.map(({ name }) => name), first.next], [['a', 'b'], 'b']);
  const second = await cron.list({ tenant: 'acme', after: 'b', limit: 2 });
  assert.deepEqual([second.items.map(({ name }) => name), second.next], [['c'], null]);
  const [{ timeZone, nextMs, overlap, catchUp, paused }] = second.items as [(typeof second.items)[number]];
  assert.deepEqual([timeZone, overlap, catchUp, paused], ['Europe/Berlin', 'skip', 'once', false]);
  assert.equal(iso(nextMs[0]!), '2026-01-01T11:00:00.000Z');
  assert.deepEqual(await cron.list({ tenant: 'other', after: null, limit: 2 }), { items: [], next: null });
});

test('a tick that could not be queued is fired later', async (t) => {
  const cluster = new Cluster();
  const { cron, book } = cluster.node(t);
  book.set(route('digest', '* * * * *'));
  await cron.tick(null);
  cluster.nowMs += 60_000;
  cluster.queue.failure = new Error('the database is away');
  await assert.rejects(cron.tick(null), /away/);
  cluster.queue.failure = null;
  assert.equal(await cron.tick(null), 1);
});

test('a timer of its own fires what is due, also of functions that are deployed while it waits', async (t) => {
  const cluster = new Cluster();
  cluster.nowMs = Date.now();
  const { cron, book } = cluster.node(t, { mode: 'internal', nowMs: Date.now });
  cron.start();
  book.set(route('far', '@yearly'));
  book.set(route('second', '* * * * * *'));
  await cluster.queue.until(() => cluster.ticks().length >= 3);
  const times = cluster.ticks().map((id) => Date.parse(id.slice('acme/second:'.length)));
  for (const [i, time] of times.entries()) assert.equal(time, times[0]! + i * 1_000);
});

test('two timers on one queue fire each tick once, and go on when the database was away', async (t) => {
  const cluster = new Cluster();
  const nodes = [0, 1].map(() => cluster.node(t, { mode: 'internal', nowMs: Date.now }));
  for (const { cron, book } of nodes) {
    book.set(route('second', '* * * * * *'));
    cron.start();
  }
  await cluster.queue.until(() => cluster.ticks().length >= 2);
  cluster.store.failure = new Error('away');
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  cluster.store.failure = null;
  const before = cluster.ticks().length;
  await cluster.queue.until(() => cluster.ticks().length >= before + 2);
  const times = cluster.ticks().map((id) => Date.parse(id.slice('acme/second:'.length)));
  for (const [i, time] of times.entries()) assert.equal(time, times[0]! + i * 1_000);
  assert.ok(cluster.reported.length > 0);
});
