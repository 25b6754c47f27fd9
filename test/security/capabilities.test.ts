/** Attacks on `ctx`: hostile queries on both databases, other tenants' data, forged calls, mail that would be another. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createPostgresDatabase } from '../../src/capabilities/db/postgres-database.ts';
import type { PostgresDatabase } from '../../src/capabilities/db/postgres-database.ts';
import { rpcCapability } from '../../src/capabilities/rpc-capability.ts';
import { ANONYMOUS } from '../../src/core/principal.ts';
import { RpcError } from '../../src/core/rpc.ts';
import { makeCall } from '../support/calls.ts';
import { startServices } from '../support/memory-services.ts';
import type { TestServices } from '../support/memory-services.ts';
import { NO_POSTGRES } from '../support/postgres.ts';
import { ROLES, startUserDatabase } from '../support/user-database.ts';
import { callerOf, HOSTILE, MALLORY, randomOf } from './capability-attacks.ts';

// Before any test is known, so that none begins while this one waits.
const database = await startUserDatabase();

const { signal } = new AbortController();
const SECRET = 'top secret';

/** Each is refused with one of these, or finds nothing; INTERNAL would be an error of ours. */
const REFUSALS: ReadonlySet<string> = new Set(['BAD_REQUEST', 'FORBIDDEN', 'NOT_FOUND', 'NOT_GRANTED']);

function testHostile(
  name: string,
  rpcOf: () => TestServices,
  seen: () => Promise<string>,
  only?: { skip: string },
): void {
  describe(`hostile ctx.db queries on ${name}`, only ?? {}, () => {
    for (const [what, [method, params]] of Object.entries(HOSTILE))
      test(what, async () => {
        const untouched = await seen();
        for (const principal of [ANONYMOUS, MALLORY]) {
          const outcome = await rpcOf()
            .rpc.dispatch(callerOf(principal), { method, params }, signal)
            .catch((error: unknown) => error);
          if (outcome instanceof RpcError) assert.ok(REFUSALS.has(outcome.code), `${outcome.code}: ${outcome.message}`);
          else
            assert.ok(
              outcome === null || outcome === false || (Array.isArray(outcome) && outcome.length === 0),
              JSON.stringify(outcome),
            );
          assert.doesNotMatch(String(outcome), new RegExp(SECRET));
        }
        assert.equal(await seen(), untouched);
        assert.deepEqual(rpcOf().reported, []);
      });
  });
}

let embedded: TestServices;
before(async () => {
  embedded = await startServices({ senders: ['robot@example.com'] });
  const { items } = embedded.storage;
  const at = Date.now();
  const anything = { read: 'public', create: 'authenticated', update: 'authenticated', delete: 'none' };
  await items.putCollection({ tenant: 'fuzzed', slug: 'posts', permissions: anything }, 10, at);
  for (const tenant of ['acme', 'rival']) {
    const posts = { read: 'public', create: 'owner', update: 'owner', delete: 'owner' };
    await items.putCollection({ tenant, slug: 'posts', permissions: posts }, 10, at);
    const closed = { read: 'none', create: 'none', update: 'none', delete: 'none' };
    await items.putCollection({ tenant, slug: 'secrets', permissions: closed }, 10, at);
    const item = { tenant, owner: 'ann', createdMs: at, updatedMs: at };
    const id = tenant === 'acme' ? '00000000-0000-4000-8000-000000000001' : '00000000-0000-4000-8000-000000000002';
    const quota = { entries: 10, bytes: 10_000 };
    await items.insert({ ...item, slug: 'posts', id, data: { title: `of ${tenant}` } }, quota);
    await items.insert({ ...item, slug: 'secrets', id: `${id}s`, data: { value: SECRET } }, quota);
  }
});
after(() => embedded.close());

const everything = async (): Promise<string> => {
  const query = { filter: { kind: 'all', filters: [] }, sort: [], fields: null, limit: 100, offset: 0 } as const;
  const found = await Promise.all(
    ['acme', 'rival'].flatMap((tenant) =>
      ['posts', 'secrets'].map((slug) => embedded.storage.items.select({ tenant, slug, owner: null }, query, 1e6)),
    ),
  );
  return JSON.stringify(found);
};

