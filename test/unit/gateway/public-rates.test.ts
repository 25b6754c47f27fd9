import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { RateLimits } from '../../../src/core/rate-limit.ts';
import { rationed } from '../../../src/gateway/public-rates.ts';
import { createRateLimits } from '../../../src/gateway/rate-limits.ts';

interface Served {
  readonly url: string;
  readonly bodies: string[];
  readonly reported: unknown[];
}

async function start(t: TestContext, limits: RateLimits): Promise<Served> {
  const bodies: string[] = [];
  const reported: unknown[] = [];
  const rates = {
    limits,
    perAddress: { limit: 2, windowSeconds: 60 },
    addressOf: ({ headers }: { readonly headers: NodeJS.Dict<string | string[]> }) => String(headers['x-from']),
    report: (error: unknown) => void reported.push(error),
  };
  const handle = rationed(rates, 'hooks', (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.end('taken');
    });
  });
  const server = createServer(handle);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, reported };
}

const send = (url: string, from: string): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'x-from': from }, body: 'a body' });

test('a client may send so many, whole, and others as many', async (t) => {
  const { url, bodies } = await start(t, await createRateLimits(null));
  const statuses: number[] = [];
  for (const from of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2'])
    statuses.push((await send(url, from)).status);
  assert.deepEqual(statuses, [200, 200, 429, 200]);
  assert.deepEqual(bodies, ['a body', 'a body', 'a body']);
});

test('who is refused is told when to come again', async (t) => {
  const { url } = await start(t, await createRateLimits(null));
  for (let i = 0; i < 2; i++) await (await send(url, '2001:db8::1')).text();
  const refused = await send(url, '2001:db8::2');
  assert.equal(refused.headers.get('cordon-fault'), 'THROTTLED');
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.equal(refused.headers.get('ratelimit-limit'), '2');
});

test('an error of ours is told to the operator alone', async (t) => {
  const { url, bodies, reported } = await start(t, {
    take: () => Promise.reject(new Error('the password of the database')),
  });
  const answer = await send(url, '192.0.2.1');
  assert.equal(answer.status, 500);
  assert.doesNotMatch(await answer.text(), /password/);
  assert.deepEqual([bodies.length, reported.length], [0, 1]);
});
