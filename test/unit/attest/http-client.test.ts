import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { HttpClient } from '../../../src/attest/http-client.ts';

/** A server that says what it likes. */
async function saying(t: TestContext, answer: (socket: Socket, request: string) => void): Promise<HttpClient> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => answer(socket, chunk.toString('latin1')));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new HttpClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    client.close();
    server.close();
  });
  return client;
}

test('the Host header, the method and the body are the attacker’s choice', async (t) => {
  let heard = '';
  const client = await saying(t, (socket, request) => {
    heard += request;
    if (heard.includes('{"a":1}')) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  });
  const answer = await client.send({ path: '/x', method: 'PUT', host: 'elsewhere.test', json: { a: 1 }, token: 't' });
  assert.equal(answer.text, 'ok');
  assert.match(heard, /^PUT \/x HTTP\/1\.1\r\n/);
  assert.match(heard, /^host: elsewhere\.test\r$/im);
  assert.match(heard, /^authorization: Bearer t\r$/im);
});

test('a request that met the end of an idle connection is sent again, and no other is', async (t) => {
  let requests = 0;
  const client = await saying(t, (socket) => {
    if (++requests !== 2 && requests < 4) return void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    socket.resetAndDestroy();
  });
  assert.equal((await client.send({ path: '/' })).text, 'ok');
  // The connection has to be back with the agent, or this is a new one.
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await client.send({ path: '/' })).text, 'ok');
  assert.equal(requests, 3);
  await assert.rejects(client.send({ path: '/' }), { code: 'ECONNRESET' });
  assert.equal(requests, 4);
});

test('the code of a fault is read, and nothing else is taken for one', async (t) => {
  const bodies = [
    '{"status":404,"code":"NOT_FOUND"}',
    '{"success":false,"code":"TIMED_OUT"}',
    '{"code":"MINE"}',
    'no json "code"',
  ];
  const client = await saying(t, (socket) => {
    const body = bodies.shift() ?? '';
    socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
  });
  const codes: (string | null)[] = [];
  for (let i = 0; i < 4; i++) codes.push((await client.send({ path: '/' })).code);
  assert.deepEqual(codes, ['NOT_FOUND', 'TIMED_OUT', null, null]);
});

test('a body that is cut off is told as such', async (t) => {
  const client = await saying(t, (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'));
  const { cut, text } = await client.send({ path: '/' });
  assert.deepEqual([cut, text], [true, 'half']);
});

test('a server that is slow to begin is waited for, and one that goes on is heard until the last word', async (t) => {
  const client = await saying(t, (socket) => {
    setTimeout(() => socket.write('HTTP/1.1 204 No Content\r\n\r\n'), 700);
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlast'), 1_300);
  });
  const { statuses, closed } = await client.raw('GET / HTTP/1.1\r\n\r\n', { quietMs: 20_000, last: 'last' });
  assert.deepEqual([statuses, closed], [[204, 200], false]);
  assert.deepEqual((await client.raw('GET / HTTP/1.1\r\n\r\n')).statuses, [204]);
});

test('responses are told apart by their lengths, not by their looks', async (t) => {
  const inner = 'HTTP/1.1 200 OK\r\n\r\n';
  const client = await saying(t, (socket) =>
    socket.end(
      `HTTP/1.1 404 Not Found\r\ncontent-length: ${inner.length}\r\n\r\n${inner}HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad Request\r\ntransfer-encoding: chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\nHTTP/1.1 201 Created\r\n\r\nHTTP/1.1 999 never`,
    ),
  );
  const { statuses, closed } = await client.raw('GET / HTTP/1.1\r\n\r\n');
  assert.deepEqual([statuses, closed], [[404, 100, 400, 201], true]);
});
