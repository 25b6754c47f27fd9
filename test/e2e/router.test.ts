/** /functions/v1: the router of seed 000, which verifies the JWT and hands over who calls. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SignJWT } from 'jose';
import { deployed, startTestServer, type TestServer } from '../support/server.ts';

const SECRET = 'super-secret-jwt-token-with-at-least-32-characters-long';
const WHO = `Deno.serve((request) => Response.json({
  id: request.headers.get('x-cordon-user-id'), role: request.headers.get('x-cordon-user-role'), path: new URL(request.url).pathname,
}))`;

let server: TestServer;
before(async () => {
  server = await startTestServer({ env: { SUPABASE_JWT_SECRET: SECRET } });
  await deployed(server, 'who', WHO);
  await deployed(server, 'health-open', WHO, { verifyJwt: false });
});
after(() => server[Symbol.asyncDispose]());

const jwt = (claims: Record<string, unknown>, expires = '5m'): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('user-1')
    .setExpirationTime(expires)
    .sign(Buffer.from(SECRET));

const call = (name: string, token?: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/functions/v1/${name}`, {
    headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  });

test('a valid JWT passes, and the function learns who calls', async () => {
  const response = await call('who/a', await jwt({ role: 'authenticated' }), { 'x-cordon-user-id': 'forged' });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { id: 'user-1', role: 'user', path: '/who/a' });
});

test('no JWT, a forged one and an expired one are 401 without running the function', async () => {
  for (const token of [
    undefined,
    `${await jwt({ role: 'authenticated' })}x`,
    await jwt({ role: 'authenticated' }, '-5m'),
  ]) {
    const response = await call('who', token);
    assert.equal(response.status, 401);
    assert.equal(response.headers.get('cordon-fault'), 'UNAUTHORIZED');
    assert.equal(response.headers.get('cordon-invocation'), null);
  }
});

test('a function that asks for no JWT is public', async () => {
  const response = await call('health-open');
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { id: null, role: null, path: '/health-open' });
});

test('the JWT of an application opens nothing of the operator API', async () => {
  const response = await fetch(`${server.url}/api/v1/functions`, {
    headers: { authorization: `Bearer ${await jwt({ role: 'service_role' })}` },
  });
  assert.equal(response.status, 401);
});
