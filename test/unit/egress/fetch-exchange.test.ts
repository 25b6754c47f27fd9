/** A fetch from end to end, against real servers: bodies both ways, codings, limits, ends. */

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { MB } from '../../../src/core/limits.ts';
import { makeCall } from '../../support/calls.ts';
import { callerOf, Fetch, fetchAll, startFetching } from './fetching.ts';

const HELLO = 'hello '.repeat(1000);

describe('an answer', () => {
  const CODINGS: readonly (readonly [string, Buffer])[] = [
    ['gzip', gzipSync(HELLO)],
    ['x-gzip', gzipSync(HELLO)],
    ['deflate', deflateSync(HELLO)],
    ['br', brotliCompressSync(HELLO)],
    ['zstd', zstdCompressSync(HELLO)],
    ['gzip, br', brotliCompressSync(gzipSync(HELLO))],
    ['GZIP', gzipSync(HELLO)],
    ['identity', Buffer.from(HELLO)],
  ];
  for (const [coding, body] of CODINGS)
    test(`in ${coding} arrives decoded`, async () => {
      await using server = await startFetching((_request, response) =>
        response.writeHead(200, { 'content-encoding': coding, 'content-length': body.length }).end(body),
      );
      const fetch = await fetchAll(server, { url: server.url });
      assert.equal(fetch.text, HELLO);
      if (coding === 'identity') return;
      assert.equal(fetch.header('content-encoding'), undefined);
      assert.equal(fetch.header('content-length'), undefined);
      assert.deepEqual(server.counts, [`acme 0 ${body.length}`]);
    });

  test('in a coding that nobody knows arrives as it is', async () => {
    await using server = await startFetching((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'constructor' }).end('x'),
    );
    const fetch = await fetchAll(server, { url: server.url });
    assert.deepEqual([fetch.text, fetch.header('content-encoding')], ['x', 'constructor']);
  });

  test('that does not decode fails', async () => {
    await using server = await startFetching((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('this is not gzip at all'),
    );
    assert.equal((await fetchAll(server, { url: server.url })).failure?.code, 'BAD_RESPONSE');
  });

  test('to HEAD has no body to decode', async () => {
    await using server = await startFetching((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 10 }).end(),
    );
    const fetch = await fetchAll(server, { url: server.url, method: 'HEAD' });
    assert.deepEqual([fetch.heard, fetch.header('content-length')], [['head', 'end'], '10']);
  });

  test('that grows past the limit when it is decoded fails, and is not held in memory', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MB));
    await using server = await startFetching(
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
      { limits: { responseBytes: MB } },
    );
    const fetch = await fetchAll(server, { url: server.url });
    assert.equal(fetch.failure?.code, 'TOO_LARGE');
    assert.ok(fetch.bytes <= MB);
  });

  test('that says to be larger than the limit is not even begun', async () => {
    await using server = await startFetching(
      (_request, response) => response.writeHead(200, { 'content-length': 2 * MB }).end(Buffer.alloc(2 * MB)),
      { limits: { responseBytes: MB } },
    );
    const fetch = await fetchAll(server, { url: server.url });
    assert.deepEqual(fetch.heard, ['fail']);
    assert.equal(fetch.failure?.code, 'TOO_LARGE');
  });

  test('with too many headers fails', async () => {
    await using server = await startFetching(
      (_request, response) => response.writeHead(200, { x: 'x'.repeat(10_000) }).end(),
      { limits: { headerBytes: 8192 } },
    );
    assert.equal((await fetchAll(server, { url: server.url })).failure?.code, 'TOO_LARGE');
  });

  test('that breaks off fails after what came', async () => {
    await using server = await startFetching((_request, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('half');
      setImmediate(() => response.destroy());
    });
    const fetch = await fetchAll(server, { url: server.url });
    assert.equal(fetch.heard.at(-1), 'fail');
    assert.ok(['CONNECT_FAILED', 'BAD_RESPONSE'].includes(fetch.failure?.code ?? ''));
  });

  test('in no HTTP fails', async () => {
    await using server = await startFetching(
      (_request, response) => void response.socket?.end('HTTP/1.1 nonsense\r\n\r\n'),
    );
    assert.equal((await fetchAll(server, { url: server.url })).failure?.code, 'BAD_RESPONSE');
  });

  test('comes after early hints', async () => {
    await using server = await startFetching((_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.end('final');
    });
    const fetch = await fetchAll(server, { url: server.url });
    assert.deepEqual([fetch.head?.status, fetch.text, fetch.heard], [200, 'final', ['head', 'data', 'end']]);
  });

  test('is held back while the function is behind, and memory stays flat', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const total = 400 * MB;
    let written = 0;
    const listener = (_request: unknown, response: ServerResponse): void => {
      const more = (): void => {
        while (written < total) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    };
    await using server = await startFetching(listener, { limits: { responseBytes: total } });
    const fetch = new Fetch(server.egress, callerOf(), { url: server.url });
    fetch.keeps = false;
    fetch.wants = false;
    await fetch.until(() => fetch.bytes > 0);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(written < 32 * MB, `the server has written ${written} bytes to a function that reads nothing`);
    const before = process.memoryUsage();
    let most = 0;
    fetch.onHeard = () => {
      most = Math.max(most, process.memoryUsage.rss());
      setImmediate(() => fetch.exchange.resume());
    };
    fetch.exchange.resume();
    await fetch.over;
    assert.equal(fetch.bytes, total);
    assert.ok(most - before.rss < 160 * MB, `${Math.round((most - before.rss) / MB)} MB more`);
  });

  test('that is decoded is held back too', async () => {
    const body = gzipSync(Buffer.alloc(32 * MB));
    await using server = await startFetching((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(body),
    );
    const fetch = new Fetch(server.egress, callerOf(), { url: server.url });
    fetch.keeps = false;
    fetch.wants = false;
    await fetch.until(() => fetch.bytes > 0);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(fetch.bytes < MB);
    fetch.wants = true;
    fetch.exchange.resume();
    await fetch.over;
    assert.equal(fetch.bytes, 32 * MB);
  });
});

