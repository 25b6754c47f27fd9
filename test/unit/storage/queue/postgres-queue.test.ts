import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Client } from 'pg';
import type { OutboxEvent } from '../../../../src/core/outbox.ts';
import type { NewJob } from '../../../../src/core/queue.ts';
import { openPostgresStorage } from '../../../../src/storage/postgres-storage.ts';
import type { Storage } from '../../../../src/storage/storage.ts';
import { drain, idsOf, lease, newJob, newJobs } from '../../../conformance/storage/queue-fixtures.ts';
import { NO_POSTGRES, startPostgres } from '../../../support/postgres.ts';

// Held, so that the cluster stays for all tests of this file.
const postgres = await startPostgres();
after(() => postgres?.stop());
const options = postgres === null ? { skip: NO_POSTGRES } : {};

interface World {
  readonly url: string;
  readonly storage: Storage;
  /** The owner of the database. */
  readonly owner: Client;
  /** Of an ordinary role, that an application of the user's has. */
  connectAs(role: string): Promise<Client>;
}

async function world(t: TestContext): Promise<World> {
  const { url, stop } = (await startPostgres())!;
  t.after(stop);
  const storage = await open(t, url);
  const connect = async (to: string): Promise<Client> => {
    const client = new Client({ connectionString: to });
    client.on('error', () => {});
    await client.connect();
    t.after(() => client.end());
    return client;
  };
  await storage.tenants.create('acme');
  const owner = await connect(url);
  return {
    url,
    storage,
    owner,
    async connectAs(role) {
      const exists = await owner.query('select 1 from pg_roles where rolname = $1', [role]);
      if (exists.rowCount === 0) await owner.query(`create role ${role} login`);
      return connect(url.replace('postgres@', `${role}@`));
    },
  };
}

async function open(t: TestContext, url: string): Promise<Storage> {
  const storage = await openPostgresStorage(url);
  t.after(() => storage.close());
  return storage;
}

const told = (storage: Storage): Promise<void> => new Promise((resolve) => storage.queue.onWork(resolve));

const jobsOf = (events: readonly OutboxEvent[]): NewJob[] =>
  events.map(({ id, channel, data }) => newJob({ id, payload: JSON.stringify({ channel, data: JSON.parse(data) }) }));

const publish = (client: Client, channel: string, data: unknown, tenant: string | null = 'acme') =>
  client.query<{ id: string }>('select cordon_publish($1, $2, $3) as id', [tenant, channel, JSON.stringify(data)]);

test('a node hears of another’s jobs by itself', options, async (t) => {
  const { url, storage } = await world(t);
  const other = await open(t, url);
  const heard = told(other);
  await storage.queue.add([newJob()]);
  await heard;
  assert.deepEqual(idsOf(await lease(other.queue, 9)), ['j1']);
});

test('two nodes that add the same jobs at once, in whatever order, have added each once', options, async (t) => {
  const { url, storage } = await world(t);
  const other = await open(t, url);
  for (let round = 0; round < 5; round += 1) {
    const jobs = newJobs(400, round % 2 === 0 ? {} : { key: 'k' }, `r${round}-`);
    const counts = await Promise.all([
      ...[0, 100, 200, 300].map((from) => storage.queue.add(jobs.slice(from, from + 100))),
      ...[300, 200, 100, 0].map((from) => other.queue.add(jobs.slice(from, from + 100).reverse())),
    ]);
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      400,
    );
  }
  assert.deepEqual(await storage.queue.counts('acme'), { waiting: 2_000, running: 0, dead: 0 });
});

test('a node looks for work every few seconds, also where a notice was lost', options, async (t) => {
  const { owner, storage } = await world(t);
  const heard = told(storage);
  await owner.query(`insert into queue_jobs (id, tenant, function_name, lane, kind, payload, state, run_at_ms, due_ms,
    attempts, max_attempts, added_ms) values ('j', 'acme', 'f', 'acme/f', 'event', '1', 'ready', 1, 1, 0, 8, 1)`);
  await heard;
  assert.deepEqual(idsOf(await lease(storage.queue, 9)), ['j']);
});

test(
  'what a transaction publishes is there when it commits, and not before; what is rolled back never was',
  options,
  async (t) => {
    const { owner, storage } = await world(t);
    await owner.query('begin');
    await publish(owner, 'items:posts:created', { lost: true });
    await owner.query('rollback');
    await owner.query('begin');
    const { rows } = await publish(owner, 'items:posts:created', { title: "O'Neill \u2028" });
    assert.equal(await storage.outbox.take(9, jobsOf), 0);
    const heard = new Promise<void>((resolve) => storage.outbox.onWork(resolve));
    await owner.query('commit');
    await heard;
    assert.equal(await storage.outbox.take(9, jobsOf), 1);
    const [job] = await drain(storage.queue);
    assert.equal(job!.id, rows[0]!.id);
    assert.deepEqual(JSON.parse(job!.payload), { channel: 'items:posts:created', data: { title: "O'Neill \u2028" } });
    assert.equal(await storage.outbox.take(9, jobsOf), 0);
  },
);

