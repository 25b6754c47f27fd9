/** Allow-lists: what a list names, and what only looks as if it did. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertAnswered,
  assertBlocked,
  assertSilence,
  prepare,
  PUBLIC,
  PUBLIC_6,
  request,
  seen,
  skip,
  useWorld,
} from './world.ts';
import type { Zone } from './world.ts';

useWorld();

const HOSTS = [
  'cdn.io',
  'assets.cdn.io',
  'a.b.cdn.io',
  'evilcdn.io',
  'evil-cdn.io',
  'cdn.io.evil.com',
  'cdn.io-evil.com',
  'cdnxio',
  'cdn.i',
  'xn--cdn-bma.io',
  'api.example.com',
  'xn--bcher-kva.test',
];
const ZONE: Zone = Object.fromEntries(HOSTS.map((host) => [host, [{ a: [PUBLIC] }]]));

const ALLOWED: readonly (readonly [allow: readonly string[], url: string])[] = [
  [['cdn.io'], 'http://cdn.io/'],
  [['cdn.io'], 'http://assets.cdn.io/'],
  [['cdn.io'], 'http://a.b.cdn.io/'],
  [['cdn.io'], 'http://CDN.IO./'],
  [['CDN.io.'], 'http://cdn.io/'],
  [['*.cdn.io'], 'http://assets.cdn.io/'],
  [['*.cdn.io'], 'http://a.b.cdn.io/'],
  [['http://cdn.io'], 'http://cdn.io/'],
  [['cdn.io:8080'], 'http://cdn.io:8080/'],
  [['http://*.cdn.io:8080'], 'http://assets.cdn.io:8080/'],
  [['bücher.test'], 'http://xn--bcher-kva.test/'],
  [['xn--bcher-kva.test'], 'http://BÜCHER.test/'],
  [[PUBLIC], `http://${PUBLIC}/`],
  [[PUBLIC], 'http://1572395018/'],
  [[`[${PUBLIC_6}]`], 'http://[2606:2800:220:0:0:0:0:10]/'],
  [['*'], 'http://cdn.io:8080/'],
  [['other.test', 'cdn.io'], 'http://cdn.io/'],
];

const REFUSED: readonly (readonly [allow: readonly string[], url: string])[] = [
  [[], 'http://cdn.io/'],
  [['cdn.io'], 'http://evilcdn.io/'],
  [['cdn.io'], 'http://evil-cdn.io/'],
  [['cdn.io'], 'http://cdn.io.evil.com/'],
  [['cdn.io'], 'http://cdn.io-evil.com/'],
  [['cdn.io'], 'http://cdnxio/'],
  [['cdn.io'], 'http://cdn.i/'],
  [['cdn.io'], 'http://cdñ.io/'],
  [['cdn.io'], 'http://evil.com/cdn.io'],
  [['cdn.io'], 'http://evil.com/?cdn.io'],
  [['cdn.io'], 'http://evil.com#.cdn.io'],
  [['cdn.io'], 'http://evil.com\\.cdn.io/'],
  [['*.cdn.io'], 'http://cdn.io/'],
  [['*.cdn.io'], 'http://evilcdn.io/'],
  [['assets.cdn.io'], 'http://cdn.io/'],
  [['cdn.io'], 'http://cdn.io:8080/'],
  [['cdn.io:8080'], 'http://cdn.io/'],
  [['cdn.io:443'], 'http://cdn.io/'],
  [['https://cdn.io'], 'http://cdn.io/'],
  [['http://cdn.io'], 'https://cdn.io/'],
  [['https://cdn.io'], 'http://cdn.io:443/'],
  [[PUBLIC], 'http://93.184.216.11/'],
  [['216.10'], `http://${PUBLIC}/`],
  [['93.184.216'], `http://${PUBLIC}/`],
  [['10'], `http://${PUBLIC}/`],
  [[''], 'http://cdn.io/'],
  [['.'], 'http://cdn.io/'],
  [['.io'], 'http://cdn.io/'],
  [['*.'], 'http://cdn.io/'],
  [['c*.io'], 'http://cdn.io/'],
  [['*cdn.io'], 'http://evilcdn.io/'],
  [['**'], 'http://cdn.io/'],
  [['cdn.io/path'], 'http://cdn.io/path'],
  [['user@cdn.io'], 'http://cdn.io/'],
  [['cdn.io?'], 'http://cdn.io/'],
  [['cdn.io\\evil.com'], 'http://cdn.io/'],
];

describe('an allow-list', { skip }, () => {
  for (const [allow, url] of ALLOWED)
    test(`of ${JSON.stringify(allow)} names ${url}`, async () => {
      await prepare({ allow }, ZONE);
      assertAnswered(await request({ url }));
    });

  for (const [allow, url] of REFUSED)
    test(`of ${JSON.stringify(allow)} does not name ${url}`, async () => {
      await prepare({ allow }, ZONE);
      const fetched = await request({ url });
      await assertBlocked(fetched, 'allow-list');
      assert.match(fetched.failure?.message ?? '', /^the allow-list does not name /);
      assert.deepEqual((await seen()).questions, [], 'a name that is not allowed is not even looked up');
    });

  for (const url of ['http://10.0.0.1/', 'http://127.0.0.1/', 'http://169.254.169.254/', 'http://[::1]/'])
    test(`of everything, or of its very host, does not open ${url}`, async () => {
      for (const allow of [['*'], [new URL(url).host]]) {
        await prepare({ allow, ceiling: allow }, ZONE);
        const { failure } = await request({ url });
        assert.match(failure?.message ?? '', /^SSRF guard blocked outbound request to /);
        await assertSilence();
      }
    });

  test('of a version can only narrow that of the operator', async () => {
    await prepare({ allow: ['*'], ceiling: ['api.example.com'] }, ZONE);
    assertAnswered(await request({ url: 'http://api.example.com/' }));
    await assertBlocked(await request({ url: 'http://cdn.io/' }), 'allow-list');
  });

  test('that opens a private destination leaves the version’s list in force', async () => {
    await prepare({ allow: ['cdn.io'], allowPrivate: ['10.0.0.1:8080'] }, ZONE);
    await assertBlocked(await request({ url: 'http://10.0.0.1:8080/' }), 'allow-list');
  });
});

describe('a refusal', { skip }, () => {
  test('is thrown with the guard’s words and the host, and audited', async () => {
    await prepare();
    const { failure, refusals } = await request({ url: 'http://10.1.2.3/' });
    assert.deepEqual(failure, {
      code: 'EGRESS_BLOCKED',
      message: 'SSRF guard blocked outbound request to 10.1.2.3',
      details: { rule: 'private', host: '10.1.2.3' },
    });
    const [{ tenant, functionName, version, host, address, rule } = refusals[0]!] = refusals;
    assert.deepEqual(
      { tenant, functionName, version, host, address, rule },
      {
        tenant: 'acme',
        functionName: 'f',
        version: 1,
        host: '10.1.2.3',
        address: '10.1.2.3',
        rule: 'private',
      },
    );
  });

  test('is a response of status 452 where the version wants that', async () => {
    await prepare({ refusal: 'response' }, { 'inner.test': [{ a: ['10.0.0.1'] }] });
    const { head, body, failure, refusals } = await request({ url: 'http://inner.test/' });
    assert.equal(failure, null);
    assert.equal(head?.status, 452);
    const { code, rule, host, detail } = JSON.parse(body) as Record<string, string>;
    assert.deepEqual([code, rule, host], ['EGRESS_BLOCKED', 'private', 'inner.test']);
    assert.equal(detail, 'SSRF guard blocked outbound request to inner.test');
    assert.ok(!body.includes('10.0.0.1'));
    assert.equal(refusals.length, 1);
    await assertSilence();
  });
});