describe('a request body', () => {
  test('that is there at once goes out in one piece, with its length', async () => {
    await using server = await startFetching(async (request, response) =>
      response.end(`${request.headers['content-length']} ${await text(request)}`),
    );
    const fetch = await fetchAll(server, { url: server.url, method: 'POST', body: 'body' });
    assert.equal(fetch.text, '4 body');
    assert.deepEqual(server.counts, ['acme 4 6']);
  });

  test('streams as it comes, and the answer streams back meanwhile', async () => {
    await using server = await startFetching((request, response) => void request.pipe(response));
    const fetch = new Fetch(server.egress, callerOf(), { url: server.url, method: 'POST', hasBody: true });
    for (const part of ['one ', 'two ', 'three']) {
      fetch.exchange.write(Buffer.from(part), () => undefined);
      await fetch.until(() => fetch.text.endsWith(part));
    }
    fetch.exchange.endBody();
    await fetch.over;
    assert.equal(fetch.text, 'one two three');
  });

  test('keeps the length that the function states for it, and must have it', async () => {
    await using server = await startFetching(async (request, response) => {
      const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
      response.end(`${length} ${coding} ${await text(request).catch(() => 'broken')}`);
    });
    const headers = ['Content-Length', '6'];
    const post = async (...parts: string[]): Promise<Fetch> => {
      const fetch = new Fetch(server.egress, callerOf(), { url: server.url, method: 'POST', headers, hasBody: true });
      for (const part of parts) {
        fetch.exchange.write(Buffer.from(part), () => undefined);
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      fetch.exchange.endBody();
      await fetch.over;
      return fetch;
    };
    assert.equal((await post('abc', 'def')).text, '6 undefined abcdef');
    assert.equal((await post('abc', 'defg')).failure?.code, 'BAD_REQUEST');
    assert.equal((await post('abc')).failure?.code, 'BAD_REQUEST');
  });

  test('is held back while the other side is behind', async () => {
    let release: () => void = () => undefined;
    let received = 0;
    await using server = await startFetching((request, response) => {
      release = () =>
        request.on('data', (chunk: Buffer) => (received += chunk.length)).once('end', () => response.end('done'));
    });
    const fetch = new Fetch(server.egress, callerOf(), { url: server.url, method: 'POST', hasBody: true });
    const chunk = Buffer.alloc(256 * 1024);
    let sent = 0;
    const stuck = async (): Promise<boolean> => {
      const drained = Promise.withResolvers<boolean>();
      sent += chunk.length;
      if (fetch.exchange.write(chunk, () => drained.resolve(false))) setImmediate(drained.resolve, false);
      // That nothing more happens has no event.
      return Promise.race([drained.promise, new Promise<boolean>((resolve) => setTimeout(resolve, 300, true))]);
    };
    while (!(await stuck())) assert.ok(sent < 64 * MB, 'the function is let go though nobody reads');
    release();
    fetch.exchange.endBody();
    await fetch.over;
    assert.deepEqual([fetch.text, received], ['done', sent]);
  });

  test('past the limit fails', async () => {
    await using server = await startFetching((request) => void request.resume(), { limits: { requestBytes: 1000 } });
    const fetch = await fetchAll(server, { url: server.url, method: 'POST', body: 'x'.repeat(1001) });
    assert.equal(fetch.failure?.code, 'TOO_LARGE');
  });

  test('that nobody wants any more is taken from the function all the same', async () => {
    await using server = await startFetching((_request, response) => void response.end('early'));
    const fetch = new Fetch(server.egress, callerOf(), { url: server.url, method: 'POST', hasBody: true });
    fetch.exchange.write(Buffer.alloc(1000), () => undefined);
    await fetch.over;
    assert.equal(fetch.text, 'early');
    assert.equal(
      fetch.exchange.write(Buffer.alloc(MB), () => undefined),
      true,
    );
  });

  test('that is large and gone fails a redirect that wants it again', async () => {
    await using server = await startFetching(async (request, response) => {
      await text(request);
      response.writeHead(307, { location: '/again' }).end();
    });
    const fetch = await fetchAll(server, { url: server.url, method: 'POST', body: Buffer.alloc(MB) });
    assert.equal(fetch.failure?.code, 'UNEXPECTED_REDIRECT');
  });
});

describe('an end', () => {
  test('by cancel() is the last that the sink hears of, and reaches the other side', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await using server = await startFetching((_request, response) => {
      response.once('close', resolve).write('some');
    });
    const fetch = new Fetch(server.egress, callerOf(), { url: server.url });
    await fetch.until(() => fetch.bytes > 0);
    fetch.exchange.cancel();
    await closed;
    assert.deepEqual(fetch.heard, ['head', 'data']);
    assert.deepEqual(server.counts, ['acme 0 4']);
  });

  test('by cancel() before anything was sent sends nothing', async () => {
    let requests = 0;
    await using server = await startFetching((_request, response) => void response.end(`${++requests}`));
    const fetch = new Fetch(server.egress, callerOf(), { url: server.url });
    fetch.exchange.cancel();
    await fetchAll(server, { url: server.url });
    assert.deepEqual([fetch.heard, requests], [[], 1]);
  });

  test('by time fails as such', async () => {
    await using server = await startFetching((_request, response) => void response.write('some'), {
      limits: { totalMs: 100 },
    });
    const fetch = await fetchAll(server, { url: server.url });
    assert.deepEqual([fetch.heard, fetch.failure?.code], [['head', 'data', 'fail'], 'TIMED_OUT']);
  });

  test('by close() fails what is under way', async () => {
    await using server = await startFetching((_request, response) => void response.write('some'));
    const fetch = new Fetch(server.egress, callerOf(), { url: server.url });
    await fetch.until(() => fetch.bytes > 0);
    server.egress.close();
    await fetch.over;
    assert.equal(fetch.failure?.code, 'ABORTED');
  });

  test('never comes before start() has returned', async () => {
    await using server = await startFetching((_request, response) => void response.end());
    for (const url of ['http://10.0.0.1/', 'nonsense', server.url, 7]) {
      const fetch = new Fetch(server.egress, callerOf(), { url });
      assert.deepEqual(fetch.heard, []);
      await fetch.over;
    }
  });

  test('of a connection that nobody accepts is no news of the inside', async () => {
    await using server = await startFetching((_request, response) => void response.end(), {
      allowPrivate: ['127.0.0.1:1234'],
    });
    const { failure } = await fetchAll(server, { url: 'http://127.0.0.1:1234/' });
    assert.deepEqual(failure, { code: 'CONNECT_FAILED', message: "127.0.0.1 can't be reached" });
  });
});

