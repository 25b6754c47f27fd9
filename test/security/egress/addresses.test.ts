/** Addresses in place of names: every spelling that a URL parser takes, every range that is not public, in both families. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OUTSIDE_ADDRESS } from '../../support/network-namespace.ts';
import { RANGES, SPELLINGS } from './forbidden.ts';
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
