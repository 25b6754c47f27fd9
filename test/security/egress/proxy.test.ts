/** The proxy that containers and microVMs speak to: the same decisions, and no way around them in HTTP's own corners. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertSilence, prepare, PUBLIC, seen, skip, throughProxy, useWorld } from './world.ts';
import type { Zone } from './world.ts';

useWorld();

const ZONE: Zone = {
  'www.test': [{ a: [PUBLIC] }],
  'inner.test': [{ a: ['10.0.0.1'] }],
  'mixed.test': [{ a: [PUBLIC, '10.0.0.1'] }],
  'rebind.test': [{ a: [PUBLIC] }, { a: ['10.0.0.1'] }],
};

const get = (url: string, ...headers: string[]): string =>
  [`GET ${url} HTTP/1.1`, 'Host: www.test', 'Connection: close', ...headers, '', ''].join('\r\n');
const connect = (authority: string): string => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;

describe('CONNECT', { skip }, () => {
  for (const [authority, rule] of [
    ['127.0.0.1:80', 'loopback'],
    ['127.1:8080', 'loopback'],
    ['2130706433:443', 'loopback'],
    ['0x7f.1:443', 'loopback'],
    ['localhost:8080', 'loopback'],
    ['[::1]:443', 'loopback'],
    ['[::ffff:10.0.0.1]:443', 'ipv4-mapped'],
    ['10.0.0.1:443', 'private'],
    ['10.0.0.1:6379', 'private'],
    ['169.254.169.254:80', 'link-local'],
    ['inner.test:443', 'private'],
    ['inner.test.:443', 'private'],
    ['mixed.test:443', 'private'],
    ['www.test:22', 'port'],
    ['www.test:25', 'port'],
    ['www.test:0', 'port'],
  ] as const)
    test(`to ${authority} is refused with 452: ${rule}`, async () => {
      await prepare({}, ZONE);
      const { text, refusals } = await throughProxy(connect(authority), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      assert.match(text, /^HTTP\/1\.1 452 /);
      assert.match(text, /SSRF guard blocked outbound request to /);
      assert.deepEqual(
        refusals.map((entry) => entry.rule),
        [rule],
      );
      await assertSilence();
    });

  for (const authority of [
    '10.0.0.1',
    ':80',
    'www.test:',
    'www.test:80:80',
    'www.test:65536',
    'www.test:-1',
    'www.test:80/x',
    'user@10.0.0.1:80',
    'www.test:80@10.0.0.1:80',
    'http://10.0.0.1:80',
    '10.0.0.1:80#www.test:80',
    '10.0.0.1\\:80',
    '::1:80',
    '[fe80::1%eth0]:80',
    '[::1]80',
    '/run/docker.sock:80',
    '*',
    '/',
  ])
    test(`to ${authority} is no place`, async () => {
      await prepare({}, ZONE);
      const { text } = await throughProxy(connect(authority));
      assert.match(text, /^HTTP\/1\.1 400 /);
      await assertSilence();
      assert.deepEqual((await seen()).requests, []);
    });

  test('to a public host is a tunnel to the pinned address', async () => {
    await prepare({}, ZONE);
    const { text } = await throughProxy(connect('rebind.test:8080'), get('/inside'));
    assert.match(text, /^HTTP\/1\.1 200 Connection Established\r\n\r\nHTTP\/1\.1 200 OK/);
    assert.deepEqual(
      (await seen()).requests.map(({ address, url }) => [address, url]),
      [[PUBLIC, '/inside']],
    );
    await assertSilence();
  });

  test('in a tunnel is not ours to serve', async () => {
    await prepare({}, ZONE);
    const { text } = await throughProxy(connect('www.test:80'), connect('10.0.0.1:80'));
    assert.match(text, /^HTTP\/1\.1 200 Connection Established\r\n\r\n/);
    assert.doesNotMatch(text.slice(40), /Connection Established/);
    await assertSilence();
  });

  test('obeys the allow-list, name, port and all', async () => {
    await prepare({ allow: ['www.test'] }, ZONE);
    assert.match((await throughProxy(connect('www.test:80'), get('/'))).text, /^HTTP\/1\.1 200 /);
    assert.match((await throughProxy(connect('www.test:8080'))).text, /^HTTP\/1\.1 452 [^]*allow-list/);
    assert.match((await throughProxy(connect('inner.test:443'))).text, /^HTTP\/1\.1 452 [^]*allow-list/);
    await assertSilence();
  });
});

describe('a request for an absolute URL', { skip }, () => {
  for (const [url, rule] of [
    ['http://127.0.0.1/', 'loopback'],
    ['http://0x7f000001/', 'loopback'],
    ['http://localhost/', 'loopback'],
    ['http://10.0.0.1/', 'private'],
    ['http://inner.test/', 'private'],
    ['http://mixed.test/', 'private'],
    ['http://169.254.169.254/latest/', 'link-local'],
    ['http://[::ffff:127.0.0.1]/', 'ipv4-mapped'],
    ['https://10.0.0.1:8443/', 'private'],
    ['http://www.test:25/', 'port'],
  ] as const)
    test(`${url} is refused with 452: ${rule}`, async () => {
      await prepare({ refusal: 'throw' }, ZONE);
      const { text, refusals } = await throughProxy(get(url));
      assert.match(text, /^HTTP\/1\.1 452 /);
      assert.match(text, /SSRF guard blocked outbound request to /);
      assert.deepEqual(
        refusals.map((entry) => entry.rule),
        [rule],
      );
      await assertSilence();
    });

  test('goes where the URL says, whatever Host says', async () => {
    await prepare({}, ZONE);
    const { text } = await throughProxy(get('http://www.test/x').replace('Host: www.test', 'Host: 10.0.0.1'));
    assert.match(text, /^HTTP\/1\.1 200 /);
    const [request] = (await seen()).requests;
    assert.equal(request?.headers[request.headers.indexOf('host') + 1], 'www.test');
    await assertSilence();
  });

  test('follows no redirect: that is the client’s own new request', async () => {
    await prepare({}, ZONE);
    const { text } = await throughProxy(get(`http://www.test/redirect?to=${encodeURIComponent('http://10.0.0.1/')}`));
    assert.match(text, /^HTTP\/1\.1 302 /);
    await assertSilence();
  });

  test('after another on the same connection is judged for itself', async () => {
    await prepare({}, ZONE);
    const { text } = await throughProxy(
      `GET http://www.test/ HTTP/1.1\r\nHost: www.test\r\n\r\n`,
      get('http://10.0.0.1/'),
    );
    assert.match(text, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 452 /);
    await assertSilence();
  });

  test('carries its body', async () => {
    await prepare({}, ZONE);
    const head = 'POST http://www.test/ HTTP/1.1\r\nHost: www.test\r\nConnection: close\r\n';
    await throughProxy(`${head}Content-Length: 4\r\n\r\nbody`);
    await throughProxy(`${head}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`);
    assert.deepEqual(
      (await seen()).requests.map(({ body }) => body),
      ['body', 'body'],
    );
  });
});

describe('what an HTTP parser could take two ways', { skip }, () => {
  for (const [what, raw] of [
    ['a path without a host', get('/')],
    ['a file', get('file:///etc/passwd')],
    ['a URL with credentials', get('http://www.test@10.0.0.1/')],
    ['no Host', 'GET http://www.test/ HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['both lengths', get('http://www.test/', 'Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['two lengths', get('http://www.test/', 'Content-Length: 5', 'Content-Length: 6')],
    ['a signed length', get('http://www.test/', 'Content-Length: +5')],
    ['an unknown coding', get('http://www.test/', 'Transfer-Encoding: xchunked')],
    ['a coding after chunked', get('http://www.test/', 'Transfer-Encoding: chunked, gzip')],
    ['a space before the colon', get('http://www.test/', 'Content-Length : 5')],
    ['a folded header', get('http://www.test/', 'X: a', ' b: c')],
    ['a bare LF', 'GET http://www.test/ HTTP/1.1\nHost: www.test\n\n'],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00'],
    ['a SOCKS greeting', '\x05\x01\x00'],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['too long a head', get('http://www.test/', `X: ${'x'.repeat(200_000)}`)],
  ] as const)
    test(`is refused: ${what}`, async () => {
      await prepare({}, ZONE);
      const { text } = await throughProxy(raw);
      assert.match(text, /^HTTP\/1\.1 4\d\d /);
      assert.deepEqual((await seen()).requests, []);
      await assertSilence();
    });
});
