/** Addresses in place of names: every spelling that a URL parser takes, every range that is not public, in both families. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INSIDE_ADDRESS, INSIDE_ADDRESS_6, OUTSIDE_ADDRESS } from '../../support/network-namespace.ts';
import {
  assertAnswered,
  assertBlocked,
  assertFailed,
  prepare,
  PUBLIC,
  PUBLIC_6,
  request,
  seen,
  skip,
  useWorld,
} from './world.ts';

useWorld();

const SPELLINGS: readonly (readonly [host: string, rule: string])[] = [
  ['127.0.0.1', 'loopback'],
  ['127.1', 'loopback'],
  ['127.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['2130706433', 'loopback'],
  ['0x7f000001', 'loopback'],
  ['0X7F.0.0.1', 'loopback'],
  ['017700000001', 'loopback'],
  ['0177.0.0.1', 'loopback'],
  ['0177.0.0.0x1', 'loopback'],
  ['127.0x1', 'loopback'],
  ['00000177.0.0.1', 'loopback'],
  ['%31%32%37.0.0.1', 'loopback'],
  ['①②⑦.⓪.⓪.①', 'loopback'],
  ['１２７．０．０．１', 'loopback'],
  ['127。0。0。1', 'loopback'],
  ['127.0.0.1.', 'loopback'],
  ['0', 'unspecified'],
  ['0.0.0.0', 'unspecified'],
  ['0x0', 'unspecified'],
  ['[::]', 'unspecified'],
  ['[0:0:0:0:0:0:0:0]', 'unspecified'],
  ['[::1]', 'loopback'],
  ['[0000:0000:0000:0000:0000:0000:0000:0001]', 'loopback'],
  ['[::ffff:127.0.0.1]', 'ipv4-mapped'],
  ['[::ffff:7f00:1]', 'ipv4-mapped'],
  ['[0:0:0:0:0:ffff:10.0.0.1]', 'ipv4-mapped'],
  ['[::127.0.0.1]', 'ipv4-compatible'],
  ['[::7f00:1]', 'ipv4-compatible'],
  ['167772161', 'private'],
  ['0xa000001', 'private'],
  ['10.1', 'private'],
  ['2852039166', 'link-local'],
  ['0xA9FEA9FE', 'link-local'],
  ['169.254.43518', 'link-local'],
  ['0251.0376.0251.0376', 'link-local'],
  ['[::ffff:a9fe:a9fe]', 'ipv4-mapped'],
  ['[0:0:0:0:0:0:a9fe:a9fe]', 'ipv4-compatible'],
];

const RANGES: readonly (readonly [host: string, rule: string])[] = [
  ['0.1.2.3', 'unspecified'],
  ['10.0.0.1', 'private'],
  ['10.255.255.255', 'private'],
  ['100.64.0.1', 'carrier-grade-nat'],
  ['100.127.255.255', 'carrier-grade-nat'],
  ['169.254.169.254', 'link-local'],
  ['169.254.170.2', 'link-local'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.1', 'reserved'],
  ['192.0.0.192', 'reserved'],
  ['192.0.2.1', 'documentation'],
  ['192.31.196.1', 'reserved'],
  ['192.52.193.1', 'reserved'],
  ['192.88.99.1', '6to4'],
  ['192.168.0.1', 'private'],
  ['192.168.255.255', 'private'],
  ['192.175.48.1', 'reserved'],
  ['198.18.0.1', 'benchmarking'],
  ['198.19.255.255', 'benchmarking'],
  ['198.51.100.1', 'documentation'],
  ['203.0.113.1', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['[64:ff9b::7f00:1]', 'nat64'],
  ['[64:ff9b::a9fe:a9fe]', 'nat64'],
  ['[64:ff9b:1::a00:1]', 'nat64'],
  ['[64:ff9b:1:ffff::1]', 'nat64'],
  ['[::ffff:0:a00:1]', 'ipv4-translated'],
  ['[100::1]', 'discard'],
  ['[2001::1]', 'teredo'],
  ['[2001:0:a00:1::ffff]', 'teredo'],
  ['[2001:2::1]', 'benchmarking'],
  ['[2001:10::1]', 'reserved'],
  ['[2001:20::1]', 'reserved'],
  ['[2001:db8::1]', 'documentation'],
  ['[2002:7f00:1::1]', '6to4'],
  ['[2002:a9fe:a9fe::1]', '6to4'],
  ['[2606:2800:220:0:0:5efe:10.0.0.1]', 'isatap'],
  ['[2606:2800:220:0:200:5efe:10.0.0.1]', 'isatap'],
  ['[3fff::1]', 'documentation'],
  ['[4000::1]', 'reserved'],
  ['[5f00::1]', 'reserved'],
  ['[8000::1]', 'reserved'],
  ['[fc00::1]', 'private'],
  ['[fd00:ec2::254]', 'private'],
  ['[fdff:ffff::1]', 'private'],
  ['[fe80::1]', 'link-local'],
  ['[febf::1]', 'link-local'],
  ['[fec0::1]', 'site-local'],
  ['[feff::1]', 'site-local'],
  ['[ff02::1]', 'multicast'],
  ['[ff0e::1]', 'multicast'],
  [INSIDE_ADDRESS, 'own-address'],
  [`[${INSIDE_ADDRESS_6}]`, 'own-address'],
  [`[::ffff:${INSIDE_ADDRESS}]`, 'ipv4-mapped'],
];

/** What the URL parser reads otherwise than a human, or not at all. */
const TRICKS: readonly (readonly [url: string, code: string])[] = [
  ['http://[fe80::1%25eth0]/', 'BAD_REQUEST'],
  ['http://[fe80::1%eth0]/', 'BAD_REQUEST'],
  ['http://[::1%25lo]/', 'BAD_REQUEST'],
  ['http://[127.0.0.1]/', 'BAD_REQUEST'],
  ['http://256.0.0.1/', 'BAD_REQUEST'],
  ['http://4294967296/', 'BAD_REQUEST'],
  ['http://1.2.3.4.5/', 'BAD_REQUEST'],
  ['http://127.0.0.1:65536/', 'BAD_REQUEST'],
  [`http://${PUBLIC}@127.0.0.1/`, 'BAD_REQUEST'],
  [`http://${PUBLIC}:80@127.0.0.1:80/`, 'BAD_REQUEST'],
  [`http://:@127.0.0.1/`, 'EGRESS_BLOCKED'],
  [`http://@127.0.0.1/`, 'EGRESS_BLOCKED'],
  [`http://127.0.0.1\\@${PUBLIC}/`, 'EGRESS_BLOCKED'],
  [`http:\\\\127.0.0.1\\`, 'EGRESS_BLOCKED'],
  [`http:127.0.0.1`, 'EGRESS_BLOCKED'],
  [`http:////127.0.0.1/`, 'EGRESS_BLOCKED'],
  [`http://127.0.0.1#@${PUBLIC}/`, 'EGRESS_BLOCKED'],
  [`http://127.0.0.1?@${PUBLIC}/`, 'EGRESS_BLOCKED'],
  [`ht\ntp://127.0.\t0.1/`, 'EGRESS_BLOCKED'],
  ['  http://127.0.0.1/  ', 'EGRESS_BLOCKED'],
  ['http://127.0.0.1\u0000.example.com/', 'BAD_REQUEST'],
  ['http://127.0.0.1%00.example.com/', 'BAD_REQUEST'],
  ['http://127.0.0.1 .example.com/', 'BAD_REQUEST'],
  ['http://./', 'BAD_REQUEST'],
  ['http://../', 'BAD_REQUEST'],
  ['//127.0.0.1/', 'BAD_REQUEST'],
  ['/etc/passwd', 'BAD_REQUEST'],
  ['', 'BAD_REQUEST'],
];

