/** Functions that misbehave against the real server: they are moved, refused for a while, and come back. */

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { executorsOf } from '../../bench/support/processes.ts';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';

const BOMB = `export default { fetch() { const all = []; for (;;) all.push(new Array(100000).fill({})); } }`;
const HELLO = `export default { fetch: () => new Response('hello') }`;
/** Not all of them at the same time. */
const SLOW = `export default { async fetch() { await new Promise((done) => setTimeout(done, 20 + Math.random() * 60)); return new Response('slow'); } }`;

let server: TestServer;
before(async () => {
  server = await startTestServer();
});
after(() => server[Symbol.asyncDispose]());

async function asked(path: string): Promise<Response> {
  return fetch(server.url + path, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
}

async function stateOf(name: string): Promise<{ state: string; cause: string; version: number }[]> {
  const answer = (await (await asked(`/api/v1/functions/${name}/quarantine`)).json()) as { versions: [] };
  return answer.versions;
}

test('a function that runs out of memory again is refused for a while, and everybody can see why', async () => {
  const neighbour = await deployed(server, 'neighbour', HELLO);
  const bomb = await deployed(server, 'bomb', BOMB, { memoryMb: 32, timeoutMs: 20_000 });
  assert.deepEqual(await stateOf('bomb'), []);
  for (const state of ['alone', 'refused']) {
    const response = await fetch(bomb);
    assert.equal(response.status, 504, await response.text());
    assert.equal(response.headers.get('cordon-fault'), 'OUT_OF_MEMORY');
    assert.equal(response.headers.get('cordon-limit'), 'memory-mb=32');
    assert.deepEqual(
      (await stateOf('bomb')).map((found) => [found.version, found.state, found.cause]),
      [[1, state, 'out-of-memory']],
    );
  }
  const refused = await fetch(bomb);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('cordon-fault'), 'QUARANTINED');
  const seconds = Number(refused.headers.get('retry-after'));
  assert.ok(seconds >= 1 && seconds <= 5, `${seconds} s`);
  assert.equal(await (await fetch(neighbour)).text(), 'hello');

  assert.match(
    await (await asked('/api/v1/functions/bomb/logs')).text(),
    /QUARANTINED: this version is refused for 5 s/,
  );
  assert.match(await (await asked('/metrics')).text(), /^cordon_quarantine_refused 1$/m);
  assert.match(await (await asked('/api/v1/audit')).text(), /function\.quarantine.*"state":"refused"/);

  await delay(seconds * 1000);
  const again = await fetch(bomb);
  assert.equal(again.headers.get('cordon-fault'), 'OUT_OF_MEMORY', 'it comes back by itself');
  assert.equal((await fetch(bomb)).headers.get('cordon-fault'), 'QUARANTINED');
  await deployed(server, 'bomb', HELLO);
  assert.equal(await (await fetch(bomb)).text(), 'hello', 'a new version is free at once');
});

test('what computes for longer than it may goes on in an executor of its own', async () => {
  const settings = { timeoutMs: 60_000, limits: { cpuMs: 300 } };
  const spin = await deployed(server, 'spin', 'export default { fetch() { for (;;); } }', settings);
  for (let i = 0; i < 3; i++) {
    const response = await fetch(spin);
    assert.equal(response.headers.get('cordon-fault'), 'TIMED_OUT');
    assert.equal(response.headers.get('cordon-limit'), 'cpu-ms=300');
  }
  const [found] = await stateOf('spin');
  assert.equal(found?.state, 'alone');
});

test('kill -9 of every executor under load loses only what had begun, and the load goes on', async () => {
  const url = await deployed(server, 'slow', SLOW);
  const failures: string[] = [];
  let answered = 0;
  let afterKill = 0;
  let isKilled = false;
  let over = false;
  const CLIENTS = 16;
  const client = async (): Promise<void> => {
    while (!over) {
      const begunAfterKill = isKilled;
      const response = await fetch(url);
      await response.text();
      if (response.status === 200) {
        answered++;
        if (begunAfterKill) afterKill++;
      } else
        failures.push(`${response.status} ${response.headers.get('cordon-fault')} ${begunAfterKill ? 'after' : ''}`);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  while (answered < 50) await delay(10);
  const executors = executorsOf(server.process.pid as number);
  while (answered < 100) await delay(10);
  for (const pid of executors) process.kill(pid, 'SIGKILL');
  isKilled = true;
  while (afterKill < 100) await delay(10);
  over = true;
  await Promise.all(clients);
  assert.ok(failures.length > 0 && failures.length <= CLIENTS, `${failures.length} failed`);
  for (const failure of failures) assert.match(failure, /^503 SANDBOX_RECYCLED/);
});