testHostile('the embedded database', () => embedded, everything);

let backend: PostgresDatabase;
let external: TestServices;
if (database !== null) {
  before(async () => {
    await database.query(
      `insert into posts (id, owner, title) values ('00000000-0000-4000-8000-000000000001', 'ann', 'of acme'); update secrets set value = '${SECRET}'`,
    );
    const report = (error: unknown): void => assert.fail(String(error));
    backend = createPostgresDatabase({
      url: database.url,
      schema: 'public',
      roles: ROLES,
      statementTimeoutMs: 5_000,
      report,
    });
    external = await startServices({ database: backend });
  });
  after(async () => {
    await backend.close();
    await external.close();
    await database.stop();
  });
}
testHostile(
  'a PostgreSQL of the user’s',
  () => external,
  async () => JSON.stringify([await database!.query('table posts'), await database!.query('table secrets')]),
  database === null ? { skip: NO_POSTGRES } : undefined,
);

describe('the tenants apart', () => {
  const kv = (tenant: string, method: string, params: object): Promise<unknown> =>
    embedded.rpc.dispatch(callerOf(MALLORY, { tenant }), { method: `kv.${method}`, params }, signal);

  test('keys of one are not there for another, by any name', async () => {
    await kv('rival', 'set', { key: 'secret', value: SECRET });
    for (const key of ['secret', 'rival/secret', '../rival/secret', 'rival\u0001secret', '%', 'rival:secret'])
      assert.equal(await kv('acme', 'get', { key }), null, key);
    for (const prefix of ['', 's', 'rival', '%'])
      assert.deepEqual(((await kv('acme', 'list', { prefix })) as { keys: unknown[] }).keys, [], prefix);
    assert.equal(await kv('acme', 'delete', { key: 'secret' }), false);
    assert.equal(((await kv('rival', 'get', { key: 'secret' })) as { value: string }).value, SECRET);
  });

  test('an item of another tenant is not found by its id', async () => {
    const dispatch = (method: string, data?: object): Promise<unknown> =>
      embedded.rpc.dispatch(
        callerOf({ ...MALLORY, role: 'service_role' }),
        {
          method,
          params: {
            slug: 'posts',
            id: '00000000-0000-4000-8000-000000000002',
            ...(data === undefined ? {} : { data }),
          },
        },
        signal,
      );
    assert.equal(await dispatch('db.one'), null);
    assert.equal(await dispatch('db.update', { title: 'x' }), null);
    assert.equal(await dispatch('db.delete'), false);
  });

  test('a principal of another tenant is nobody, whatever its role', async () => {
    for (const role of ['user', 'admin', 'service_role', 'system'] as const)
      await assert.rejects(
        embedded.rpc.dispatch(
          callerOf({ ...MALLORY, role, tenant: 'rival' }),
          { method: 'db.list', params: { slug: 'secrets' } },
          signal,
        ),
        (error) => error instanceof RpcError && error.code === 'FORBIDDEN',
        role,
      );
  });

  test('a full quota of one is none of another', async () => {
    const value = 'x'.repeat(60_000);
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 30; i++) await kv('greedy', 'set', { key: `k${i}`, value });
    };
    await assert.rejects(fill, (error) => error instanceof RpcError && error.code === 'QUOTA_EXCEEDED');
    await kv('acme', 'set', { key: 'small', value });
    await kv('acme', 'delete', { key: 'small' });
  });
});

