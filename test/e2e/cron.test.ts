/** Cron from end to end: a server's own timer, an outside scheduler, and three nodes on one database of which one dies. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startEventSink, telling, type EventSink } from '../support/event-sink.ts';
import { startPostgres } from '../support/postgres.ts';
import { ADMIN_TOKEN, CLI, deployed, startTestServer, type TestServer } from '../support/server.ts';

const every = (pattern: string): Record<string, unknown> => ({ trigger: { kind: 'cron', pattern } });

// oxlint-disable-next-line typescript/no-explicit-any -- any JSON
async function api(server: TestServer, method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

async function cordon(server: TestServer, ...args: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', CORDON_URL: server.url, CORDON_ADMIN_TOKEN: ADMIN_TOKEN };
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { env, cwd: server.dataDir });
  return stdout;
}

test('a function of cron runs at its times, by hand, and not while it is paused', async (t) => {
  const sink = await startEventSink(t);
  await using server = await startTestServer({ env: { CORDON_EGRESS_ALLOW_PRIVATE: sink.address } });
  await deployed(server, 'second', telling(sink), every('* * * * * *'));
  await deployed(server, 'yearly', telling(sink), every('CRON_TZ=Europe/Berlin @yearly'));
  await sink.until(() => sink.told.length >= 2);
  const [{ firedAt, pattern }] = sink.told;
  assert.deepEqual([firedAt.slice(-5), pattern], ['.000Z', '* * * * * *']);
  assert.equal(new Set(sink.told.map((told) => told.firedAt)).size, sink.told.length);

  const yearly = await api(server, 'GET', '/api/v1/functions/yearly/cron');
  assert.deepEqual([yearly.timeZone, yearly.next.length], ['Europe/Berlin', 5]);
  assert.match(yearly.next[0], /-12-31T23:00:00\.000Z$/);
  assert.match(await cordon(server, 'cron', 'pause', 'second'), /^second is paused\n$/);
  assert.match(await cordon(server, 'cron', 'run', 'yearly'), /^yearly runs now\n$/);
  await sink.until(() => sink.told.some((told) => told.pattern.endsWith('@yearly')));

  const paused = ticksOf(sink).at(-1)!;
  // Until a tick has passed that would have been its own.
  do assert.match(await cordon(server, 'cron', 'list'), /second +\* \* \* \* \* \* +UTC +paused/);
  while (Date.now() < paused + 1_500);
  await cordon(server, 'cron', 'resume', 'second');
  await sink.until(() => ticksOf(sink).at(-1)! > paused + 1_000);
  // What passed during the pause was not run.
  const resumed = ticksOf(sink).find((tick) => tick > paused)!;
  assert.ok(resumed > paused + 1_000, `${resumed - paused} ms after ${paused}`);
});

test('an outside scheduler drives the ticks, each once', async (t) => {
  const sink = await startEventSink(t);
  const env = { CORDON_EGRESS_ALLOW_PRIVATE: sink.address, CORDON_CRON: 'external' };
  await using server = await startTestServer({ env });
  await deployed(server, 'second', telling(sink), every('* * * * * *'));
  const tick = async (): Promise<number> => (await api(server, 'POST', '/api/v1/cron/tick')).fired;
  await tick();
  let fired = 0;
  while (fired === 0) fired = await tick();
  await sink.until(() => sink.told.length >= 1);
  assert.equal((await fetch(`${server.url}/api/v1/cron/tick`, { method: 'POST' })).status, 401);
  assert.equal(new Set(ticksOf(sink)).size, sink.told.length);
});

test('of three nodes on one database one dies, and every tick is run once', async (t) => {
  const database = await startPostgres();
  if (database === null) return t.skip('PostgreSQL is not installed here');
  t.after(() => database.stop());
  const sink = await startEventSink(t);
  const env = {
    CORDON_DATABASE_URL: database.url,
    CORDON_MASTER_KEY: randomBytes(32).toString('hex'),
    CORDON_EGRESS_ALLOW_PRIVATE: sink.address,
  };
  await using one = await startTestServer({ env });
  await using two = await startTestServer({ env });
  await using three = await startTestServer({ env });
  // Paused until its policy is set: a slow machine must not skip what overlaps.
  await deployed(one, 'tick', telling(sink, ['cordon-event-attempt']), every('0 0 1 1 *'));
  await api(one, 'PATCH', '/api/v1/functions/tick/cron', { overlap: 'allow' });
  await api(one, 'PATCH', '/api/v1/functions/tick', { trigger: { kind: 'cron', pattern: '* * * * * *' } });
  await sink.until(() => ticksOf(sink).length >= 4);
  const exited = once(two.process, 'exit');
  two.process.kill('SIGKILL');
  await exited;
  const killed = ticksOf(sink).at(-1)!;
  // What it had leased is another's when the lease ends.
  await sink.until(() => ticksOf(sink).at(-1)! >= killed + 6_000 && hasEveryTickUpTo(sink, killed + 6_000));
  const runs = Map.groupBy(sink.told, (told) => told.firedAt as string);
  for (const [tick, told] of runs) {
    // A run that the kill has cut is the one that is begun again.
    const again = told.filter(({ headers }) => headers['cordon-event-attempt'] !== '1').length;
    assert.equal(told.length - again <= 1, true, `${tick} ran ${told.length} times, ${again} of them again`);
  }
  const twice = [...runs.values()].filter((told) => told.length > 1).length;
  assert.ok(twice <= 2, `${twice} ticks ran more than once`);
  await api(three, 'GET', '/api/v1/cron');
});

/** Of functions that run each second, oldest first. */
const ticksOf = (sink: EventSink): number[] =>
  sink.told
    .filter(({ pattern }) => pattern === '* * * * * *')
    .map(({ firedAt }) => Date.parse(firedAt))
    .sort((a, b) => a - b);

function hasEveryTickUpTo(sink: EventSink, lastMs: number): boolean {
  const ticks = new Set(ticksOf(sink));
  for (let tick = Math.min(...ticks); tick <= lastMs; tick += 1_000) if (!ticks.has(tick)) return false;
  return true;
}
