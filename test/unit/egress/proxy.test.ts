/** The proxy of a sandbox: bodies both ways, tunnels, and what ends them. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { CurrentCaller } from '../../../src/egress/proxy-client.ts';
import { callerOf, startFetching } from './fetching.ts';
import type { Fetching } from './fetching.ts';

interface Door extends AsyncDisposable {
  readonly port: number;
}

/** A socket for a sandbox, as a container's is. */
async function startDoor({ egress }: Fetching, caller: CurrentCaller = () => callerOf()): Promise<Door> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    egress.proxy(socket, caller);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function ask(door: Door, path: string, body: string | null = null): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const method = body === null ? 'GET' : 'POST';
    const options = { host: '127.0.0.1', port: door.port, path, method, agent: false };
    const request = httpRequest(options, resolve).on('error', reject);
    request.end(body ?? undefined);
  });
}

async function openTunnel(door: Door, authority: string): Promise<Socket> {
  const socket = connect(door.port, '127.0.0.1');
  socket.on('error', () => undefined).write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1\.1 200 /);
  return socket;
}

describe('a request through the proxy', () => {
  test('carries bodies both ways, and neither decodes nor adds to them', async () => {
    await using server = await startFetching(async (request, response) => {
      const body = gzipSync(
        `${request.headers['accept-encoding']} ${request.headers['user-agent']} ${await text(request)}`,
      );
      response
        .writeHead(201, { 'content-encoding': 'gzip', 'content-length': body.length, 'x-a': ['1', '2'] })
        .end(body);
    });
    await using door = await startDoor(server);
    const answer = await ask(door, `${server.url}/x`, 'body');
    assert.equal(answer.statusCode, 201);
    assert.equal(answer.headers['x-a'], '1, 2');
    const chunks = await answer.toArray();
    assert.deepEqual(Buffer.concat(chunks as Buffer[]), gzipSync('undefined undefined body'));
  });

  test('is refused while the sandbox runs nothing', async () => {
    let requests = 0;
    await using server = await startFetching((_request, response) => void response.end(`${++requests}`));
    let caller: ReturnType<CurrentCaller> = null;
    await using door = await startDoor(server, () => caller);
    assert.equal((await ask(door, server.url)).statusCode, 400);
    caller = callerOf();
    assert.equal((await ask(door, server.url)).statusCode, 200);
    assert.equal(requests, 1);
  });

  test('ends with the client', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await startFetching((_request, response) => {
      response.once('close', closed.resolve).write('some');
    });
    await using door = await startDoor(server);
    (await ask(door, server.url)).destroy();
    await closed.promise;
  });

  test('says with the end of the connection that an answer broke off', async () => {
    await using server = await startFetching((_request, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('half');
      setImmediate(() => response.destroy());
    });
    await using door = await startDoor(server);
    await assert.rejects(text(await ask(door, server.url)));
  });

  for (const [what, status, limits] of [
    ['too many requests', 429, { requestsPerTenant: 0 }],
    ['an answer that is too large', 413, { responseBytes: 1 }],
  ] as const)
    test(`answers ${status} for ${what}`, async () => {
      await using server = await startFetching((_request, response) => void response.end('large'), { limits });
      await using door = await startDoor(server);
      assert.equal((await ask(door, server.url)).statusCode, status);
    });
});

describe('a tunnel', () => {
  test('carries bytes both ways, and is counted at its end', async () => {
    await using server = await startFetching((_request, response) => void response.end('hello'));
    await using door = await startDoor(server);
    const socket = await openTunnel(door, `127.0.0.1:${server.port}`);
    socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(await text(socket), /hello/);
    while (server.counts.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.match(server.counts[0] ?? '', /^acme 46 \d+$/);
  });

  test('ends with the sandbox, with the other side, and with egress', async () => {
    await using server = await startFetching((request) => void (request.url === '/end' && request.socket.destroy()));
    await using door = await startDoor(server);
    const authority = `127.0.0.1:${server.port}`;
    (await openTunnel(door, authority)).destroy();
    while (server.counts.length < 1) await new Promise((resolve) => setImmediate(resolve));
    const second = await openTunnel(door, authority);
    second.write('GET /end HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(second.resume(), 'close');
    const third = await openTunnel(door, authority);
    server.egress.close();
    await once(third.resume(), 'close');
    while (server.counts.length < 3) await new Promise((resolve) => setImmediate(resolve));
  });

  test('ends when nothing moves in it, and when too much does', async () => {
    await using server = await startFetching((_request, response) => void response.end('x'.repeat(10_000)), {
      limits: { tunnelIdleMs: 100, responseBytes: 1_000 },
    });
    await using door = await startDoor(server);
    await once((await openTunnel(door, `127.0.0.1:${server.port}`)).resume(), 'close');
    const socket = await openTunnel(door, `127.0.0.1:${server.port}`);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    let bytes = 0;
    await once(
      socket.on('data', (chunk: Buffer) => (bytes += chunk.length)),
      'close',
    );
    assert.ok(bytes <= 1_000);
  });

  test('counts as a request of its tenant', async () => {
    await using server = await startFetching((_request, response) => void response.end(), {
      limits: { requestsPerTenant: 1 },
    });
    await using door = await startDoor(server);
    const socket = await openTunnel(door, `127.0.0.1:${server.port}`);
    assert.equal((await ask(door, server.url)).statusCode, 429);
    socket.destroy();
    while (server.counts.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await ask(door, server.url)).statusCode, 200);
  });
});