describe('limits', () => {
  test('bound the requests of one invocation at once, and in all', async () => {
    const waiting: ServerResponse[] = [];
    await using server = await startFetching(
      (request, response) => (request.url === '/hold' ? void waiting.push(response) : void response.end()),
      { limits: { requestsPerInvocation: 2, subrequestsPerInvocation: 4 } },
    );
    const caller = callerOf();
    const held = [1, 2].map(() => new Fetch(server.egress, caller, { url: `${server.url}/hold` }));
    const third = await fetchAll(server, { url: server.url }, caller);
    assert.equal(third.failure?.code, 'TOO_MANY_REQUESTS');
    assert.equal((await fetchAll(server, { url: server.url })).failure, null, 'another invocation has its own count');
    while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve));
    for (const response of waiting) response.end();
    await Promise.all(held.map(({ over }) => over));
    for (const code of [undefined, undefined, 'TOO_MANY_REQUESTS'])
      assert.equal((await fetchAll(server, { url: server.url }, caller)).failure?.code, code);
  });

  test('bound the requests of one tenant, and none of another', async () => {
    const waiting: ServerResponse[] = [];
    await using server = await startFetching((_request, response) => void waiting.push(response), {
      limits: { requestsPerTenant: 3 },
    });
    const held = [1, 2, 3].map(() => new Fetch(server.egress, callerOf(), { url: server.url }));
    assert.equal((await fetchAll(server, { url: server.url })).failure?.code, 'TOO_MANY_REQUESTS');
    const other = new Fetch(server.egress, callerOf({ tenant: 'other' }), { url: server.url });
    while (waiting.length < 4) await new Promise((resolve) => setImmediate(resolve));
    for (const response of waiting) response.end('x');
    await Promise.all([...held, other].map(({ over }) => over));
    assert.equal(other.failure, null);
    assert.equal(server.counts.length, 4, 'a request that was not admitted is not counted');
  });

  test('bound the sockets of one tenant; idle ones make room', async () => {
    await using server = await startFetching(
      (request, response) => void (request.url === '/hold' ? response.write('x') : response.end()),
      { limits: { socketsPerTenant: 1 } },
    );
    const byName = server.url.replace('127.0.0.1', 'localhost');
    assert.equal((await fetchAll(server, { url: server.url })).failure, null);
    const held = new Fetch(server.egress, callerOf(), { url: `${byName}/hold` });
    await held.until(() => held.heard.length > 0);
    assert.equal(held.failure, null);
    assert.equal((await fetchAll(server, { url: server.url })).failure?.code, 'TOO_MANY_REQUESTS');
    held.exchange.cancel();
  });
});