const SCHEMES = [
  'file:///etc/passwd',
  'ftp://10.0.0.1/',
  'gopher://10.0.0.1:6379/_x',
  'data:,x',
  'unix:/run/docker.sock',
  'blob:http://127.0.0.1/x',
  'javascript:1',
  'ws://127.0.0.1/',
  'http+unix://%2Frun%2Fdocker.sock/',
  'dict://127.0.0.1:11211/',
];

const PORTS = [0, 1, 22, 25, 53, 110, 143, 587, 6000, 6667, 10080];

describe('an address in place of a name', { skip }, () => {
  for (const [host, rule] of [...SPELLINGS, ...RANGES])
    test(`http://${host}/ is refused: ${rule}`, async () => {
      await prepare();
      await assertBlocked(await request({ url: `http://${host}/` }), rule);
    });

  for (const host of [PUBLIC, `[${PUBLIC_6}]`, '0x5db8d80a', '93.184.55306', '1572395018'])
    test(`http://${host}/ is public, and answers`, async () => {
      await prepare();
      assertAnswered(await request({ url: `http://${host}/` }));
    });
});

describe('a URL that reads otherwise than it seems', { skip }, () => {
  for (const [url, code] of TRICKS)
    test(`${JSON.stringify(url)} ends in ${code}`, async () => {
      await prepare();
      await assertFailed(await request({ url }), code);
    });
});

describe('what is not the web', { skip }, () => {
  for (const url of SCHEMES)
    test(`${url} is refused for its scheme`, async () => {
      await prepare();
      await assertBlocked(await request({ url }), 'scheme');
    });

  for (const port of PORTS)
    test(`port ${port} is refused, on a public address too`, async () => {
      await prepare();
      await assertBlocked(await request({ url: `http://${PUBLIC}:${port}/` }), 'port');
    });
});

describe('the operator’s list of private destinations', { skip }, () => {
  test('opens the pair of host and port that it names', async () => {
    await prepare({ allowPrivate: ['10.0.0.1:8080'] });
    assertAnswered(await request({ url: 'http://10.0.0.1:8080/' }));
    // And this is how a canary would tell.
    assert.deepEqual((await seen()).canaries, ['10.0.0.1:8080']);
  });

  for (const url of [
    'http://10.0.0.1/',
    'http://10.0.0.2:8080/',
    'https://10.0.0.1:8443/',
    'http://[::ffff:10.0.0.1]:8080/',
    `http://${OUTSIDE_ADDRESS.replace(/2$/, '1')}/`,
  ])
    test(`does not open ${url}`, async () => {
      await prepare({ allowPrivate: ['10.0.0.1:8080'] });
      await assertFailed(await request({ url }), 'EGRESS_BLOCKED');
    });
});
