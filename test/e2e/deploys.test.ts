/** Deployments under load and under kill -9: a request sees the old version or the new one, and what was acknowledged stays. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { test } from 'node:test';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';

const versionCode = (n: number): string => `export default () => ({ statusCode: 200, body: "v${n}" })`;

test('while a function is deployed again and again, every request is answered by one of its versions', async () => {
  await using server = await startTestServer();
  const url = await deployed(server, 'busy', versionCode(0));
  let last = 0;
  let stop = false;
  const seen = new Set<string>();
  const client = async (): Promise<void> => {
    while (!stop) {
      const before = last;
      const response = await fetch(url);
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.match(text, /^v\d+$/);
      // What was acknowledged before the request began is the oldest that it may see.
      assert.ok(Number(text.slice(1)) >= before, `${text} after v${before} was live`);
      seen.add(text);
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let n = 1; n <= 20; n++) {
    assert.equal((await server.deploy('busy', versionCode(n))).status, 200);
    last = n;
  }
  stop = true;
  await Promise.all(clients);
  assert.ok(seen.size > 5, `only ${[...seen].join(', ')} answered`);
});

test('after kill -9 in the middle of deployments, every acknowledged version is there and serves', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'cordon-crash-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const acknowledged = new Map<string, number>();
  for (let round = 0; round < 4; round++) {
    const server = await startTestServer({ dataDir });
    await expectAll(server, acknowledged);
    await deployUntilKilled(server, round, acknowledged);
  }
  const server = await startTestServer({ dataDir });
  await expectAll(server, acknowledged);
  assert.ok(acknowledged.size > 0);
  assert.equal(await server.stop(), 0);
});

async function deployUntilKilled(server: TestServer, round: number, acknowledged: Map<string, number>): Promise<void> {
  const exited = once(server.process, 'exit');
  let count = 0;
  const killAt = 5 + Math.floor(Math.random() * 45);
  const deployer = async (lane: number): Promise<void> => {
    for (let i = 0; i < 50; i++) {
      const name = `f${lane}-${i % 7}`;
      const n = round * 1000 + i;
      try {
        const response = await server.deploy(name, versionCode(n));
        await response.arrayBuffer();
        if (response.ok) acknowledged.set(name, Math.max(n, acknowledged.get(name) ?? 0));
      } catch {
        return;
      }
      if (++count === killAt) server.process.kill('SIGKILL');
    }
  };
  await Promise.all([0, 1, 2, 3].map(deployer));
  await exited;
}

/** The live version is the acknowledged one, or a later one whose answer the crash took. */
async function expectAll(server: TestServer, acknowledged: ReadonlyMap<string, number>): Promise<void> {
  for (const [name, n] of acknowledged) {
    const response = await fetch(`${server.url}/fn/${name}`);
    const text = await response.text();
    assert.equal(response.status, 200, `${name}: ${text}`);
    assert.ok(Number(/^v(\d+)$/.exec(text)?.[1]) >= n, `${name} answers ${text} after v${n} was acknowledged`);
    const record = (await (
      await fetch(`${server.url}/api/v1/functions/${name}`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
    ).json()) as { name: string };
    assert.equal(record.name, name);
  }
}