test(
  'events leave the outbox in order, only so many at a time, and only together with their jobs',
  options,
  async (t) => {
    const { owner, storage } = await world(t);
    for (let n = 0; n < 5; n += 1) await publish(owner, `n:${n}`, n);
    const fails = (): never => {
      throw new Error('no subscriptions yet');
    };
    await assert.rejects(storage.outbox.take(9, fails), /no subscriptions yet/);
    await assert.rejects(
      storage.outbox.take(9, (events) => [...jobsOf(events), newJob({ id: '' })]),
      RangeError,
    );
    assert.deepEqual(await storage.queue.counts(null), { waiting: 0, running: 0, dead: 0 });
    const channels: string[] = [];
    const seen = (events: readonly OutboxEvent[]): NewJob[] => {
      channels.push(...events.map(({ channel }) => channel));
      return [];
    };
    assert.deepEqual([await storage.outbox.take(2, seen), await storage.outbox.take(9, seen)], [2, 3]);
    assert.deepEqual(channels, ['n:0', 'n:1', 'n:2', 'n:3', 'n:4']);
  },
);

test('of two nodes that empty the outbox each event is one’s', options, async (t) => {
  const { url, owner, storage } = await world(t);
  const other = await open(t, url);
  await owner.query(`select cordon_publish('acme', 'a:b', to_jsonb(n)) from generate_series(1, 300) as n`);
  let taken = 0;
  while (taken < 300) {
    const counts = await Promise.all([storage, other].map(({ outbox }) => outbox.take(20, jobsOf)));
    taken += counts[0]! + counts[1]!;
  }
  assert.equal((await storage.queue.counts('acme')).waiting, 300);
});

test('nobody may publish until the operator says so, and then nothing but publish', options, async (t) => {
  const { owner, storage, connectAs } = await world(t);
  const app = await connectAs('app');
  await assert.rejects(publish(app, 'a:b', 1), /permission denied for function cordon_publish/);
  await owner.query('grant execute on function cordon_publish(text, text, jsonb) to app');
  await publish(app, 'a:b', 1);
  for (const table of ['event_outbox', 'queue_jobs', 'tenants', 'variables'])
    await assert.rejects(app.query(`select * from ${table}`), /permission denied for table/);
  assert.equal(await storage.outbox.take(9, jobsOf), 1);
});

test('a function of the operator’s lets an application publish for one tenant only', options, async (t) => {
  const { owner, storage, connectAs } = await world(t);
  const app = await connectAs('acme_app');
  await owner.query(`
    create function publish_for_acme(channel text, data jsonb) returns text
      language sql security definer set search_path = pg_catalog, pg_temp
      return public.cordon_publish('acme', channel, data);
    revoke all on function publish_for_acme(text, jsonb) from public;
    grant execute on function publish_for_acme(text, jsonb) to acme_app`);
  await app.query(`select publish_for_acme('a:b', '1')`);
  await assert.rejects(publish(app, 'a:b', 1, 'default'), /permission denied for function cordon_publish/);
  assert.equal(await storage.outbox.take(9, jobsOf), 1);
});

test('the caller’s own tables, functions and operators stand in for nothing in it', options, async (t) => {
  const { owner, storage, connectAs } = await world(t);
  await owner.query('create schema trap; grant all on schema trap to public');
  const app = await connectAs('trapper');
  await owner.query('grant execute on function cordon_publish(text, text, jsonb) to trapper');
  await app.query(`
    create temp table tenants (name text); create temp table event_outbox (id text, tenant text, channel text, data text, added_ms bigint);
    create function trap.octet_length(text) returns int language sql as 'select 0';
    create function pg_temp.pg_notify(text, text) returns void language plpgsql as 'begin raise exception ''trapped''; end';
    set search_path = trap, pg_temp, public`);
  await publish(app, 'a:b', 1);
  assert.equal(await storage.outbox.take(9, jobsOf), 1);
  await assert.rejects(publish(app, 'a:b', 'x'.repeat(300_000)), /the data has \d+ bytes as JSON/);
});

test('what is no event is refused with what is wrong', options, async (t) => {
  const { owner, storage } = await world(t);
  const refused: [channel: string | null, tenant: string | null, RegExp][] = [
    ['a:b', 'nobody', /there is no tenant 'nobody'/],
    ['a:b', null, /there is no tenant null/],
    ['', 'acme', /'' is no channel/],
    [null, 'acme', /null is no channel/],
    ['a:*', 'acme', /is no channel/],
    ['a:b\n', 'acme', /is no channel/],
    ["a:'; drop table tenants", 'acme', /is no channel/],
    ['a'.repeat(257), 'acme', /is no channel/],
    [Array(17).fill('a').join(':'), 'acme', /is no channel/],
  ];
  for (const [channel, tenant, message] of refused)
    await assert.rejects(publish(owner, channel as string, 1, tenant), message);
  await storage.tenants.erase('acme');
  await assert.rejects(publish(owner, 'a:b', 1), /there is no tenant 'acme'/);
  assert.equal(await storage.outbox.take(9, jobsOf), 0);
});

test('a tenant that is erased takes its events with it', options, async (t) => {
  const { owner, storage } = await world(t);
  await publish(owner, 'a:b', 1);
  await storage.tenants.erase('acme');
  assert.equal(await storage.outbox.take(9, jobsOf), 0);
});

test('a backlog is leased by its indexes, and nothing that is done is looked at', options, async (t) => {
  const { owner, storage } = await world(t);
  for (let lot = 0; lot < 5; lot += 1) await storage.queue.add(newJobs(1_000, {}, `j${lot}-`));
  await owner.query('analyze queue_jobs');
  const { rows } = await owner.query<{ 'QUERY PLAN': string }>(`explain select q.seq from queue_jobs as q
    where q.lane = 'acme/hello' and q.state = 'ready' and q.due_ms <= 5 order by q.due_ms, q.seq limit 5`);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  assert.match(plan, /Index (?:Only )?Scan using queue_jobs_by_lane/);
  assert.doesNotMatch(plan, /Sort|Seq Scan/);
});
