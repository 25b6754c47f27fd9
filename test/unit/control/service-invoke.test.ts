import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import { created, HELLO, RATE, SERVICES, startServices, type ServiceServer } from './service-server.ts';

test('an invocation brings the event to a fresh sandbox of the newest version, and shows what it answered', async (t) => {
  const server = await startServices(t);
  const id = await created(server);
  server.outcomes.push({
    response: {
      status: 201,
      headers: ['content-type', 'application/json', 'set-cookie', 'a=1', 'set-cookie', 'b=2'],
      body: Buffer.from('{"a":1}'),
    },
    logs: [{ level: 'info', message: 'one', timeMs: 1 }],
    durationMs: 3.5,
  });
  const event = {
    httpMethod: 'put',
    queryStringParameters: { name: 'alice', n: 1 },
    headers: { 'X-A': 'b', Host: 'x' },
    body: { a: 1 },
  };
  const { status, body } = await server.call('operator', 'POST', `${SERVICES}/${id}/invoke/`, { event });
  assert.equal(status, 200);
  assert.deepEqual(body, {
    success: true,
    result: {
      statusCode: 201,
      headers: { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] },
      body: { a: 1 },
    },
    logs: ['one'],
    duration: 3.5,
  });
  const [{ version, request }] = server.invoked as [ServiceServer['invoked'][0]];
  assert.equal(version.number, 1);
  const { body: sent, ...rest } = request;
  assert.equal(String(sent), '{"a":1}');
  assert.deepEqual(rest, {
    principal: OPERATOR,
    cause: 'invoke',
    method: 'PUT',
    url: 'http://localhost/fn/hello?name=alice&n=1',
    headers: ['x-a', 'b', 'content-type', 'application/json'],
    reply: 'http',
    fresh: true,
  });
  server.outcomes.push({ response: { status: 200, headers: [], body: Buffer.from([0xff]) } });
  const bytes = (await server.call('operator', 'POST', `${SERVICES}/${id}/invoke/`, {})).body.result;
  assert.deepEqual([bytes.body, bytes.isBase64Encoded], ['/w==', true]);
});

test('an invocation shows the actual error, with its stack and lines', async (t) => {
  const server = await startServices(t);
  const id = await created(server);
  server.outcomes.push({
    fault: new Fault('HANDLER_THREW', 'boom', { stack: 'Error: boom\n    at handler (index.js:1:1)' }),
    logs: [{ level: 'error', message: 'so far', timeMs: 1 }],
  });
  const { status, body } = await server.call('operator', 'POST', `${SERVICES}/${id}/invoke/`, { event: {} });
  assert.equal(status, 200);
  assert.deepEqual(
    [body.success, body.error, body.code, body.stack, body.logs],
    [false, 'boom', 'HANDLER_THREW', 'Error: boom\n    at handler (index.js:1:1)', ['so far']],
  );
  server.outcomes.push({ fault: new Fault('OVERLOADED', 'There is no room', { retryAfterSeconds: 2 }) });
  const busy = await server.call('operator', 'POST', `${SERVICES}/${id}/invoke/`, {});
  assert.deepEqual([busy.status, busy.headers.get('retry-after')], [503, '2']);

  const unbuilt = await server.call('operator', 'POST', SERVICES, {
    ...HELLO,
    name: 'u',
    function_code: 'bad',
    public_domain: null,
  });
  await server.ended('operator', unbuilt.body.id);
  const shown = (await server.call('operator', 'POST', `${SERVICES}/${unbuilt.body.id}/invoke/`, {})).body;
  assert.deepEqual([shown.success, shown.error], [false, 'index.js:1:1: no']);
});

test('an event that HTTP could not bring is refused', async (t) => {
  const server = await startServices(t);
  const id = await created(server);
  for (const event of [
    5,
    { path: 'x' },
    { path: '//evil.com/' },
    { path: '/a?b' },
    { httpMethod: 'GET /' },
    { headers: { 'a b': 'c' } },
    { headers: { a: 'b\r\nc: d' } },
    { queryStringParameters: { a: { b: 1 } } },
    { records: [] },
  ]) {
    const { status, body } = await server.call('operator', 'POST', `${SERVICES}/${id}/invoke/`, { event });
    assert.deepEqual([status, body.code], [400, 'BAD_REQUEST'], JSON.stringify(event));
  }
  assert.equal(server.invoked.length, 0);
});

test('each user has so many invocations a minute, and is told how many are left', async (t) => {
  const server = await startServices(t);
  const id = await created(server, 'acme');
  const invoke = (as: string): ReturnType<ServiceServer['call']> => {
    server.outcomes.push({ response: { status: 200, headers: [], body: Buffer.from('') } });
    return server.call(as, 'POST', `${SERVICES}/${id}/invoke/`, {});
  };
  for (let i = 1; i <= RATE.limit; i++) {
    const { status, headers } = await invoke('acme');
    assert.deepEqual([status, headers.get('ratelimit-remaining')], [200, String(RATE.limit - i)]);
  }
  const refused = await invoke('acme');
  assert.deepEqual(
    [refused.status, refused.body.code, refused.headers.get('retry-after'), refused.headers.get('ratelimit-limit')],
    [429, 'THROTTLED', '60', '5'],
  );
  assert.equal((await invoke('service')).status, 200);
});
