/** Sockets that carry another stream's bytes, and the tunnels that they are led through: what Node's clients rely on. */

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { routeSocket } from '../../../../src/guest/native/routed-socket.ts';
import { openTunnel } from '../../../../src/guest/native/tunnel.ts';

interface Routed {
  readonly socket: Socket;
  /** The other end of what it carries. */
  readonly far: Duplex;
  open(error?: Error): void;
}

function routed(): Routed {
  const [near, far] = duplexPair();
  far.on('error', () => undefined);
  const socket = new Socket();
  const { promise, resolve } = Promise.withResolvers<Error | null>();
  routeSocket(socket, near, (done) => void promise.then(done));
  return { socket, far, open: (error) => resolve(error ?? null) };
}

describe('a routed socket', () => {
  test('connects as a socket does, and keeps what was written before', async () => {
    const { socket, far, open } = routed();
    assert.equal(socket.connecting, true);
    socket.write('early ');
    socket.end('and last');
    open();
    await once(socket, 'connect');
    assert.equal(socket.connecting, false);
    assert.equal(await text(far), 'early and last');
  });

  test('reads what comes, whoever began to listen when', async () => {
    for (const listensEarly of [true, false]) {
      const { socket, far, open } = routed();
      const read = listensEarly ? text(socket) : null;
      far.end('all of it');
      open();
      await once(socket, 'ready');
      assert.equal(await (read ?? text(socket)), 'all of it');
    }
  });

  test('that could not connect closes with the reason', async () => {
    const { socket, open } = routed();
    const closed = new Promise((resolve) => {
      socket.once('close', resolve);
    });
    open(Object.assign(new Error('no'), { code: 'EHOSTUNREACH' }));
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'EHOSTUNREACH');
    await closed;
  });

  test('destroyed before it is connected takes its stream along, and is never connected', async () => {
    const { socket, far, open } = routed();
    socket.once('connect', () => assert.fail('it was destroyed'));
    socket.destroy();
    open();
    await once(socket, 'close');
    await once(far.resume(), 'end');
  });

  test('closes with its stream, after what had come was read', async () => {
    const { socket, far, open } = routed();
    open();
    await once(socket, 'connect');
    far.write('some');
    await once(socket, 'readable');
    far.destroy();
    assert.equal(await text(socket), 'some');
  });

  test('holds its stream back while nobody reads', async () => {
    const { socket, far, open } = routed();
    open();
    await once(socket, 'connect');
    let written = 0;
    while (far.write(Buffer.alloc(16 * 1024)) && written < 1e7) {
      written += 16 * 1024;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(written < 1e6, `${written} bytes went into a socket that nobody reads`);
    socket.resume();
    await once(far, 'drain');
    socket.destroy();
  });

  test('runs its listeners in the context that it was connected in', async () => {
    const storage = new AsyncLocalStorage<string>();
    const { socket, far, open } = storage.run('mine', routed);
    const seen: (string | undefined)[] = [];
    for (const event of ['connect', 'data', 'end', 'close']) socket.on(event, () => seen.push(storage.getStore()));
    storage.run('another', () => {
      open();
      far.resume().end('x');
    });
    await once(socket, 'close');
    assert.deepEqual(seen, ['mine', 'mine', 'mine', 'mine']);
  });

  test('tells of a time-out when nothing moves, and takes every option of a socket', async () => {
    const { socket, open } = routed();
    socket.setKeepAlive(true, 1).setNoDelay(true).unref().ref().setTimeout(20);
    open();
    await once(socket, 'timeout');
    socket.destroy();
  });
});

/** What comes of a CONNECT that the proxy answers so, piece by piece. */
async function answered(...pieces: readonly string[]): Promise<{ error: NodeJS.ErrnoException | null; rest: string }> {
  const [near, far] = duplexPair();
  const asked = once(far, 'data') as Promise<[Buffer]>;
  const done = new Promise<Error | null>((resolve) => {
    openTunnel(near, '2001:db8::1', 8443, resolve);
  });
  const [request] = await asked;
  assert.equal(String(request), 'CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n');
  for (const piece of pieces) {
    far.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  far.end();
  const error = await done;
  return { error, rest: error === null ? await text(near) : '' };
}

const refusal = (status: number, code: string): string =>
  `HTTP/1.1 ${status} no\r\ncontent-type: application/problem+json\r\n\r\n${JSON.stringify({ code, detail: 'why not' })}`;

describe('a tunnel', () => {
  test('is open once the proxy has said so, and loses nothing that came with it', async () => {
    assert.deepEqual(await answered('HTTP/1.1 200 OK\r\n\r\nhello'), { error: null, rest: 'hello' });
    assert.deepEqual(await answered(...'HTTP/1.1 200 OK\r\nX: y\r\n\r\n'.split(''), 'hello'), {
      error: null,
      rest: 'hello',
    });
  });

  for (const [code, expected] of [
    ['EGRESS_BLOCKED', 'EGRESS_BLOCKED'],
    ['DNS_FAILED', 'ENOTFOUND'],
    ['CONNECT_FAILED', 'ECONNREFUSED'],
    ['TIMED_OUT', 'ETIMEDOUT'],
    ['what nobody knows', 'ECONNREFUSED'],
  ] as const)
    test(`that the proxy refuses with ${code} is ${expected}, and says why`, async () => {
      const { error } = await answered(...refusal(452, code).match(/[^]{1,7}/g)!);
      assert.equal(error?.code, expected);
      assert.match(error?.message ?? '', /^connect 2001:db8::1:8443: why not$/);
    });

  for (const [what, pieces] of [
    ['nothing', []],
    ['half a head', ['HTTP/1.1 200 OK\r\nX: ']],
    ['no HTTP', ['SSH-2.0-x\r\n\r\n']],
    ['a head without an end', Array.from({ length: 50 }, () => 'x'.repeat(1024))],
    ['a refusal that is no JSON', ['HTTP/1.1 502 no\r\n\r\n{"code":']],
  ] as const)
    test(`that is answered with ${what} fails, and is not waited for`, async () => {
      const { error } = await answered(...pieces);
      assert.match(error?.code ?? '', /^(?:ECONNRESET|ECONNREFUSED)$/);
    });
});
