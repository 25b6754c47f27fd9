/** Two nodes on one PostgreSQL, and the way there from SQLite. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { startPostgres } from '../support/postgres.ts';
import { ADMIN_TOKEN, CLI, deployed, startTestServer, type TestServer } from '../support/server.ts';

const answer = (body: string): string => `export default () => ({ statusCode: 200, body: ${JSON.stringify(body)} })`;

test('what one node deploys, sets and rolls back, the other serves', async (t) => {
  const database = await startPostgres();
  if (database === null) return t.skip('PostgreSQL is not installed here');
  t.after(() => database.stop());
  const env = { CORDON_DATABASE_URL: database.url, CORDON_MASTER_KEY: randomBytes(32).toString('hex') };
  await using one = await startTestServer({ env });
  await using two = await startTestServer({ env });
  await deployed(one, 'hello', answer('v1'));
  await eventually(two, 'hello', 'v1');
  await deployed(two, 'hello', answer('v2'));
  await eventually(one, 'hello', 'v2');
  await api(one, 'POST', '/api/v1/functions/hello/rollback', {});
  await eventually(two, 'hello', 'v1');
  await deployed(one, 'env', 'export default () => ({ statusCode: 200, body: Deno.env.get("KEY") ?? "none" })');
  await eventually(two, 'env', 'none');
  await api(two, 'PUT', '/api/v1/secrets', { variables: [{ name: 'KEY', value: 'a-secret-value', secret: true }] });
  await eventually(one, 'env', 'a-secret-value');
  await eventually(two, 'env', 'a-secret-value');
  await api(one, 'DELETE', '/api/v1/functions/hello');
  await eventually(two, 'hello', /NOT_FOUND/);
  assert.equal((await fetch(`${two.url}/ready`)).status, 200);
});

test('an installation moves from SQLite to PostgreSQL and nothing is lost', async (t) => {
  const database = await startPostgres();
  if (database === null) return t.skip('PostgreSQL is not installed here');
  t.after(() => database.stop());
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'data'));
  const env = { CORDON_MASTER_KEY: randomBytes(32).toString('hex') };
  {
    await using before = await startTestServer({ env, dataDir: join(folder, 'data') });
    await deployed(before, 'hello', answer('v1'));
    await deployed(before, 'hello', answer('v2'));
    await deployed(before, 'env', 'export default () => ({ statusCode: 200, body: Deno.env.get("KEY") })');
    await api(before, 'PUT', '/api/v1/functions/env/secrets', {
      variables: [{ name: 'KEY', value: 'a-secret-value', secret: true }],
    });
  }
  const file = join(folder, 'cordon.jsonl.gz');
  const data = { CORDON_DATA_DIR: join(folder, 'data') };
  await cordon({ ...env, ...data }, 'db', 'export', file);
  await cordon({ ...env, ...data, CORDON_DATABASE_URL: database.url }, 'db', 'import', file, '--yes');
  await using after = await startTestServer({ env: { ...env, CORDON_DATABASE_URL: database.url } });
  await eventually(after, 'hello', 'v2');
  await eventually(after, 'env', 'a-secret-value');
  await api(after, 'POST', '/api/v1/functions/hello/rollback', {});
  await eventually(after, 'hello', 'v1');
});

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-nodes-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A change reaches the other node a moment later; the test's own time limit ends the wait. */
async function eventually(server: TestServer, name: string, expected: string | RegExp): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${server.url}/fn/${name}`)).text();
    if (typeof expected === 'string' ? text === expected : expected.test(text)) return;
  }
}

async function api(server: TestServer, method: string, path: string, body?: unknown): Promise<void> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.text()}`);
}

async function cordon(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [CLI, ...args], { env: { PATH: process.env['PATH'] ?? '', ...env } });
}
