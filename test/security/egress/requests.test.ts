/** Requests: a function can neither smuggle a second one, nor pass for a proxy, nor carry a secret where it does not belong. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BoundSecret } from '../../../src/core/egress.ts';
import {
  assertAnswered,
  assertFailed,
  assertSilence,
  authority,
  ELSEWHERE,
  prepare,
  PUBLIC,
  request,
  requestWith,
  seen,
  skip,
  useWorld,
} from './world.ts';
import type { Zone } from './world.ts';

useWorld();

const URL_PUBLIC = `http://${PUBLIC}/`;
const GOOD = { method: 'GET', url: URL_PUBLIC, headers: [], redirect: 'follow' };

async function headersSeen(): Promise<readonly string[]> {
  const { requests } = await seen();
  return requests.at(-1)?.headers ?? [];
}

describe('a request that HTTP does not allow', { skip }, () => {
  for (const [what, headers] of [
    ['CRLF in a value', ['x', 'a\r\nHost: 10.0.0.1']],
    ['LF in a value', ['x', 'a\nHost: 10.0.0.1']],
    ['CR in a value', ['x', 'a\rHost: 10.0.0.1']],
    ['NUL in a value', ['x', 'a\0b']],
    ['CRLF in a name', ['x\r\nHost', '10.0.0.1']],
    ['a colon in a name', ['host:', '10.0.0.1']],
    ['a space in a name', ['host ', '10.0.0.1']],
    ['a pseudo-header', [':authority', '10.0.0.1']],
    ['an empty name', ['', 'x']],
    ['what is no byte', ['x', 'a\u010dHost: 10.0.0.1']],
    ['a fullwidth line end', ['x', 'a\u560d\u560aHost: x']],
    ['a name without value', ['x']],
    ['values that are no strings', ['x', 1]],
    ['a nested list', ['x', ['a', 'b']]],
    ['too many', Array.from({ length: 1000 }, () => 'x')],
    ['too long a value', ['x', 'x'.repeat(100_000)]],
  ] as const)
    test(`is not sent: headers with ${what}`, async () => {
      await prepare();
      await assertFailed(await requestWith({ ...GOOD, headers }), 'BAD_REQUEST');
      assert.deepEqual((await seen()).requests, []);
    });

  for (const [what, meta] of [
    ['nothing', null],
    ['a string', 'GET /'],
    ['a list', []],
    ['no URL', { ...GOOD, url: undefined }],
    ['a URL that is an object', { ...GOOD, url: { href: 'http://10.0.0.1/' } }],
    ['an endless URL', { ...GOOD, url: `${URL_PUBLIC}${'x'.repeat(100_000)}` }],
    ['a method with a space', { ...GOOD, method: 'GET / HTTP/1.1\r\nHost: x\r\n\r\nGET' }],
    ['an empty method', { ...GOOD, method: '' }],
    ['CONNECT', { ...GOOD, method: 'CONNECT' }],
    ['trace', { ...GOOD, method: 'trace' }],
    ['TRACK', { ...GOOD, method: 'TRACK' }],
    ['a method that is a list', { ...GOOD, method: ['GET'] }],
    ['an unknown redirect mode', { ...GOOD, redirect: 'always' }],
    ['headers that are an object', { ...GOOD, headers: { host: 'x' } }],
    ['headers with a length of their own', { ...GOOD, headers: { length: 2, 0: 'a', 1: 'b' } }],
  ] as const)
    test(`is not sent: ${what}`, async () => {
      await prepare();
      await assertFailed(await requestWith(meta), 'BAD_REQUEST');
      assert.deepEqual((await seen()).requests, []);
    });

  test('is not sent: a GET with a body', async () => {
    await prepare();
    await assertFailed(await request({ url: URL_PUBLIC, body: 'x' }), 'BAD_REQUEST');
  });

  test('cannot be hidden in a path', async () => {
    await prepare();
    assertAnswered(await request({ url: `${URL_PUBLIC}a\r\nHost: 10.0.0.1\r\n\r\nGET /b` }));
    const { requests } = await seen();
    assert.equal(requests.length, 1);
    assert.ok(!(requests[0]?.url ?? '').includes('\n'));
  });

  test('cannot be hidden in a body', async () => {
    await prepare();
    const body = '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n';
    const headers = ['Transfer-Encoding', 'chunked', 'Content-Length', '0'];
    assertAnswered(await request({ url: URL_PUBLIC, method: 'POST', headers, body }));
    const { requests } = await seen();
    assert.deepEqual(
      requests.map((each) => each.body),
      [body],
    );
  });
});

describe('a header that is not the function’s business', { skip }, () => {
  for (const name of [
    'Host',
    'Connection',
    'Keep-Alive',
    'Transfer-Encoding',
    'Content-Length',
    'Upgrade',
    'HTTP2-Settings',
    'TE',
    'Trailer',
    'Expect',
    'Proxy-Authorization',
    'Proxy-Connection',
    'Forwarded',
    'Via',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'X_Forwarded_For',
    'X-Real-IP',
    'True-Client-IP',
    'X-Cordon-Tenant',
    'Cordon-Invocation',
    'CF-Connecting-IP',
  ])
    test(`is dropped: ${name}`, async () => {
      await prepare();
      assertAnswered(await request({ url: URL_PUBLIC, headers: [name, '10.0.0.1', name.toLowerCase(), '7'] }));
      const headers = await headersSeen();
      for (let i = 0; i < headers.length; i += 2) {
        if (headers[i]?.toLowerCase() !== name.toLowerCase()) continue;
        assert.ok(!['10.0.0.1', '7'].includes(headers[i + 1] ?? ''), `${name}: ${headers[i + 1]}`);
      }
    });

  test('is dropped on the way to HTTP/2 as well', async () => {
    await prepare({ ca: await authority() }, { 'secure.test': [{ a: [PUBLIC] }] });
    const headers = [
      'Connection',
      'x',
      'HTTP2-Settings',
      'x',
      'Upgrade',
      'h2c',
      'TE',
      'gzip',
      'Host',
      '10.0.0.1',
      '__proto__',
      'x',
      'constructor',
      'x',
    ];
    assertAnswered(await request({ url: 'https://secure.test/', headers }));
    assert.ok(!(await headersSeen()).includes('10.0.0.1'));
  });

  test('is said where the function says nothing', async () => {
    await prepare();
    assertAnswered(await request({ url: URL_PUBLIC }));
    const headers = await headersSeen();
    assert.equal(headers[headers.indexOf('user-agent') + 1], 'Cordon');
    assert.equal(headers[headers.indexOf('host') + 1], PUBLIC);
  });
});

describe('a cookie', { skip }, () => {
  test('that a server sets is not sent to it again', async () => {
    await prepare();
    assertAnswered(await request({ url: URL_PUBLIC }));
    assertAnswered(await request({ url: URL_PUBLIC }));
    assert.ok(!(await headersSeen()).includes('cookie'));
  });
});

describe('a secret that is bound to hosts', { skip }, () => {
  const SECRETS: readonly BoundSecret[] = [
    { placeholder: 'cordon_secret_1', value: 'the-value', hosts: ['api.test', 'http://*.bound.test:8080'] },
    { placeholder: 'cordon_secret_2', value: 'open-value', hosts: ['*'] },
  ];
  const ZONE: Zone = Object.fromEntries(
    ['api.test', 'x.bound.test', 'evilapi.test', 'api.test.evil.test'].map((name) => [name, [{ a: [PUBLIC] }]]),
  );
  const HEADERS = ['authorization', 'Bearer cordon_secret_1', 'x-other', 'cordon_secret_2'];

  for (const url of ['http://api.test/', 'http://v2.api.test/', 'http://x.bound.test:8080/'])
    test(`is put in its place towards ${url}`, async () => {
      await prepare({ secrets: SECRETS }, { ...ZONE, 'v2.api.test': [{ a: [PUBLIC] }] });
      assertAnswered(await request({ url, headers: HEADERS }));
      assert.ok((await headersSeen()).includes('Bearer the-value'));
    });

  for (const url of [
    'http://evilapi.test/',
    'http://api.test.evil.test/',
    'http://api.test:8080/',
    'http://x.bound.test/',
    URL_PUBLIC,
  ])
    test(`stays a placeholder towards ${url}`, async () => {
      await prepare({ secrets: SECRETS }, ZONE);
      assertAnswered(await request({ url, headers: HEADERS }));
      const headers = await headersSeen();
      assert.ok(headers.includes('Bearer cordon_secret_1'));
      assert.ok(headers.includes('cordon_secret_2'), 'a secret that is bound to everything is bound to nothing');
    });

  test('is not put into a URL, a body or a name', async () => {
    await prepare({ secrets: SECRETS }, ZONE);
    const headers = ['cordon_secret_1', 'x'];
    assertAnswered(
      await request({
        url: 'http://api.test/cordon_secret_1?cordon_secret_1',
        method: 'POST',
        headers,
        body: 'cordon_secret_1',
      }),
    );
    assert.ok(!JSON.stringify((await seen()).requests).includes('the-value'));
  });

  test('does not follow a redirect to another host', async () => {
    await prepare({ secrets: SECRETS }, ZONE);
    const to = encodeURIComponent(`http://${ELSEWHERE}/`);
    assertAnswered(await request({ url: `http://api.test/redirect?to=${to}`, headers: ['x-key', 'cordon_secret_1'] }));
    const [first, second] = (await seen()).requests;
    assert.ok(first?.headers.includes('the-value'));
    assert.ok(second?.headers.includes('cordon_secret_1'));
    assert.ok(!JSON.stringify(second).includes('the-value'));
  });

  test('is taken out of the headers of an answer, and of the place that a redirect names', async () => {
    await prepare({ secrets: SECRETS }, ZONE);
    const echo = Buffer.from('key=the-value').toString('base64');
    const { head } = await request({ url: `http://api.test/?header=${echo}` });
    assert.ok(head?.headers.includes('key=cordon_secret_1'));
    assertAnswered(
      await request({ url: `http://api.test/redirect?to=${encodeURIComponent(`http://${ELSEWHERE}/the-value`)}` }),
    );
    assert.equal((await seen()).requests.at(-1)?.url, '/cordon_secret_1');
    await assertSilence();
  });
});
