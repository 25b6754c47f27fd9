import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import { ADMIN, deploymentOf, F, OPERATOR, startControlServer, USER } from './control-server.ts';

const INVOKE = `${F}/hello/invoke`;

test('a function is run with the request that is described, as whoever asks', async (t) => {
  const { call, deployer, routes, invoked } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  const { status, body, headers } = await call('acme', 'POST', INVOKE, {
    method: 'put',
    path: '/sub?x=1&x=2',
    headers: { 'X-Test': 'T', host: 'elsewhere', 'x-cordon-user-role': 'admin' },
    body: { a: 1 },
  });
  assert.equal(status, 200);
  assert.deepEqual(body, {
    id: 'run-1',
    ok: true,
    response: { statusCode: 200, headers: { 'content-type': 'application/json' }, body: { a: 1 } },
    logs: [{ level: 'info', message: 'hello', timeMs: 1 }],
    durationMs: 1,
  });
  const { version, request } = invoked[0]!;
  assert.equal(version, routes.find('acme', 'hello')!.live);
  assert.deepEqual(
    { ...request, body: String(request.body) },
    {
      method: 'PUT',
      url: 'http://localhost/fn/hello/sub?x=1&x=2',
      headers: ['x-test', 'T', 'content-type', 'application/json'],
      body: '{"a":1}',
      principal: ADMIN,
      cause: 'invoke',
      reply: 'http',
      fresh: false,
    },
  );
  assert.deepEqual([headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')], ['60', '59']);
});

test('the error of a function is shown, with its stack and what it wrote', async (t) => {
  const server = await startControlServer(t);
  await server.deployer.deploy(deploymentOf('hello'), OPERATOR);
  server.outcome = { response: null, fault: new Fault('HANDLER_THREW', 'boom', { stack: 'at index.ts:1' }) };
  const { status, body } = await server.call('acme', 'POST', INVOKE, {});
  assert.equal(status, 200);
  assert.deepEqual(
    [body.ok, body.error, body.logs.length],
    [false, { code: 'HANDLER_THREW', message: 'boom', stack: 'at index.ts:1' }, 1],
  );
  server.outcome = { response: null, fault: new Fault('OVERLOADED', 'no room', { retryAfterSeconds: 1 }) };
  assert.equal((await server.call('acme', 'POST', INVOKE, {})).status, 503, 'not of the code');
});

test('an inactive function is not run, nor one of a suspended tenant', async (t) => {
  const { call, deployer, invoked, suspended, changes } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello'), USER);
  assert.equal((await call('acme', 'POST', INVOKE, {})).status, 409);
  await changes.update({ tenant: 'acme', name: 'hello', by: ADMIN, revision: null }, { active: true });
  suspended.add('acme');
  assert.equal((await call('acme', 'POST', INVOKE, {})).body.code, 'TENANT_SUSPENDED');
  assert.deepEqual(invoked, []);
});

test('a version is run by its number; one that nobody has reviewed by an admin only', async (t) => {
  const { call, deployer, invoked } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  await deployer.deploy(deploymentOf('hello'), USER);
  assert.equal((await call('user', 'POST', INVOKE, { version: 2 })).status, 409);
  assert.equal((await call('service', 'POST', INVOKE, { version: 2 })).status, 409);
  assert.equal((await call('acme', 'POST', INVOKE, { version: 2, fresh: true })).status, 200);
  assert.equal((await call('user', 'POST', INVOKE, { version: 1 })).status, 200);
  assert.deepEqual(
    invoked.map(({ version, request }) => [version.number, request.fresh]),
    [
      [2, true],
      [1, false],
    ],
  );
  assert.equal((await call('acme', 'POST', INVOKE, { version: 9 })).status, 404);
});

test('a function without a live version says so', async (t) => {
  const { call, deployer } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello', { live: false }), OPERATOR);
  assert.equal((await call('acme', 'POST', INVOKE, {})).status, 409);
});

test('what can be no request is refused', async (t) => {
  const { call, deployer } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  for (const body of [
    { path: 'sub' },
    { path: '/a b' },
    { path: '/a#b' },
    { path: '/a\r\nb' },
    { method: 'GE T' },
    { headers: { 'a b': 'c' } },
    { headers: { a: 'b\r\nc: d' } },
    { version: 0 },
    { url: '/' },
  ])
    assert.equal((await call('acme', 'POST', INVOKE, body)).status, 400, JSON.stringify(body));
});

test('a path can not leave the function', async (t) => {
  const { call, deployer, invoked } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  await call('acme', 'POST', INVOKE, { path: '/../other' });
  await call('acme', 'POST', INVOKE, { path: '?x=/../y' });
  assert.deepEqual(
    invoked.map(({ version, request }) => [version.name, new URL(request.url).origin]),
    [
      ['hello', 'http://localhost'],
      ['hello', 'http://localhost'],
    ],
  );
});

test('sixty a minute are taken from one principal, and more are told when', async (t) => {
  const { call, deployer } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  for (let i = 0; i < 60; i++) assert.equal((await call('user', 'POST', INVOKE, {})).status, 200);
  const { status, headers } = await call('user', 'POST', INVOKE, {});
  assert.deepEqual([status, headers.get('retry-after'), headers.get('ratelimit-remaining')], [429, '60', '0']);
  assert.equal((await call('acme', 'POST', INVOKE, {})).status, 200, 'another has its own');
});

test('an asynchronous invocation answers at once, and its outcome is there later', async (t) => {
  const server = await startControlServer(t);
  const { call, deployer, results } = server;
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  const gate = Promise.withResolvers<Record<string, never>>();
  server.outcome = gate.promise;
  const started = await call('operator', 'POST', `${INVOKE}?tenant=acme`, {}, { prefer: 'wait=5, respond-async' });
  assert.equal(started.status, 202);
  assert.deepEqual(
    [started.headers.get('location'), started.headers.get('preference-applied')],
    [started.body.location, 'respond-async'],
  );
  assert.match(started.body.id, /^run-1-[0-9a-f]{32}$/);
  const running = await call('operator', 'GET', started.body.location);
  assert.deepEqual([running.body.status, running.body.response], ['running', null]);
  gate.resolve({});
  while (results.get(started.body.id)?.status === 'running') await new Promise(setImmediate);
  const { body } = await call('acme', 'GET', `/api/v1/invocations/${started.body.id}/`);
  assert.deepEqual([body.status, body.function, body.version, body.response.body], ['succeeded', 'hello', 1, { a: 1 }]);
  assert.equal((await call('operator', 'GET', `/api/v1/invocations/${started.body.id}`)).status, 404, 'of acme only');
  assert.equal((await call('acme', 'GET', '/api/v1/invocations/run-1')).status, 404);
});

test('an asynchronous invocation that failed says why', async (t) => {
  const server = await startControlServer(t);
  await server.deployer.deploy(deploymentOf('hello'), OPERATOR);
  server.outcome = { response: null, fault: new Fault('TIMED_OUT', 'too long', { stack: 'at x' }) };
  const { body } = await server.call('acme', 'POST', INVOKE, {}, { prefer: 'respond-async' });
  while (server.results.get(body.id)?.status === 'running') await new Promise(setImmediate);
  const { body: ended } = await server.call('service', 'GET', body.location);
  assert.deepEqual([ended.status, ended.error], ['failed', { code: 'TIMED_OUT', message: 'too long' }]);
});
