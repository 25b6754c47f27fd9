/** Real packages, bundled by the real builder, in the real guest. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ADMIN_TOKEN, CLI, startTestServer, type TestServer } from '../support/server.ts';

const FUNCTION = fileURLToPath(new URL('../fixtures/packages/all.ts', import.meta.url));

let server: TestServer;
/** What PostgREST answers. */
const rest = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify([{ id: 7, title: request.url }]));
});

before(async () => {
  await once(rest.listen(0, '127.0.0.1'), 'listening');
  server = await startTestServer({
    env: { CORDON_EGRESS_ALLOW_PRIVATE: hostOfRest(), MAX_FUNCTION_CODE_BYTES: String(16 * 1024 * 1024) },
  });
  await promisify(execFile)(process.execPath, [CLI, 'deploy', FUNCTION, '--name', 'packages'], {
    env: { PATH: process.env['PATH'] ?? '', CORDON_URL: server.url, CORDON_ADMIN_TOKEN: ADMIN_TOKEN },
  });
});
after(async () => {
  await server[Symbol.asyncDispose]();
  rest.close();
  rest.closeAllConnections();
});

const call = (path: string, init?: RequestInit): Promise<Response> => fetch(`${server.url}/fn/packages${path}`, init);
const hostOfRest = (): string => `127.0.0.1:${(rest.address() as AddressInfo).port}`;

test('hono routes', async () => {
  assert.deepEqual(await (await call('/hello/ann')).json(), { hello: 'ann' });
  assert.equal((await call('/nowhere')).status, 404);
});

test('zod validates', async () => {
  const post = (body: unknown): Promise<Response> => call('/person', { method: 'POST', body: JSON.stringify(body) });
  assert.deepEqual(await (await post({ name: 'ann', age: 3 })).json(), { name: 'ann', age: 3 });
  assert.deepEqual(await (await post({ name: '', age: 0.5 })).json(), { issues: 2 });
});

test('jose signs and verifies', async () => {
  assert.deepEqual(await (await call('/jwt')).json(), { a: 1, sub: 'me' });
});

test('date-fns and nanoid work', async () => {
  assert.equal(await (await call('/date')).text(), '2026-02-01');
  const ids = await Promise.all([call('/id'), call('/id')].map(async (response) => (await response).text()));
  assert.match(ids[0] ?? '', /^[\w-]{21}$/);
  assert.notEqual(ids[0], ids[1]);
});

test('supabase-js reads rows through egress', async () => {
  const { data, error } = (await (await call(`/rows?url=http://${hostOfRest()}`)).json()) as Record<string, unknown>;
  assert.equal(error, null);
  assert.deepEqual(data, [{ id: 7, title: '/rest/v1/posts?select=id%2Ctitle&id=eq.7' }]);
});
