import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CloudEvent, HTTP } from 'cloudevents';
import { addEvents } from '../../../src/control/events.ts';
import type { NewEvent } from '../../../src/core/event.ts';
import { Fault } from '../../../src/core/faults.ts';
import { startOperatorServer, type OperatorServer } from './operator-server.ts';

interface Server extends OperatorServer {
  readonly published: NewEvent[];
  send(headers: Record<string, string>, body: unknown, as?: string): ReturnType<OperatorServer['call']>;
}

async function start(t: TestContext): Promise<Server> {
  const published: NewEvent[] = [];
  const server = await startOperatorServer((app) =>
    addEvents(app, {
      events: {
        publish(event) {
          if (event.channel === 'full')
            return Promise.reject(new Fault('THROTTLED', 'slow down', { retryAfterSeconds: 3 }));
          published.push(event);
          return Promise.resolve({ id: event.id ?? 'new', deliveries: 1, duplicate: false });
        },
      },
    }),
  );
  t.after(() => server.close());
  const send: Server['send'] = (headers, body, as = 'acme') => server.call(as, 'POST', '/api/events', body, headers);
  return { ...server, published, send };
}

test('an event is published for the tenant of the token', async (t) => {
  const { call, published } = await start(t);
  const body = { channel: 'a:b', data: { n: 1 }, id: 'i', key: 'k', delayMs: 5 };
  assert.deepEqual(
    await call('user', 'POST', '/api/events', body).then(({ status, body: answer }) => [status, answer]),
    [202, { id: 'i', deliveries: 1, duplicate: false }],
  );
  assert.deepEqual(published, [{ tenant: 'acme', ...body }]);
  await call('operator', 'POST', '/api/events/?tenant=other', { channel: 'a' });
  await call('operator', 'POST', '/api/events', { channel: 'a', data: false });
  assert.deepEqual(published.slice(1), [
    { tenant: 'other', channel: 'a', data: null },
    { tenant: 'default', channel: 'a', data: false },
  ]);
});

test('who may not deploy may not publish, and nobody to another tenant', async (t) => {
  const { call, published } = await start(t);
  const statusOf = async (as: string, path = '/api/events'): Promise<number> =>
    (await call(as, 'POST', path, { channel: 'a' })).status;
  assert.equal(await statusOf(''), 401);
  assert.equal(await statusOf('service'), 403);
  assert.equal(await statusOf('jwt'), 403);
  assert.equal(await statusOf('acme', '/api/events?tenant=other'), 404);
  assert.equal(published.length, 0);
});

