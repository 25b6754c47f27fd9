/** Events from end to end: published in every way there is, delivered, tried again, given up, replayed; and a host that dies. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { CloudEvent, HTTP } from 'cloudevents';
import { Client } from 'pg';
import { Webhook } from 'standardwebhooks';
import { startEventSink, telling, type EventSink } from '../support/event-sink.ts';
import { NO_POSTGRES, startPostgres } from '../support/postgres.ts';
import { ADMIN_TOKEN, CLI, deployed, startTestServer, type TestServer } from '../support/server.ts';

const listening = (pattern: string): Record<string, unknown> => ({ trigger: { kind: 'event', pattern } });

// oxlint-disable-next-line typescript/no-explicit-any -- any JSON
async function api(server: TestServer, method: string, path: string, body?: unknown, headers = {}): Promise<any> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

const withSink = (sink: EventSink, env: Record<string, string> = {}): Record<string, string> => ({
  CORDON_EGRESS_ALLOW_PRIVATE: sink.address,
  ...env,
});

test('an event reaches the functions that listen, from the API, the command line, CloudEvents and a webhook', async (t) => {
  const sink = await startEventSink(t);
  await using server = await startTestServer({ env: withSink(sink) });
  await deployed(
    server,
    'posts',
    telling(sink, ['ce-type', 'ce-source', 'cordon-event-id']),
    listening('items:posts:*'),
  );
  await deployed(server, 'others', telling(sink), listening('items:users:**'));
  await deployed(server, 'hooked', telling(sink), listening('webhooks:shop:*'));

  const published = await api(server, 'POST', '/api/events', { channel: 'items:posts:created', data: { id: 7 } });
  assert.deepEqual([published.deliveries, published.duplicate], [1, false]);
  await sink.until(() => sink.told.length === 1);
  assert.deepEqual(sink.told[0], {
    event: 'items:posts:created',
    data: { id: 7 },
    headers: {
      'ce-type': 'items:posts:created',
      'ce-source': '/tenants/default',
      'cordon-event-id': published.id,
    },
  });

  const env = { PATH: process.env['PATH'] ?? '', CORDON_URL: server.url, CORDON_ADMIN_TOKEN: ADMIN_TOKEN };
  const args = ['publish', 'items:posts:updated', '{"id":8}', '--id', 'once', '--key', 'post-8', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { env, cwd: server.dataDir });
  assert.deepEqual(JSON.parse(stdout), { id: 'once', deliveries: 1, duplicate: false });
  await sink.until(() => sink.told.length === 2);
  assert.deepEqual(sink.told[1].data, { id: 8 });

  const { headers, body } = HTTP.binary(
    new CloudEvent({ id: 'ce-1', source: '/shop', type: 'items:posts:deleted', data: { id: 9 } }),
  );
  await api(server, 'POST', '/api/events', body, headers);
  assert.equal((await api(server, 'POST', '/api/events', body, headers)).duplicate, true);
  await sink.until(() => sink.told.length === 3);
  assert.deepEqual([sink.told[2].event, sink.told[2].headers['ce-source']], ['items:posts:deleted', '/shop']);

  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  const variable = { name: 'WEBHOOK_SHOP_SECRET', value: secret, secret: true };
  await api(server, 'PUT', '/api/v1/secrets', { variables: [variable] });
  const message = JSON.stringify({ type: 'order.paid', data: { n: 1 } });
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = new Webhook(secret).sign('msg_1', new Date(Number(timestamp) * 1000), message);
  const send = (path: string, changes: Record<string, string> = {}): Promise<Response> =>
    fetch(`${server.url}/hooks/${path}`, {
      method: 'POST',
      headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': timestamp, 'webhook-signature': signature, ...changes },
      body: message,
    });
  const refusals = [send('default/shop', { 'webhook-id': 'msg_2' }), send('default/unknown'), send('nobody/shop')];
  const answers = await Promise.all(
    refusals.map(async (refusal) => [(await refusal).status, await (await refusal).text()]),
  );
  assert.deepEqual(answers, Array(3).fill(answers[0]));
  assert.equal(answers[0]![0], 401);
  assert.equal((await send('default/shop')).status, 202);
  await sink.until(() => sink.told.length === 4);
  assert.deepEqual(sink.told[3].event, 'webhooks:shop:order.paid');
  assert.equal(((await (await send('default/shop')).json()) as { duplicate: boolean }).duplicate, true);
});

test('a script sees the event as ctx.data, and the log of the function what it wrote', async () => {
  await using server = await startTestServer();
  const code = 'console.log(`got ${ctx.data.event} ${JSON.stringify(ctx.data.data)} ${ctx.user.id}`); return 1;';
  await deployed(server, 'script', code, { ...listening('**'), handlerKind: 'script' });
  await api(server, 'POST', '/api/events', { channel: 'a:b', data: [1] });
  await server.printed(/got a:b \[1\] null/);
});

test('events of one key come one after the other, in their order, and delayed ones later', async (t) => {
  const sink = await startEventSink(t);
  await using server = await startTestServer({ env: withSink(sink) });
  await deployed(server, 'ordered', telling(sink), listening('o'));
  const send = (data: number, more = {}): Promise<unknown> =>
    api(server, 'POST', '/api/events', { channel: 'o', data, ...more });
  await send(-1, { delayMs: 1_000 });
  for (let n = 0; n < 20; n++) await send(n, { key: 'k' });
  await sink.until(() => sink.told.length === 21);
  const order = sink.told.map(({ data }) => data as number);
  assert.deepEqual(
    order.filter((n) => n >= 0),
    Array.from({ length: 20 }, (_, n) => n),
  );
});

test('what fails too often is a dead letter, and is delivered when it is replayed', async (t) => {
  const sink = await startEventSink(t);
  await using server = await startTestServer({ env: withSink(sink, { CORDON_EVENT_ATTEMPTS: '2' }) });
  await deployed(
    server,
    'mailer',
    telling(sink, ['cordon-event-attempt'], "throw new Error('no mail today');"),
    listening('m'),
  );
  await api(server, 'POST', '/api/events', { channel: 'm', data: 'hello' });
  await sink.until(() => sink.told.length === 2);
  assert.deepEqual(
    sink.told.map(({ headers }) => headers['cordon-event-attempt']),
    ['1', '2'],
  );
  const letter = await deadLetter(server);
  assert.deepEqual([letter.function, letter.attempts], ['mailer', 2]);
  assert.match(letter.error, /^HANDLER_THREW: .*no mail today/);
  const whole = await api(server, 'GET', `/api/v1/dead-letters/${letter.id}`);
  assert.equal(whole.payload.data, 'hello');
  await server.printed(/event failed, attempt 2 of 2: HANDLER_THREW/);

  await deployed(server, 'mailer', telling(sink), listening('m'));
  const env = { PATH: process.env['PATH'] ?? '', CORDON_URL: server.url, CORDON_ADMIN_TOKEN: ADMIN_TOKEN };
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, 'dead-letters', 'replay', '--all'], {
    env,
    cwd: server.dataDir,
  });
  assert.equal(stdout, '1 is in the queue again\n');
  await sink.until(() => sink.told.length === 3);
  assert.deepEqual((await api(server, 'GET', '/api/v1/dead-letters')).deadLetters, []);
});

test('a function that is switched off meanwhile is not run: its events wait as dead letters', async (t) => {
  const sink = await startEventSink(t);
  await using server = await startTestServer({ env: withSink(sink) });
  await deployed(server, 'later', telling(sink), listening('l'));
  await api(server, 'POST', '/api/events', { channel: 'l', data: 1, delayMs: 5_000 });
  await api(server, 'PATCH', '/api/v1/functions/later', { active: false });
  const letter = await deadLetter(server);
  assert.deepEqual([letter.function, letter.error], ['later', 'CONFLICT: The function later is not active']);
  assert.deepEqual(sink.told, []);
});

/** The one that there is, or will be. */
async function deadLetter(
  server: TestServer,
): Promise<{ id: string; function: string; attempts: number; error: string }> {
  for (;;) {
    const [letter] = (await api(server, 'GET', '/api/v1/dead-letters')).deadLetters;
    if (letter !== undefined) return letter;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("an event of a user's own transaction is delivered when that commits, and is none when it is rolled back", async (t) => {
  const database = await startPostgres();
  if (database === null) return t.skip(NO_POSTGRES);
  t.after(() => database.stop());
  const sink = await startEventSink(t);
  const key = randomBytes(32).toString('hex');
  const env = withSink(sink, { CORDON_DATABASE_URL: database.url, CORDON_MASTER_KEY: key });
  await using server = await startTestServer({ env });
  await deployed(server, 'orders', telling(sink, ['ce-source']), listening('orders:*'));
  const client = new Client({ connectionString: database.url });
  await client.connect();
  for (const [n, end] of [
    [1, 'rollback'],
    [2, 'commit'],
  ] as const) {
    await client.query('begin');
    await client.query(`select cordon_publish('default', 'orders:paid', $1)`, [JSON.stringify({ n })]);
    await client.query(end);
  }
  await client.end();
  await sink.until(() => sink.told.length === 1);
  assert.deepEqual(sink.told, [{ event: 'orders:paid', data: { n: 2 }, headers: { 'ce-source': '/database' } }]);
});

/** How often the host is killed under a stream; 50 take some minutes. */
const KILLS = Number(process.env['CORDON_TEST_KILLS'] ?? 2);
const MAX_RUNNING = 64;

test(
  'kill -9 of the host in the middle of a stream loses no event that was acknowledged',
  {
    timeout: 120_000 + KILLS * 60_000,
  },
  async (t) => {
    const sink = await startEventSink(t);
    const dataDir = await mkdtemp(join(tmpdir(), 'cordon-events-'));
    t.after(() => rm(dataDir, { recursive: true, force: true }));
    const acknowledged = new Set<number>();
    for (let round = 0; round < KILLS; round++) {
      const server = await startTestServer({ dataDir, env: withSink(sink) });
      if (round === 0) await deployed(server, 'counter', telling(sink), listening('n'));
      await publishUntilKilled(server, round, acknowledged);
    }
    const server = await startTestServer({ dataDir, env: withSink(sink) });
    const missing = (): number[] => {
      const told = new Set(sink.told.map(({ data }) => data as number));
      return [...acknowledged].filter((n) => !told.has(n));
    };
    await sink.until(() => missing().length === 0);
    assert.ok(acknowledged.size > 0);
    // Nothing waits any more: a duplicate is a run that a kill has cut, and no more.
    const again = sink.told.length - acknowledged.size;
    t.diagnostic(`${KILLS} kills, ${acknowledged.size} events acknowledged, ${sink.told.length} runs`);
    assert.ok(again <= KILLS * MAX_RUNNING, `${sink.told.length} runs of ${acknowledged.size} events`);
    assert.equal(await server.stop(), 0);
  },
);

test('what ran when the host was killed runs again as soon as the next one has started', async (t) => {
  const sink = await startEventSink(t);
  const dataDir = await mkdtemp(join(tmpdir(), 'cordon-events-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const first = await startTestServer({ dataDir, env: withSink(sink) });
  const unending = telling(sink, [], 'await new Promise(() => {});');
  await deployed(first, 'unending', unending, { ...listening('n'), timeoutMs: 60_000 });
  await api(first, 'POST', '/api/events', { channel: 'n', data: 1 });
  await sink.until(() => sink.told.length === 1);
  const exited = once(first.process, 'exit');
  first.process.kill('SIGKILL');
  await exited;
  const second = await startTestServer({ dataDir, env: withSink(sink) });
  t.after(() => second.stop());
  const startedMs = performance.now();
  await sink.until(() => sink.told.length === 2);
  const againMs = performance.now();
  t.diagnostic(`again ${Math.round(againMs - startedMs)} ms after the start`);
  // By itself the lease ends half a minute after it was taken.
  assert.ok(againMs - startedMs < 10_000, `${againMs - startedMs} ms`);
});

async function publishUntilKilled(server: TestServer, round: number, acknowledged: Set<number>): Promise<void> {
  const exited = once(server.process, 'exit');
  let count = 0;
  const killAt = 20 + Math.floor(Math.random() * 60);
  const publisher = async (lane: number): Promise<void> => {
    for (let i = 0; ; i++) {
      const data = round * 1_000_000 + lane * 10_000 + i;
      try {
        const response = await fetch(`${server.url}/api/events`, {
          method: 'POST',
          headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
          body: JSON.stringify({ channel: 'n', data }),
        });
        await response.arrayBuffer();
        if (response.status === 202) acknowledged.add(data);
      } catch {
        return;
      }
      if (++count === killAt) server.process.kill('SIGKILL');
    }
  };
  await Promise.all([0, 1, 2, 3].map(publisher));
  await exited;
}
