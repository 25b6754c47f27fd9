/** Where sockets are opened: over judged addresses alone, straight or through the operator's own proxy. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { Connector } from '../../../src/egress/connector.ts';
import { EgressFailure } from '../../../src/egress/failure.ts';
import { Policy } from '../../../src/egress/policy.ts';
import { makeIdentity } from './identity.ts';

interface Listening extends AsyncDisposable {
  readonly port: number;
  readonly sockets: Socket[];
}

async function listen(server: Server, host = '127.0.0.1'): Promise<Listening> {
  const sockets: Socket[] = [];
  server.on('connection', (socket) => sockets.push(socket.on('error', () => undefined)));
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Every address is open to `many.test`, so that servers on loopback can stand for public ones. */
const connectorTo = (port: number, proxy: string | null = null, connectMs = 2_000, ca?: string): Connector =>
  new Connector({
    policy: new Policy({ defaultAllow: () => null, allowPrivate: [`many.test:${port}`] }),
    connectMs,
    proxy: proxy === null ? null : new URL(proxy),
    ca,
  });

const answering =
  (...addresses: string[]) =>
  () =>
    Promise.resolve({ addresses, ttlSeconds: 0 });
const code = (expected: string) => (error: unknown) => error instanceof EgressFailure && error.code === expected;

describe('the connector', () => {
  test('goes on to the next judged address where one does not answer', async () => {
    await using server = await listen(createServer());
    for (const first of ['127.0.0.3', '::1']) {
      const to = { host: 'many.test', port: server.port, kind: 'tcp' as const, lookup: answering(first, '127.0.0.1') };
      const socket = await connectorTo(server.port).connect(to);
      assert.equal(socket.remoteAddress, '127.0.0.1');
      socket.destroy();
    }
  });

  test('fails where none answers', async () => {
    const to = { host: 'many.test', port: 1, kind: 'tcp' as const, lookup: answering('127.0.0.2', '127.0.0.3') };
    await assert.rejects(connectorTo(1).connect(to), code('CONNECT_FAILED'));
  });

  test('opens nothing where one address is forbidden', async () => {
    await using server = await listen(createServer());
    const to = {
      host: 'other.test',
      port: server.port,
      kind: 'tcp' as const,
      lookup: answering('8.8.8.8', '127.0.0.1'),
    };
    await assert.rejects(connectorTo(server.port).connect(to), code('EGRESS_BLOCKED'));
    assert.equal(server.sockets.length, 0);
  });

  test('gives up in time while a name is looked up, a connection made, or TLS begun', async () => {
    await using server = await listen(createServer());
    const at = { host: 'many.test', port: server.port };
    const silent = { ...at, kind: 'tls' as const, lookup: answering('127.0.0.1') };
    await assert.rejects(connectorTo(server.port, null, 100).connect(silent), code('CONNECT_FAILED'));
    const nameless = { ...at, kind: 'tcp' as const, lookup: () => new Promise<never>(() => undefined) };
    await assert.rejects(connectorTo(server.port, null, 100).connect(nameless), code('CONNECT_FAILED'));
  });

  test('gives up when it is told to', async () => {
    await using server = await listen(createServer());
    const gone = new AbortController();
    const to = { host: 'many.test', port: server.port, kind: 'tls' as const, lookup: answering('127.0.0.1') };
    const connecting = connectorTo(server.port).connect(to, gone.signal);
    gone.abort();
    await assert.rejects(connecting, code('ABORTED'));
    await assert.rejects(connectorTo(server.port).connect(to, AbortSignal.abort()), code('ABORTED'));
  });
});

describe('the operator’s own proxy', () => {
  interface Proxying extends Listening {
    readonly asked: { readonly authority: string; readonly authorization: string | undefined }[];
  }

  async function startProxy(refuses: (authority: string) => boolean = () => false): Promise<Proxying> {
    const asked: Proxying['asked'] = [];
    const server = createHttpServer().on('connect', (request, socket: Socket) => {
      const authority = request.url ?? '';
      asked.push({ authority, authorization: request.headers['proxy-authorization'] });
      if (refuses(authority)) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      const port = Number(authority.split(':').at(-1));
      const far = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\nx: y\r\n\r\n');
        far.pipe(socket).pipe(far);
      });
      for (const each of [far, socket]) each.on('error', () => undefined);
    });
    return Object.assign(await listen(server), { asked });
  }

  test('is told a judged address, never a name', async () => {
    await using server = await listen(createServer((socket) => void socket.end('hello')));
    await using proxy = await startProxy();
    const connector = connectorTo(server.port, `http://user:p%40ss@127.0.0.1:${proxy.port}`);
    const socket = await connector.connect({
      host: 'www.test',
      port: server.port,
      kind: 'tcp',
      lookup: answering('93.184.216.34'),
    });
    assert.equal(await text(socket), 'hello');
    assert.deepEqual(proxy.asked, [
      {
        authority: `93.184.216.34:${server.port}`,
        authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
      },
    ]);
    socket.destroy();
  });

  test('carries TLS with the host itself', async () => {
    const identity = makeIdentity('DNS:www.test');
    await using server = await listen(createTlsServer(identity, (socket) => void socket.end('secret')));
    await using proxy = await startProxy();
    const connector = connectorTo(server.port, `http://127.0.0.1:${proxy.port}`, 2_000, identity.cert);
    const to = { port: server.port, kind: 'tls' as const, lookup: answering('93.184.216.34') };
    assert.equal(await text(await connector.connect({ ...to, host: 'www.test' })), 'secret');
    await assert.rejects(connector.connect({ ...to, host: 'other.test' }), code('TLS_FAILED'));
  });

  test('is not asked for a forbidden address', async () => {
    await using proxy = await startProxy();
    const to = { host: 'www.test', port: 80, kind: 'tcp' as const, lookup: answering('10.0.0.1') };
    await assert.rejects(connectorTo(1, `http://127.0.0.1:${proxy.port}`).connect(to), code('EGRESS_BLOCKED'));
    assert.deepEqual([proxy.asked, proxy.sockets.length], [[], 0]);
  });

  test('is asked for the next address where it refuses one', async () => {
    await using server = await listen(createServer());
    await using proxy = await startProxy((authority) => authority.startsWith('['));
    const to = {
      host: 'www.test',
      port: server.port,
      kind: 'tcp' as const,
      lookup: answering('2606::1', '93.184.216.34'),
    };
    (await connectorTo(1, `http://127.0.0.1:${proxy.port}`).connect(to)).destroy();
    assert.deepEqual(
      proxy.asked.map(({ authority }) => authority),
      [`[2606::1]:${server.port}`, `93.184.216.34:${server.port}`],
    );
  });

  for (const [what, answer] of [
    ['refuses', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'],
    ['speaks no HTTP', 'nonsense\r\n\r\n'],
    ['never ends its head', 'x'.repeat(40_000)],
    ['hangs up', ''],
  ] as const)
    test(`that ${what} lets nothing through`, async () => {
      await using proxy = await listen(createServer((socket) => void socket.end(answer)));
      const to = { host: 'www.test', port: 80, kind: 'tcp' as const, lookup: answering('93.184.216.34') };
      await assert.rejects(connectorTo(1, `http://127.0.0.1:${proxy.port}`).connect(to), code('CONNECT_FAILED'));
    });
});