describe('connections', () => {
  test('are kept for the next request of the same tenant, and for no other', async () => {
    await using server = await startFetching((_request, response) => void response.end());
    for (const tenant of ['a', 'a', 'b', 'a', 'b']) {
      await fetchAll(server, { url: server.url }, callerOf({ tenant }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(new Set(server.sockets).size, 2);
  });

  test('are closed when nobody uses them', async () => {
    await using server = await startFetching(
      (_request, response) => {
        response.socket?.once('close', () => closed.resolve());
        response.end();
      },
      { limits: { idleMs: 50 } },
    );
    const closed = Promise.withResolvers<void>();
    await fetchAll(server, { url: server.url });
    await closed.promise;
  });

  test('ignore the proxies of the environment', async () => {
    await using trap = await startFetching((_request, response) => void response.end('trapped'));
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    for (const name of names) process.env[name] = name.startsWith('NODE') ? '1' : trap.url;
    try {
      await using server = await startFetching((_request, response) => void response.end('direct'));
      assert.equal((await fetchAll(server, { url: server.url })).text, 'direct');
    } finally {
      for (const name of names) delete process.env[name];
    }
  });

  test('of a function that throws in its sink do not outlive it', async () => {
    await using server = await startFetching((_request, response) => void response.end('x'));
    const failed = Promise.withResolvers<string>();
    server.egress.fetch.start(
      callerOf({}, makeCall()),
      { kind: 'fetch', meta: { method: 'GET', url: server.url, headers: [], redirect: 'follow' }, hasBody: false },
      {
        head: () => {
          throw new Error('a fault of the sink');
        },
        data: () => true,
        end: () => failed.resolve('end'),
        fail: ({ code }) => failed.resolve(code),
      },
    );
    assert.equal(await failed.promise, 'CONNECT_FAILED');
    assert.equal((await fetchAll(server, { url: server.url })).text, 'x');
  });
});

test('a kind that egress does not serve fails', async () => {
  await using server = await startFetching((_request, response) => void response.end());
  const code = await new Promise((resolve) => {
    const ignore = (): boolean => true;
    const sink = {
      head: ignore,
      data: ignore,
      end: ignore,
      fail: (failure: { code: string }) => resolve(failure.code),
    };
    server.egress.fetch.start(callerOf(), { kind: 'db', meta: null, hasBody: false }, sink);
  });
  assert.equal(code, 'BAD_REQUEST');
});