test('what is no event is refused, with the field; a refusal of the publisher passes through', async (t) => {
  const { send, call } = await start(t);
  for (const [body, message] of [
    [{}, /channel: expected string, but it is missing/],
    [{ channel: 1 }, /channel: expected string, but it is 1/],
    [{ channel: 'a', nonsense: 1 }, /there is no field "nonsense"/],
    [{ channel: 'a', delayMs: '1' }, /delayMs: expected number/],
    ['no json', /must be JSON/],
    [[], /expected/],
    ['null', /expected/],
  ] as const) {
    const answer = await send({}, body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.match(answer.body.detail, message);
  }
  const full = await send({}, { channel: 'full' });
  assert.deepEqual([full.status, full.headers.get('retry-after')], [429, '3']);
  assert.equal((await send({ 'content-type': 'text/plain' }, '{"channel":"a"}')).status, 400);
  assert.equal((await send({ 'content-type': 'application/octet-stream' }, 'x')).status, 400);
  assert.equal((await call('acme', 'POST', '/api/other', 'x', { 'content-type': 'text/plain' })).status, 400);
});

test('what another implementation of CloudEvents sends is understood, structured and binary', async (t) => {
  const { send, published } = await start(t);
  const event = new CloudEvent({
    id: 'e-1',
    source: '/shop',
    type: 'shop:order:paid',
    subject: 'order-7',
    data: { n: 1 },
  });
  for (const { headers, body } of [HTTP.structured(event), HTTP.binary(event)])
    assert.equal((await send(headers as Record<string, string>, body)).status, 202);
  const expected = {
    tenant: 'acme',
    id: 'e-1',
    source: '/shop',
    channel: 'shop:order:paid',
    key: 'order-7',
    data: { n: 1 },
  };
  assert.deepEqual(published, [expected, expected]);
});

const CE = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
const ATTRIBUTES = { specversion: '1.0', id: 'i', source: '/s', type: 't' };

test('data may be anything that JSON has, nothing, bytes or a text', async (t) => {
  const { send, published } = await start(t);
  for (const data of [0, false, '', null, [1]]) await send(CE, { ...ATTRIBUTES, data });
  await send(CE, ATTRIBUTES);
  await send(CE, { ...ATTRIBUTES, data_base64: 'AAEC', someextension: 5 });
  const binary = { 'ce-specversion': '1.0', 'ce-id': 'i', 'ce-source': '/s', 'ce-type': 't' };
  await send({ ...binary, 'content-type': 'text/plain' }, 'hello');
  await send({ ...binary, 'ce-subject': 'a%20%E2%82%AC' }, '7');
  assert.deepEqual(
    published.map(({ data, key }) => [data, key]),
    [[0], [false], [''], [null], [[1]], [null], [{ base64: 'AAEC' }], ['hello'], [7, 'a €']].map(([data, key]) => [
      data,
      key,
    ]),
  );
});

test('a batch is published whole, or not at all where one of it is no event', async (t) => {
  const { send, published } = await start(t);
  const type = { 'content-type': 'application/cloudevents-batch+json' };
  const batch = ['1', '2', '3'].map((id) => ({ ...ATTRIBUTES, id }));
  const answer = await send(type, batch);
  assert.deepEqual(
    [answer.status, answer.body.map(({ id }: { id: string }) => id), published.map(({ id }) => id)],
    [202, ['1', '2', '3'], ['1', '2', '3']],
  );
  const bad = await send(type, [...batch, { ...ATTRIBUTES, id: '' }]);
  assert.equal(bad.status, 400);
  assert.match(bad.body.detail, /^event 3: This is no CloudEvent: id: expected a text that is not empty/);
  assert.equal((await send(type, { ...ATTRIBUTES })).status, 400);
  assert.equal(
    (
      await send(
        type,
        Array.from({ length: 1001 }, () => ATTRIBUTES),
      )
    ).status,
    400,
  );
  assert.equal(published.length, 3);
});

test('a hostile CloudEvent is refused, with the attribute that is wrong', async (t) => {
  const { send, published, reported } = await start(t);
  for (const [change, message] of [
    [{ specversion: '0.3' }, /specversion/],
    [{ specversion: undefined }, /specversion/],
    [{ id: undefined }, /id: expected string, but it is missing/],
    [{ id: 5 }, /id: expected string/],
    [{ type: { toString: 1 } }, /type: expected string/],
    [{ source: '' }, /source/],
    [{ subject: null }, /subject/],
    [{ data: 1, data_base64: 'AAAA' }, /data or data_base64, not both/],
    [{ data_base64: '%%' }, /data_base64: expected base64/],
  ] as const) {
    const answer = await send(CE, { ...ATTRIBUTES, ...change });
    assert.equal(answer.status, 400, JSON.stringify(change));
    assert.match(answer.body.detail, message);
  }
  for (const body of ['null', '[]', '5', '{', '{"__proto__":{"id":"x"}}'])
    assert.equal((await send(CE, body)).status, 400);
  const binary = { 'ce-specversion': '1.0', 'ce-id': '%zz', 'ce-source': '/s', 'ce-type': 't' };
  assert.match((await send(binary, '1')).body.detail, /ce-id: expected %XX/);
  assert.match((await send({ 'ce-specversion': '1.0' }, '1')).body.detail, /ce-id: expected string, but it is missing/);
  assert.match((await send({ ...binary, 'ce-id': '1' }, '{')).body.detail, /expected JSON/);
  assert.equal(published.length, 0);
  assert.deepEqual(reported, []);
});
