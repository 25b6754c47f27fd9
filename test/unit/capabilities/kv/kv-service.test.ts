/** `ctx.kv` on the host: what is read of a call, and whose keys are meant. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Fault } from '../../../../src/core/faults.ts';
import { RpcError } from '../../../../src/core/rpc.ts';
import { makeCall, makeVersion } from '../../../support/calls.ts';
import { startServices } from '../../../support/memory-services.ts';
import type { TestServices } from '../../../support/memory-services.ts';

let services: TestServices;
let now = 1_800_000_000_000;
before(async () => {
  services = await startServices({ nowMs: () => now });
});
after(() => services.close());

const { signal } = new AbortController();
const kv = (method: string, params: unknown, tenant = 'acme'): Promise<unknown> =>
  services.rpc.dispatch(
    { version: makeVersion('f', { tenant }), call: makeCall() },
    { method: `kv.${method}`, params },
    signal,
  );

test('a value comes back with its revision and its end', async () => {
  const revision = await kv('set', { key: 'a', value: { n: 1 }, ttlSeconds: 60 });
  const expiresAt = new Date(now + 60_000).toISOString();
  assert.deepEqual(await kv('get', { key: 'a' }), { value: { n: 1 }, revision, expiresAt });
  now += 60_000;
  assert.equal(await kv('get', { key: 'a' }), null);
});

test('every kind of JSON is a value, null among them', async () => {
  for (const value of [null, false, 0, '', [], {}, 'a\0\ud800', JSON.parse('{"__proto__":1}') as unknown]) {
    await kv('set', { key: 'v', value });
    assert.deepEqual(((await kv('get', { key: 'v' })) as { value: unknown }).value, value);
  }
});

test('pages end where there is nothing more', async () => {
  for (let i = 0; i < 4; i++) await kv('set', { key: `p${i}`, value: i });
  const first = (await kv('list', { prefix: 'p', limit: 2 })) as { keys: { key: string }[]; cursor: string };
  const second = (await kv('list', { prefix: 'p', limit: 2, cursor: first.cursor })) as typeof first;
  assert.deepEqual([first.cursor, second.cursor, second.keys.map(({ key }) => key)], ['p1', null, ['p2', 'p3']]);
});

test('a cursor and a prefix of another tenant find nothing of it', async () => {
  await kv('set', { key: 'theirs', value: 1 }, 'rival');
  assert.deepEqual(await kv('list', { prefix: 'theirs' }), { keys: [], cursor: null });
  assert.equal(await kv('get', { key: 'theirs' }), null);
  assert.equal(await kv('delete', { key: 'theirs' }), false);
  assert.deepEqual(await kv('list', { prefix: '', cursor: 'theirr', limit: 1 }), {
    keys: [{ key: 'v', revision: ((await kv('get', { key: 'v' })) as { revision: number }).revision, expiresAt: null }],
    cursor: null,
  });
});

test('what a guest says of its tenant is no field of a call', async () => {
  for (const params of [
    { key: 'a', tenant: 'rival' },
    { key: 'a', '': 1 },
    JSON.parse('{"key":"a","__proto__":{}}'),
    null,
    [],
    'a',
    1,
  ])
    await assert.rejects(kv('get', params), (error) => error instanceof RpcError && error.code === 'BAD_REQUEST');
});

test('keys, times and revisions are checked', async () => {
  const bad: readonly (readonly [string, object])[] = [
    ['get', { key: '' }],
    ['get', { key: 1 }],
    ['get', { key: null }],
    ['get', {}],
    ['get', { key: 'é'.repeat(257) }],
    ['get', { key: 'a\0' }],
    ['get', { key: '\ud800' }],
    ['set', { key: 'a' }],
    ['set', { key: 'a', value: 'x'.repeat(65_536) }],
    ...[0, -1, NaN, '60', 1e12, {}].map((ttlSeconds) => ['set', { key: 'a', value: 1, ttlSeconds }] as const),
    ...[-1, 1.5, '1', {}, 2 ** 60].map((ifRevision) => ['set', { key: 'a', value: 1, ifRevision }] as const),
    ...[0, 1001, '5', 1.5].map((limit) => ['list', { limit }] as const),
    ['list', { cursor: 1 }],
    ['list', { prefix: 'x'.repeat(513) }],
  ];
  for (const [method, params] of bad)
    await assert.rejects(
      kv(method, params),
      (error) => error instanceof RpcError && error.code === 'BAD_REQUEST' && /expected/.test(error.message),
      JSON.stringify(params),
    );
  assert.ok(!services.reported.some((error) => !(error instanceof Fault)));
});

test('a quota is told as one', async () => {
  const value = 'x'.repeat(60_000);
  await assert.rejects(
    async () => {
      for (let i = 0; i < 20; i++) await kv('set', { key: `q${i}`, value });
    },
    (error) => error instanceof RpcError && error.code === 'QUOTA_EXCEEDED',
  );
});
