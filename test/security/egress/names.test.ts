/** Names: every address of an answer counts, and an answer that changes after it was judged changes nothing. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DnsStep } from '../../support/dns-server.ts';
import { INSIDE_ADDRESS, INSIDE_ADDRESS_6 } from '../../support/network-namespace.ts';
import {
  assertAnswered,
  assertBlocked,
  assertFailed,
  assertSilence,
  authority,
  ELSEWHERE,
  prepare,
  PUBLIC,
  PUBLIC_6,
  request,
  seen,
  skip,
  useWorld,
} from './world.ts';

useWorld();

const FORBIDDEN: readonly (readonly [name: string, step: DnsStep, rule: string])[] = [
  ['127-0-0-1.xip.test', { a: ['127.0.0.1'] }, 'loopback'],
  ['10-0-0-1.xip.test', { a: ['10.0.0.1'] }, 'private'],
  ['172-16.test', { a: ['172.16.0.1'] }, 'private'],
  ['192-168.test', { a: ['192.168.1.1'] }, 'private'],
  ['metadata.google.internal', { a: ['169.254.169.254'] }, 'link-local'],
  ['metadata.azure.internal', { a: ['169.254.169.254'] }, 'link-local'],
  ['instance-data.ec2.internal', { a: ['169.254.169.254'], aaaa: ['fd00:ec2::254'] }, 'link-local'],
  ['kubernetes.default.svc', { a: ['10.96.0.1'] }, 'private'],
  ['metadata', { a: ['169.254.169.254'] }, 'link-local'],
  ['cgnat.test', { a: ['100.100.100.200'] }, 'carrier-grade-nat'],
  ['zero.test', { a: ['0.0.0.0'] }, 'unspecified'],
  ['broadcast.test', { a: ['255.255.255.255'] }, 'broadcast'],
  ['multicast.test', { a: ['224.0.0.251'] }, 'multicast'],
  ['loopback6.test', { aaaa: ['::1'] }, 'loopback'],
  ['unspecified6.test', { aaaa: ['::'] }, 'unspecified'],
  ['mapped.test', { aaaa: ['::ffff:10.0.0.1'] }, 'ipv4-mapped'],
  ['mapped-public.test', { aaaa: [`::ffff:${PUBLIC}`] }, 'ipv4-mapped'],
  ['ula.test', { aaaa: ['fd12:3456::1'] }, 'private'],
  ['link6.test', { aaaa: ['fe80::1'] }, 'link-local'],
  ['nat64.test', { aaaa: ['64:ff9b::a00:1'] }, 'nat64'],
  ['6to4.test', { aaaa: ['2002:a00:1::1'] }, '6to4'],
  ['own.test', { a: [INSIDE_ADDRESS] }, 'own-address'],
  ['own6.test', { aaaa: [INSIDE_ADDRESS_6] }, 'own-address'],
  ['alias.test', { cname: 'inner.corp.test', a: ['10.0.0.7'] }, 'private'],
];

const MIXED: readonly (readonly [what: string, step: DnsStep, rule: string])[] = [
  ['a private address after a public one', { a: [PUBLIC, '10.0.0.1'] }, 'private'],
  ['a private address before a public one', { a: ['10.0.0.1', PUBLIC] }, 'private'],
  ['loopback among three', { a: [PUBLIC, '127.0.0.1', ELSEWHERE] }, 'loopback'],
  ['a public IPv4 and a private IPv6', { a: [PUBLIC], aaaa: ['fd00::1'] }, 'private'],
  ['a private IPv4 and a public IPv6', { a: ['192.168.0.1'], aaaa: [PUBLIC_6] }, 'private'],
  ['the metadata service as the last of many', { a: [...many(30), '169.254.169.254'] }, 'link-local'],
  ['this machine behind an alias', { cname: 'x.test', a: [PUBLIC, INSIDE_ADDRESS] }, 'own-address'],
];

function many(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `93.184.216.${index + 100}`);
}

describe('a name', { skip }, () => {
  for (const [name, step, rule] of FORBIDDEN)
    test(`that stands for a forbidden address is refused: ${name}, ${rule}`, async () => {
      await prepare({}, { [name]: [step] });
      const fetched = await request({ url: `http://${name}/` });
      await assertBlocked(fetched, rule);
      const inside = [...(step.a ?? []), ...(step.aaaa ?? [])];
      for (const address of inside)
        assert.ok(!JSON.stringify(fetched.failure).includes(address), 'the function must not learn the address');
      assert.ok(inside.includes(fetched.refusals[0]?.address ?? ''), 'the audit names the address');
    });

  for (const [what, step, rule] of MIXED)
    test(`with ${what} is refused whole`, async () => {
      await prepare({}, { 'mixed.test': [step] });
      await assertBlocked(await request({ url: 'http://mixed.test/' }), rule);
    });

  for (const name of ['localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'b.a.localhost.', 'ⓛocalhost'])
    test(`of this machine is refused without being asked for: ${name}`, async () => {
      await prepare(
        {},
        { localhost: [{ a: [PUBLIC] }], 'a.localhost': [{ a: [PUBLIC] }], 'b.a.localhost': [{ a: [PUBLIC] }] },
      );
      await assertBlocked(await request({ url: `http://${name}/` }), 'loopback');
      assert.deepEqual((await seen()).questions, []);
    });

  for (const [what, zone, url] of [
    ['that is public answers', { 'www.test': [{ a: [PUBLIC] }] }, 'http://www.test/'],
    ['with a dot at its end answers', { 'www.test': [{ a: [PUBLIC] }] }, 'http://www.test./'],
    ['in capitals answers', { 'www.test': [{ a: [PUBLIC] }] }, 'http://WWW.TEST/'],
    ['in another script answers', { 'xn--bcher-kva.test': [{ a: [PUBLIC] }] }, 'http://bücher.test/'],
    ['behind an alias answers', { 'www.test': [{ cname: 'cdn.test', a: [PUBLIC] }] }, 'http://www.test/'],
    ['with IPv6 alone answers', { 'www.test': [{ aaaa: [PUBLIC_6] }] }, 'http://www.test/'],
    ['with both families answers', { 'www.test': [{ a: [PUBLIC], aaaa: [PUBLIC_6] }] }, 'http://www.test/'],
    ['whose server is slow answers', { 'www.test': [{ a: [PUBLIC], delayMs: 200 }] }, 'http://www.test/'],
  ] as const)
    test(what, async () => {
      await prepare({}, zone);
      assertAnswered(await request({ url }));
      await assertSilence();
    });

  for (const [what, step] of [
    ['that does not exist', { rcode: 3 }],
    ['without an address', {}],
    ['whose server is broken', { rcode: 2 }],
    ['whose server is silent', { silent: true }],
  ] as const)
    test(`${what} fails as such`, async () => {
      await prepare({ limits: { connectMs: 30_000, totalMs: 40_000 } }, { 'gone.test': [step] });
      await assertFailed(await request({ url: 'http://gone.test/' }), 'DNS_FAILED');
    });

  test('is never looked up with a search domain', async () => {
    await prepare({}, { 'www.test.corp.test': [{ a: [PUBLIC] }] });
    await assertFailed(await request({ url: 'http://www.test/' }), 'DNS_FAILED');
    assert.deepEqual((await seen()).questions.toSorted(), ['A www.test', 'AAAA www.test']);
  });
});

describe('rebinding', { skip }, () => {
  const REBOUND = [{ a: [PUBLIC] }, { a: ['10.0.0.1'] }];

  test('between check and connect gains nothing: the name is asked for once', async () => {
    await prepare({}, { 'rebind.test': REBOUND });
    assertAnswered(await request({ url: 'http://rebind.test/' }));
    assert.deepEqual((await seen()).questions.toSorted(), ['A rebind.test', 'AAAA rebind.test']);
    await assertSilence();
  });

  test('before the next connection is found by the next check', async () => {
    await prepare({ limits: { idleMs: 1 } }, { 'rebind.test': REBOUND });
    assertAnswered(await request({ url: 'http://rebind.test/' }));
    await assertBlocked(await request({ url: 'http://rebind.test:8080/' }), 'private');
  });

  test('to loopback, in the other family, is found too', async () => {
    await prepare({}, { 'rebind.test': [{ a: [PUBLIC] }, { a: [PUBLIC], aaaa: ['::1'] }] });
    assertAnswered(await request({ url: 'http://rebind.test/' }));
    await assertBlocked(await request({ url: 'http://rebind.test:8080/' }), 'loopback');
  });

  test('during a redirect is found', async () => {
    await prepare({}, { 'rebind.test': REBOUND });
    const url = `http://rebind.test/redirect?to=${encodeURIComponent('http://rebind.test:8080/')}`;
    await assertBlocked(await request({ url }), 'private');
  });

  test('an open connection stays where it was pinned', async () => {
    await prepare({}, { 'rebind.test': REBOUND });
    assertAnswered(await request({ url: 'http://rebind.test/one' }));
    assertAnswered(await request({ url: 'http://rebind.test/two' }));
    assert.ok((await seen()).requests.every(({ address }) => address === PUBLIC));
    await assertSilence();
  });

  test('while its TTL runs, an answer is kept and judged again with each connection', async () => {
    await prepare({}, { 'kept.test': [{ a: [PUBLIC], ttl: 60 }, { a: ['10.0.0.1'] }] });
    assertAnswered(await request({ url: 'http://kept.test/' }));
    assertAnswered(await request({ url: 'http://kept.test:8080/' }));
    assert.equal((await seen()).questions.filter((question) => question === 'A kept.test').length, 1);
    await assertSilence();
  });
});

describe('a secure connection', { skip }, () => {
  const ZONE = {
    'secure.test': [{ a: [PUBLIC] }],
    'other.test': [{ a: [PUBLIC] }],
    'rebind.secure.test': [{ a: ['10.0.0.1'] }],
  };

  test('is made in HTTP/2 with a host whose certificate names it', async () => {
    await prepare({ ca: await authority() }, ZONE);
    const { failure, head } = await request({ url: 'https://secure.test/' });
    assert.equal(failure, null, JSON.stringify(failure));
    assert.equal(head?.headers[head.headers.indexOf('x-protocol') + 1], '2.0');
  });

  test('is made with an address that the certificate names', async () => {
    await prepare({ ca: await authority() });
    assertAnswered(await request({ url: `https://${PUBLIC}/` }));
  });

  for (const [what, url, trusted] of [
    ['an authority that nobody trusts', 'https://secure.test/', false],
    ['a certificate for another name', 'https://other.test/', true],
    ['a certificate for another address', `https://${ELSEWHERE}/`, true],
  ] as const)
    test(`fails with ${what}`, async () => {
      await prepare(trusted ? { ca: await authority() } : {}, ZONE);
      await assertFailed(await request({ url }), 'TLS_FAILED');
      assert.deepEqual((await seen()).requests, []);
    });

  test('is not even begun with a forbidden address', async () => {
    await prepare({ ca: await authority() }, ZONE);
    await assertBlocked(await request({ url: 'https://rebind.secure.test/' }), 'private');
  });

  test('fails where the other side does not speak TLS', async () => {
    await prepare({}, ZONE);
    await assertFailed(await request({ url: 'https://secure.test:8080/' }), 'TLS_FAILED');
  });
});
