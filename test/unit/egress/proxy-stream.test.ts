/** The capability `egress`: a client's connection to the proxy as an ask, with real servers on the other side. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { createEgress, type Egress, type EgressOptions } from '../../../src/egress/egress.ts';
import { makeCall } from '../../support/calls.ts';
import { startDnsServer } from '../../support/dns-server.ts';
import { callerOf, startFetching } from './fetching.ts';
import { ProxyAsk, startRawServer, type RawServer } from './proxying.ts';

const MB = 1024 * 1024;
const counts: string[] = [];

function egressTo({ authority }: RawServer, options: Partial<EgressOptions> = {}): Egress & Disposable {
  const egress = createEgress({
    defaultAllow: () => null,
    allowPrivate: [authority],
    refused: () => undefined,
    count: (_version, sent, received) => counts.push(`${sent} ${received}`),
    ...options,
  });
  return Object.assign(egress, { [Symbol.dispose]: () => egress.close() });
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const get = (url: string, ...headers: string[]): string =>
  [`GET ${url} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n');

describe('a request by the capability egress', () => {
  test('is answered with a head of null and raw bytes', async () => {
    await using server = await startFetching((_request, response) => void response.end('hello'));
    const ask = new ProxyAsk(server.egress);
    ask.send(get(`${server.url}/x`, 'Connection: close'));
    await ask.over;
    assert.equal(ask.heard[0], 'head null');
    assert.equal(ask.heard.at(-1), 'end');
    assert.match(ask.text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nhello$/);
  });

  test('is read however its bytes are cut, and a second one follows on the same connection', async () => {
    await using server = await startFetching((request, response) => void response.end(`<${request.url}>`));
    const ask = new ProxyAsk(server.egress);
    for (const byte of get(`${server.url}/a`) + get(`${server.url}/b`)) ask.send(byte);
    await ask.untilText(/<\/a>[^]*<\/b>/);
    assert.equal(ask.text.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
    ask.exchange.endBody();
    await ask.over;
    assert.equal(ask.failure, null);
  });

  test('puts a bound secret into a header, and never into a tunnel', async () => {
    const seen: string[] = [];
    await using server = await startFetching((request, response) => {
      seen.push(request.headers['x-key'] as string);
      response.end();
    });
    const secret = { placeholder: 'PLACE', value: 'sk-live', hosts: [`127.0.0.1:${server.port}`] };
    const caller = callerOf({ boundSecrets: [secret] });
    const direct = new ProxyAsk(server.egress, caller);
    direct.send(get(`${server.url}/`, 'X-Key: PLACE', 'Proxy-Authorization: Basic eDp5', 'Connection: close'));
    await direct.over;
    const tunnel = new ProxyAsk(server.egress, caller);
    await tunnel.connect(`127.0.0.1:${server.port}`);
    tunnel.send(get('/', 'X-Key: PLACE', 'Connection: close'));
    await tunnel.over;
    assert.deepEqual(seen, ['sk-live', 'PLACE']);
  });

  test('keeps what belongs to one connection from the other side, and the other side’s from the client', async () => {
    let headers: NodeJS.Dict<string | string[]> = {};
    await using server = await startFetching((request, response) => {
      headers = request.headers;
      response.setHeader('Keep-Alive', 'timeout=99').setHeader('Proxy-Authenticate', 'Basic').end();
    });
    const ask = new ProxyAsk(server.egress);
    ask.send(
      get(
        `${server.url}/`,
        'Connection: close, x-mine',
        'Proxy-Connection: keep-alive',
        'Proxy-Authorization: Basic eDp5',
        'TE: trailers',
        'X-Forwarded-For: 10.0.0.1',
        'X-Kept: yes',
      ),
    );
    await ask.over;
    const sent = Object.keys(headers);
    for (const name of ['proxy-connection', 'proxy-authorization', 'te', 'x-forwarded-for'])
      assert.equal(sent.includes(name), false, name);
    assert.equal(headers['x-kept'], 'yes');
    assert.doesNotMatch(ask.text, /timeout=99|proxy-authenticate/i);
  });

  test('that is nothing at all ends without a word', async () => {
    await using server = await startFetching((_request, response) => void response.end());
    const ask = new ProxyAsk(server.egress, callerOf(), false);
    await ask.over;
    assert.deepEqual(ask.heard, ['head null', 'end']);
  });

  test('says in its status line why it is refused, for clients that show no more', async () => {
    await using server = await startFetching((_request, response) => void response.end());
    for (const request of ['CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: x\r\n\r\n', get('http://10.0.0.1/')]) {
      const ask = new ProxyAsk(server.egress);
      ask.send(request);
      await ask.untilText(/\}\n/);
      const [head = '', body = ''] = ask.text.split('\r\n\r\n');
      assert.match(head, /^HTTP\/1\.1 452 SSRF guard blocked outbound request to 10\.0\.0\.1\r\n/);
      assert.match(head, /\r\ncordon-fault: EGRESS_BLOCKED/);
      assert.match(head, /\r\ncontent-type: application\/problem\+json/);
      const { code, status, rule, host } = JSON.parse(body) as Record<string, unknown>;
      assert.deepEqual([code, status, rule, host], ['EGRESS_BLOCKED', 452, 'private', '10.0.0.1']);
      ask.exchange.cancel();
    }
    assert.deepEqual(
      server.refusals.map(({ rule }) => rule),
      ['private', 'private'],
    );
  });

  test('of a name that has no address is a 502, and one that nobody answers in time a 504', async (t) => {
    await using silent = await startRawServer(() => undefined);
    const names = await startDnsServer();
    t.after(() => names.close());
    names.set('mute.test', [{ silent: true }]);
    const dnsServers = [`127.0.0.1:${names.port}`];
    using nameless = egressTo(silent, { dnsServers });
    const first = new ProxyAsk(nameless);
    first.send('CONNECT nowhere.test:443 HTTP/1.1\r\nHost: x\r\n\r\n');
    await first.untilText(/^HTTP\/1\.1 502 [^]*DNS_FAILED/);
    using hasty = egressTo(silent, { dnsServers, limits: { connectMs: 50 } });
    const second = new ProxyAsk(hasty);
    second.send('CONNECT mute.test:443 HTTP/1.1\r\nHost: x\r\n\r\n');
    await second.untilText(/^HTTP\/1\.1 504 /);
    using patient = egressTo(silent, { limits: { totalMs: 50 } });
    const third = new ProxyAsk(patient);
    third.send(get(`http://${silent.authority}/`));
    await third.untilText(/^HTTP\/1\.1 504 /);
  });
});

describe('a tunnel by the capability egress', () => {
  test('carries bytes that came too early, and either side may say all it has to say first', async () => {
    await using server = await startRawServer((socket) => {
      let said = '';
      socket
        .on('data', (chunk: Buffer) => (said += chunk.toString('latin1')))
        .once('end', () => socket.end(`you said ${said}`, 'latin1'));
    });
    using egress = egressTo(server);
    const ask = new ProxyAsk(egress);
    ask.send(`CONNECT ${server.authority} HTTP/1.1\r\nHost: x\r\n\r\n\x00\xffearly`);
    await ask.untilText(/^HTTP\/1\.1 200 /);
    ask.send(' late');
    ask.exchange.endBody();
    await ask.over;
    assert.ok(ask.text.endsWith('\r\n\r\nyou said \x00\xffearly late'), ask.text);

    await using farewell = await startRawServer((socket) => void socket.end('bye'));
    using other = egressTo(farewell);
    const listener = new ProxyAsk(other);
    listener.send(`CONNECT ${farewell.authority} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await listener.over;
    assert.equal(listener.failure, null);
    assert.match(listener.text, /\r\n\r\nbye$/);
  });

  test('holds the other side back while the guest takes nothing, and 100 MB pass whole', async () => {
    const bytes = 99 * MB;
    let written = 0;
    const stalled = Promise.withResolvers<void>();
    await using server = await startRawServer((socket) => {
      const chunk = Buffer.alloc(MB / 4, 'x');
      const send = (): void => {
        while (written < bytes) {
          written += chunk.length;
          if (socket.write(chunk)) continue;
          socket.once('drain', send);
          return stalled.resolve();
        }
        socket.end();
      };
      send();
    });
    using egress = egressTo(server);
    const ask = new ProxyAsk(egress);
    await ask.connect(server.authority);
    ask.keeps = false;
    ask.wants = false;
    await stalled.promise;
    const held = ask.bytes;
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    assert.ok(ask.bytes - held <= MB / 4, 'no more than one chunk came after the guest had no room');
    assert.ok(written < 40 * MB, `the other side wrote ${written / MB} MB into buffers`);
    const least = process.memoryUsage().rss;
    let most = least;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 5);
    ask.wants = true;
    ask.exchange.resume();
    await ask.over;
    clearInterval(watch);
    assert.equal(ask.bytes, bytes);
    assert.ok(most - least < 80 * MB, `the host grew by ${(most - least) / MB} MB`);
  });

  test('holds the guest back while the other side takes nothing, and loses nothing', async () => {
    const open = Promise.withResolvers<Socket>();
    await using server = await startRawServer((socket) => open.resolve(socket.pause()));
    using egress = egressTo(server);
    const ask = new ProxyAsk(egress);
    await ask.connect(server.authority);
    const socket = await open.promise;
    const chunk = Buffer.alloc(64 * 1024, 'y');
    let sent = 0;
    const drained = Promise.withResolvers<void>();
    while (sent < 64 * MB) {
      sent += chunk.length;
      if (!ask.send(chunk, drained.resolve)) break;
      await nextTurn();
    }
    assert.ok(sent < 64 * MB, 'the guest was held back');
    let received = 0;
    socket.on('data', (bytes: Buffer) => (received += bytes.length)).resume();
    await drained.promise;
    ask.exchange.endBody();
    await once(socket, 'end');
    assert.equal(received, sent);
  });

  test('delivers what the other side said last before it was gone', async () => {
    const bytes = 8 * MB;
    await using server = await startRawServer((socket) => void socket.end(Buffer.alloc(bytes, 'z')));
    using egress = egressTo(server);
    const ask = new ProxyAsk(egress);
    ask.send(`CONNECT ${server.authority} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await ask.over;
    assert.equal(ask.failure, null);
    assert.equal(ask.text.slice(ask.text.indexOf('\r\n\r\n') + 4).length, bytes);
  });

  test('ends at both ends when the guest is gone in the middle of it', async () => {
    counts.length = 0;
    const gone = Promise.withResolvers<void>();
    await using server = await startRawServer((socket) => {
      socket.once('close', gone.resolve);
      const send = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(64 * 1024)));
        socket.once('drain', send);
      };
      send();
    });
    using egress = egressTo(server);
    const ask = new ProxyAsk(egress);
    await ask.connect(server.authority);
    await ask.until(() => ask.bytes > MB);
    const { length } = ask.heard;
    ask.exchange.cancel();
    await gone.promise;
    while (counts.length === 0) await nextTurn();
    assert.equal(ask.heard.length, length, 'nothing is heard after cancel()');
  });

  test('that the guest gives up while it is being opened leaves no place taken', async () => {
    await using server = await startRawServer(() => undefined);
    using egress = egressTo(server, { limits: { requestsPerTenant: 1 } });
    const call = makeCall();
    for (let round = 0; round < 20; round++) {
      const ask = new ProxyAsk(egress, callerOf({}, call));
      ask.send(`CONNECT ${server.authority} HTTP/1.1\r\nHost: x\r\n\r\n`);
      for (let turn = 0; turn < round % 5; turn++) await nextTurn();
      ask.exchange.cancel();
      for (let turn = 0; turn < 20; turn++) await nextTurn();
    }
    for (let turn = 0; turn < 200; turn++) await nextTurn();
    await new ProxyAsk(egress, callerOf({}, call)).connect(server.authority);
  });

  test('counts against the invocation, which has so many at once and no more', async () => {
    await using server = await startRawServer(() => undefined);
    using egress = egressTo(server, { limits: { requestsPerInvocation: 2 } });
    const caller = callerOf();
    const asks = [new ProxyAsk(egress, caller), new ProxyAsk(egress, caller)];
    for (const ask of asks) await ask.connect(server.authority);
    const third = new ProxyAsk(egress, caller);
    third.send(`CONNECT ${server.authority} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await third.untilText(/^HTTP\/1\.1 429 /);
    asks[0]?.exchange.cancel();
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    await new ProxyAsk(egress, caller).connect(server.authority);
  });
});

describe('a client of the proxy that is slow, or hostile', () => {
  test('is sent away when no head comes, whole or at all', async () => {
    await using server = await startFetching((_request, response) => void response.end('done'), {
      limits: { proxyHeadMs: 50 },
    });
    for (const said of ['', 'GET http://127.', `${get(server.url)}GET `]) {
      const ask = new ProxyAsk(server.egress);
      if (said !== '') ask.send(said);
      await ask.over;
      assert.match(ask.text, /HTTP\/1\.1 504 no request came in time\r\n/);
    }
  });

  test('drips header by header, and is sent away all the same', async () => {
    await using server = await startFetching((_request, response) => void response.end(), {
      limits: { proxyHeadMs: 100 },
    });
    const ask = new ProxyAsk(server.egress);
    ask.send(`GET ${server.url}/ HTTP/1.1\r\nHost: x\r\n`);
    const drip = setInterval(() => ask.send('X-A: b\r\n'), 5);
    await ask.over;
    clearInterval(drip);
    assert.match(ask.text, /^HTTP\/1\.1 504 /);
  });

  test('is not sent away while its answer is on its way', async () => {
    await using server = await startFetching(
      (_request, response) => void setTimeout(() => response.end('late but well'), 200),
      { limits: { proxyHeadMs: 50 } },
    );
    const ask = new ProxyAsk(server.egress);
    ask.send(get(`${server.url}/`));
    await ask.untilText(/late but well/);
  });

  test('writes an endless head, and is refused before it is kept', async () => {
    await using server = await startFetching((_request, response) => void response.end());
    const ask = new ProxyAsk(server.egress);
    ask.send(`GET ${server.url}/ HTTP/1.1\r\nHost: x\r\nX: `);
    for (let sent = 0; sent < 4 * MB && !ask.heard.includes('end'); sent += 64 * 1024) {
      ask.send(Buffer.alloc(64 * 1024, 'a'));
      await nextTurn();
    }
    await ask.over;
    assert.match(ask.text, /^HTTP\/1\.1 4/);
  });

  test('goes on after it was refused, and nobody listens', async () => {
    let requests = 0;
    await using server = await startFetching((_request, response) => void response.end(`${++requests}`));
    const ask = new ProxyAsk(server.egress);
    ask.send('CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: x\r\n\r\n');
    ask.send(get(`${server.url}/`));
    await ask.over;
    ask.send(get(`${server.url}/`));
    assert.equal(ask.text.match(/HTTP\/1\.1/g)?.length, 1);
    assert.equal(requests, 0);
  });

  test('pipelines a flood of requests, and gets no further than its limits', async () => {
    await using server = await startFetching((_request, response) => void response.end('ok'), {
      limits: { requestsPerInvocation: 10, subrequestsPerInvocation: 100 },
    });
    const ask = new ProxyAsk(server.egress);
    ask.send(get(`${server.url}/`).repeat(500));
    ask.exchange.endBody();
    await ask.over;
    assert.ok((ask.text.match(/HTTP\/1\.1 200/g)?.length ?? 0) <= 100);
  });

  test('sends what is not HTTP', async () => {
    await using server = await startFetching((_request, response) => void response.end());
    for (const bytes of [
      '\x16\x03\x01\x02\x00\x01\x00\x01',
      '\x05\x01\x00',
      '\0'.repeat(10_000),
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ])
      for (const cut of [1, 3, bytes.length]) {
        const ask = new ProxyAsk(server.egress);
        for (let at = 0; at < bytes.length; at += cut) ask.send(bytes.slice(at, at + cut));
        await ask.over;
        assert.match(ask.text, /^HTTP\/1\.1 400 /);
      }
  });
});
