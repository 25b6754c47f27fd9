/** Redirects: each is a new decision, and what was meant for one origin does not reach another. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Setup } from './inside.ts';
import {
  assertAnswered,
  assertBlocked,
  assertFailed,
  ELSEWHERE,
  prepare,
  PUBLIC,
  request,
  seen,
  skip,
  useWorld,
} from './world.ts';
import type { Zone } from './world.ts';

useWorld();

const STATUSES = [301, 302, 303, 307, 308];

const FORBIDDEN: readonly (readonly [to: string, rule: string])[] = [
  ['http://127.0.0.1/', 'loopback'],
  ['http://2130706433/', 'loopback'],
  ['http://[::1]/', 'loopback'],
  ['http://[::ffff:10.0.0.1]/', 'ipv4-mapped'],
  ['http://localhost/', 'loopback'],
  ['http://169.254.169.254/latest/meta-data/', 'link-local'],
  ['http://inner.test/', 'private'],
  ['//10.0.0.1/', 'private'],
  ['\\\\10.0.0.1\\', 'private'],
  ['https://10.0.0.1:8443/', 'private'],
  [`http://${PUBLIC}:25/`, 'port'],
  [`http://${PUBLIC}:6000/`, 'port'],
  ['file:///etc/passwd', 'scheme'],
  ['FILE:///etc/passwd', 'scheme'],
  ['ftp://10.0.0.1/', 'scheme'],
  ['data:text/plain,x', 'scheme'],
  ['gopher://127.0.0.1:6379/_x', 'scheme'],
];

const ZONE: Zone = {
  'inner.test': [{ a: ['10.0.0.1'] }],
  'www.test': [{ a: [PUBLIC] }],
  'cdn.test': [{ a: [ELSEWHERE] }],
};

const redirecting = (to: string, status = 302): string =>
  `http://${PUBLIC}/redirect?status=${status}&to=${encodeURIComponent(to)}`;

async function headersAt(address: string): Promise<Record<string, string>> {
  const { headers } = (await seen()).requests.findLast((each) => each.address === address) ?? { headers: [] };
  return Object.fromEntries(
    headers.flatMap((name, index) => (index % 2 === 0 ? [[name.toLowerCase(), headers[index + 1] ?? '']] : [])),
  );
}

describe('a redirect', { skip }, () => {
  for (const [to, rule] of FORBIDDEN)
    test(`to ${to} is refused: ${rule}`, async () => {
      await prepare({}, ZONE);
      await assertBlocked(await request({ url: redirecting(to) }), rule);
    });

  for (const status of STATUSES)
    test(`of status ${status} to a private address is refused, with a body too`, async () => {
      await prepare({}, ZONE);
      await assertBlocked(await request({ url: redirecting('http://10.0.0.1/', status) }), 'private');
      await assertBlocked(
        await request({ url: redirecting('http://10.0.0.1/', status), method: 'POST', body: 'x' }),
        'private',
      );
    });

  test('after another redirect is judged as the first is', async () => {
    await prepare({}, ZONE);
    await assertBlocked(await request({ url: redirecting(redirecting(redirecting('http://10.0.0.1/'))) }), 'private');
  });

  for (const [what, setup, to] of [
    ['a host that is not allowed', { allow: [PUBLIC] }, 'http://www.test/'],
    ['another port of an allowed host', { allow: [PUBLIC] }, `http://${PUBLIC}:8080/`],
    ['another scheme of an allowed host', { allow: [`http://${PUBLIC}`] }, `https://${PUBLIC}/`],
    ['a host beyond the operator’s bound', { allow: ['*'], ceiling: [PUBLIC] }, 'http://www.test/'],
  ] as const satisfies readonly (readonly [string, Setup, string])[])
    test(`to ${what} is refused`, async () => {
      await prepare(setup, ZONE);
      await assertBlocked(await request({ url: redirecting(to) }), 'allow-list');
    });

  test('to a URL with credentials is not followed', async () => {
    await prepare({}, ZONE);
    await assertFailed(await request({ url: redirecting(`http://user:word@${ELSEWHERE}/`) }), 'BAD_REQUEST');
  });

  for (const to of ['http://[::1/', 'http://999.1.1.1/', 'http://'])
    test(`to ${to} ends as what is no URL`, async () => {
      await prepare({}, ZONE);
      await assertFailed(await request({ url: redirecting(to) }), 'BAD_RESPONSE');
    });

  test('in a circle ends after twenty', async () => {
    await prepare({}, ZONE);
    await assertFailed(await request({ url: `http://${PUBLIC}/circle` }), 'TOO_MANY_REDIRECTS');
    assert.equal((await seen()).requests.length, 21);
  });

  test('may be given to the function, or be an error, unfollowed', async () => {
    await prepare({}, ZONE);
    const manual = await request({ url: redirecting('http://10.0.0.1/'), redirect: 'manual' });
    assert.equal(manual.head?.status, 302);
    assert.equal(manual.refusals.length, 0);
    await assertFailed(
      await request({ url: redirecting('http://10.0.0.1/'), redirect: 'error' }),
      'UNEXPECTED_REDIRECT',
    );
  });
});

describe('credentials', { skip }, () => {
  const HEADERS = ['Authorization', 'Bearer token', 'Cookie', 'a=b', 'Proxy-Authorization', 'Basic x', 'X-Kept', 'yes'];

  for (const [what, url, to, at] of [
    ['another host', redirecting('http://www.test:8080/'), 'http://www.test:8080/', PUBLIC],
    ['another port', redirecting(`http://${PUBLIC}:8080/`), '', PUBLIC],
    ['another address', redirecting(`http://${ELSEWHERE}/`), '', ELSEWHERE],
    ['another host and back', redirecting(`http://www.test/redirect?to=http://${PUBLIC}/back`), '', PUBLIC],
  ] as const)
    test(`do not follow a redirect to ${what}`, async () => {
      await prepare({}, ZONE);
      assertAnswered(await request({ url, headers: HEADERS }));
      const headers = await headersAt(at);
      assert.equal(headers['x-kept'], 'yes', to);
      for (const name of ['authorization', 'cookie', 'proxy-authorization'])
        assert.equal(headers[name], undefined, name);
    });

  test('follow a redirect within their origin', async () => {
    await prepare({}, ZONE);
    assertAnswered(await request({ url: redirecting('/there'), headers: HEADERS }));
    const headers = await headersAt(PUBLIC);
    assert.equal(headers['authorization'], 'Bearer token');
    assert.equal(headers['proxy-authorization'], undefined);
  });
});

describe('a redirected method', { skip }, () => {
  for (const [status, method, becomes, body] of [
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [303, 'HEAD', 'HEAD', ''],
    [301, 'PUT', 'PUT', 'body'],
    [307, 'POST', 'POST', 'body'],
    [308, 'PATCH', 'PATCH', 'body'],
  ] as const)
    test(`${method} becomes ${becomes} with ${status}`, async () => {
      await prepare({}, ZONE);
      const headers = ['content-type', 'text/plain'];
      const sent = method === 'HEAD' ? null : 'body';
      assertAnswered(await request({ url: redirecting(`http://${ELSEWHERE}/`, status), method, headers, body: sent }));
      const last = (await seen()).requests.at(-1);
      assert.deepEqual([last?.address, last?.method, last?.body], [ELSEWHERE, becomes, body]);
      assert.equal(
        (await headersAt(ELSEWHERE))['content-type'],
        body === '' && method !== 'HEAD' ? undefined : 'text/plain',
      );
    });
});