describe('calls that no honest guest makes', () => {
  const NAMES = [
    '__proto__',
    'constructor',
    'prototype',
    'kv',
    'kv.',
    '.',
    '',
    'kv.__proto__',
    'kv.constructor',
    'db.list.run',
  ];
  NAMES.push('toString', 'hasOwnProperty', 'kv.get\0', 'KV.GET', 'internal.kv', 'vm.run.call', 'secrets.get', 'fetch');

  test('a forged method is none', async () => {
    for (const method of NAMES)
      await assert.rejects(
        embedded.rpc.dispatch(callerOf(ANONYMOUS), { method, params: {} }, signal),
        (error) => error instanceof RpcError && error.code === 'BAD_REQUEST',
        method,
      );
  });

  test('without a grant nothing is done, whatever the params', async () => {
    const methods = [
      'kv.get',
      'kv.set',
      'kv.delete',
      'kv.list',
      'db.list',
      'db.one',
      'db.create',
      'db.update',
      'db.delete',
    ];
    for (const method of [...methods, 'email.send', 'publish.event', 'vm.run'])
      for (const params of [null, {}, { capabilities: ['kv', 'db', 'db:write', 'email', 'publish', 'vm'] }])
        await assert.rejects(
          embedded.rpc.dispatch(callerOf(ANONYMOUS, { capabilities: [] }), { method, params }, signal),
          (error) => error instanceof RpcError && error.code === 'NOT_GRANTED',
          method,
        );
  });

  test('whatever JSON is sent, it is answered or refused, and never an error of ours', async () => {
    const random = randomOf(7);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const WORDS = [
      'posts',
      'key',
      'value',
      'slug',
      'query',
      'filter',
      'id',
      'data',
      'sort',
      '_and',
      '_in',
      '_eq',
      'title',
    ];
    const ODD = ['', '\0', '\ud800', '__proto__', '$now(', '-', "'", '%', '-1', '9'.repeat(400), 'é'.repeat(300)];
    const valueOf = (depth: number): unknown => {
      const kind = Math.floor(random() * (depth > 4 ? 5 : 8));
      if (kind < 2) return pick(WORDS);
      if (kind === 2) return pick(ODD);
      if (kind === 3) return pick([0, -1, 1.5, 1e308, -1e15, 2 ** 53, 7]);
      if (kind === 4) return pick([null, true, false]);
      if (kind === 5) return Array.from({ length: Math.floor(random() * 4) }, () => valueOf(depth + 1));
      const names = Array.from({ length: Math.floor(random() * 4) }, () => pick([...WORDS, ...ODD]));
      return JSON.parse(
        `{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(valueOf(depth + 1))}`).join()}}`,
      );
    };
    const FIELDS: Readonly<Record<string, readonly string[]>> = {
      'kv.get': ['key'],
      'kv.set': ['key', 'value', 'ttlSeconds', 'ifRevision'],
      'kv.list': ['prefix', 'cursor', 'limit'],
      'db.list': ['slug', 'query'],
      'db.one': ['slug', 'id'],
      'db.create': ['slug', 'data'],
      'db.update': ['slug', 'id', 'data'],
      'email.send': ['to', 'subject', 'text', 'from'],
      'publish.event': ['channel', 'data', 'key', 'delayMs', 'id'],
    };
    for (const services of [embedded, ...(database === null ? [] : [external])])
      for (let i = 0; i < 1_500; i++) {
        const method = pick(Object.keys(FIELDS));
        const params = Object.fromEntries(FIELDS[method]!.map((field) => [field, valueOf(0)]));
        if (random() < 0.7 && method.startsWith('db.')) params['slug'] = 'posts';
        const outcome: unknown = await services.rpc
          .dispatch(
            callerOf({ ...MALLORY, tenant: 'fuzzed' }, { tenant: 'fuzzed' }),
            { method, params: random() < 0.05 ? valueOf(0) : params },
            signal,
          )
          .catch((error: unknown) => error);
        const code = outcome instanceof RpcError ? outcome.code : 'OK';
        assert.ok(
          !['INTERNAL', 'UNAVAILABLE'].includes(code),
          `${method} ${JSON.stringify(params)}: ${String(outcome)}`,
        );
      }
    assert.deepEqual(embedded.reported, []);
  });

  test('a call after the end is cancelled before it begins', async () => {
    await assert.rejects(
      embedded.rpc.dispatch(
        callerOf(ANONYMOUS),
        { method: 'kv.set', params: { key: 'late', value: 1 } },
        AbortSignal.abort(),
      ),
      (error) => error instanceof RpcError && error.code === 'CANCELLED',
    );
    const capability = rpcCapability(embedded.rpc);
    const heard: string[] = [];
    const exchange = capability.start(
      callerOf(ANONYMOUS),
      { kind: 'rpc', meta: { method: 'kv.set' }, hasBody: true },
      {
        head: () => void heard.push('head'),
        data: () => true,
        end: () => void heard.push('end'),
        fail: () => void heard.push('fail'),
      },
    );
    exchange.cancel();
    exchange.write(Buffer.from('{"key":"late","value":1}'), () => undefined);
    exchange.endBody();
    exchange.resume();
    const found = await embedded.rpc.dispatch(
      callerOf(ANONYMOUS),
      { method: 'kv.get', params: { key: 'late' } },
      signal,
    );
    assert.deepEqual([found, heard], [null, []]);
  });

  test('headers of a request say nothing of how many events lie behind it', async () => {
    const publish = async (cause: 'http' | 'event', headers: readonly string[]): Promise<number | undefined> => {
      const caller = { ...callerOf(ANONYMOUS), call: makeCall({ cause, headers }) };
      await embedded.rpc.dispatch(caller, { method: 'publish.event', params: { channel: 'a' } }, signal);
      return embedded.published.pop()?.hops;
    };
    assert.equal(await publish('http', ['cordon-event-hops', '0', 'Cordon-Event-Hops', '-5']), 0);
    assert.equal(await publish('event', ['cordon-event-hops', '7']), 8);
    // What the host did not write, and could not have, counts as the most there is.
    for (const forged of ['-5', '1e9', 'x', '', '0.5'])
      assert.ok((await publish('event', ['cordon-event-hops', forged]))! >= 1);
    await assert.rejects(
      embedded.rpc.dispatch(
        callerOf(ANONYMOUS),
        { method: 'publish.event', params: { channel: 'a', hops: 0 } },
        signal,
      ),
      (error) => error instanceof RpcError && error.code === 'BAD_REQUEST',
    );
  });
});

describe('mail that would be another', () => {
  const send = (mail: object): Promise<unknown> =>
    embedded.rpc.dispatch(callerOf(ANONYMOUS), { method: 'email.send', params: mail }, signal);
  const MAIL = { to: 'ann@example.com', subject: 'x', text: 'x' };

  test('no field carries a line end into a header', async () => {
    const inject = 'x\r\nBcc: eve@example.com';
    for (const mail of [
      { subject: inject },
      { to: `ann@example.com\r\nBcc: eve@example.com` },
      { to: [`Ann\nBcc: eve@example.com <ann@example.com>`] },
      { from: `robot@example.com\r\nX-Evil: 1` },
      { replyTo: `r@example.com\nX-Evil: 1` },
      { cc: 'a@example.com, eve@example.com' },
      { headers: { 'X-Evil': '1' } },
      { attachments: [{ path: '/etc/passwd' }] },
      { text: { path: '/etc/passwd' } },
      { html: { href: 'http://169.254.169.254/' } },
      { envelope: { from: 'ceo@example.com', to: 'eve@example.com' } },
      { raw: 'Bcc: eve@example.com' },
    ])
      await assert.rejects(
        send({ ...MAIL, ...mail }),
        (error) => error instanceof RpcError && error.code === 'BAD_REQUEST',
        JSON.stringify(mail),
      );
    assert.deepEqual(embedded.sink.list('acme'), []);
  });

  test('nobody is written in the name of who is not allowed', async () => {
    for (const from of [
      'ceo@example.com',
      'robot@example.com.evil.example',
      '"robot@example.com" <ceo@example.com>',
      'robot@example.org',
    ])
      await assert.rejects(
        send({ ...MAIL, from }),
        (error) => error instanceof RpcError && ['FORBIDDEN', 'BAD_REQUEST'].includes(error.code),
        from,
      );
    assert.deepEqual(embedded.sink.list('acme'), []);
  });
});
