/** A user's own PostgreSQL, read and written as the caller: its row-level security decides. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createItems } from '../../../../src/capabilities/db/items.ts';
import { createPostgresDatabase } from '../../../../src/capabilities/db/postgres-database.ts';
import type { PostgresDatabase } from '../../../../src/capabilities/db/postgres-database.ts';
import type { NewEvent } from '../../../../src/core/event.ts';
import { Fault } from '../../../../src/core/faults.ts';
import type { FaultCode } from '../../../../src/core/faults.ts';
import type { Item, Items, Subject } from '../../../../src/core/items.ts';
import { ANONYMOUS, SYSTEM } from '../../../../src/core/principal.ts';
import type { Principal } from '../../../../src/core/principal.ts';
import { NO_POSTGRES } from '../../../support/postgres.ts';
import { ROLES, startUserDatabase } from '../../../support/user-database.ts';

const as = (principal: Principal): Subject => ({ tenant: 'acme', principal, hops: 0 });
const user = (id: string): Subject =>
  as({ ...ANONYMOUS, role: 'user', tenant: 'acme', id, claims: { sub: id, role: 'postgres', team: 'x' } });
const NOBODY = as(ANONYMOUS);
const ANN = user('ann');
const BOB = user('bob');
const THE_SYSTEM = as({ ...SYSTEM, tenant: 'acme' });

const refused =
  (code: FaultCode) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code;

const started = await startUserDatabase();

describe('ctx.db over a PostgreSQL of the user’s', started === null ? { skip: NO_POSTGRES } : {}, () => {
  const database = started!;
  let backend: PostgresDatabase;
  let items: Items;
  const published: NewEvent[] = [];
  const reported: unknown[] = [];
  const options = () => ({
    url: database.url,
    schema: 'public',
    roles: ROLES,
    statementTimeoutMs: 5_000,
    report: (error: unknown) => void reported.push(error),
  });
  before(() => {
    backend = createPostgresDatabase(options());
    items = createItems({
      databaseOf: () => backend,
      events: {
        async publish(event) {
          published.push(event);
          return { id: 'e', deliveries: 0, duplicate: false };
        },
      },
      report: (error) => void reported.push(error),
    });
  });
  beforeEach(async () => {
    await database.query(`truncate posts; insert into posts (id, owner, title, score, price, is_public, created_at) values
      ('00000000-0000-4000-8000-000000000001', 'ann', 'first', 1, 1.50, true, now() - interval '2 days'),
      ('00000000-0000-4000-8000-000000000002', 'ann', 'second', 2, 2.50, false, now()),
      ('00000000-0000-4000-8000-000000000003', 'bob', '100% third_', null, null, true, now())`);
    published.length = 0;
    reported.length = 0;
  });
  after(async () => {
    await backend?.close();
    await database.stop();
  });

  const titles = async (subject: Subject, query: object = {}): Promise<unknown[]> =>
    (await items.list(subject, 'posts', { sort: 'title', ...query })).map(({ title }) => title);

  test('each caller sees what the policies show it', async () => {
    assert.deepEqual(await titles(NOBODY), ['100% third_', 'first']);
    assert.deepEqual(await titles(ANN), ['100% third_', 'first', 'second']);
    assert.deepEqual(await titles(BOB), ['100% third_', 'first']);
    assert.deepEqual(await titles(THE_SYSTEM), ['100% third_', 'first', 'second']);
    assert.deepEqual(await titles({ ...ANN, tenant: 'rival' }), ['100% third_', 'first']);
  });

  test('the transaction has the role, the claims and no way to write', async () => {
    const whoami = async (subject: Subject): Promise<Item> => (await items.list(subject, 'whoami', {}))[0]!;
    const seen = await whoami(ANN);
    assert.deepEqual(
      [seen['role'], seen['read_only'], JSON.parse(String(seen['claims']))],
      ['authenticated', 'on', { sub: 'ann', role: 'authenticated', team: 'x' }],
    );
    assert.equal((await whoami(NOBODY))['role'], 'anon');
    assert.equal((await whoami(THE_SYSTEM))['role'], 'service_role');
    // Nothing of one is left for the next, on whichever connection.
    for (let i = 0; i < 20; i++) assert.equal((await whoami(NOBODY))['claims'], '{"role":"anon"}');
  });

  test('filters, order, fields and pages', async () => {
    const cases: readonly (readonly [object, readonly string[]])[] = [
      [{ title: 'first' }, ['first']],
      [{ title: { _neq: 'first' } }, ['100% third_', 'second']],
      [{ score: { _gt: 1 } }, ['second']],
      [{ score: { _gte: 1, _lt: 2 } }, ['first']],
      [{ score: { _in: [2, 1] } }, ['first', 'second']],
      [{ score: { _nin: [2] } }, ['first']],
      [{ score: { _in: [] } }, []],
      [{ title: { _contains: '%' } }, ['100% third_']],
      [{ title: { _contains: '_' } }, ['100% third_']],
      [{ score: null }, ['100% third_']],
      [{ score: { _null: false } }, ['first', 'second']],
      [{ is_public: false }, ['second']],
      [{ created_at: { _gt: '$now(-1 day)' } }, ['100% third_', 'second']],
      [{ _or: [{ title: 'first' }, { _and: [{ score: 2 }, { price: '2.50' }] }] }, ['first', 'second']],
      [{ _or: [] }, []],
      [{ id: '00000000-0000-4000-8000-000000000001' }, ['first']],
    ];
    for (const [filter, found] of cases) assert.deepEqual(await titles(ANN, { filter }), found, JSON.stringify(filter));
    const page = await items.list(NOBODY, 'numbers', { sort: '-id', fields: ['word'], limit: 2, offset: 1 });
    assert.deepEqual(page, [{ word: 'n299' }, { word: 'n298' }]);
    assert.equal((await items.list(NOBODY, 'numbers', {})).length, 100);
    assert.equal((await items.list(NOBODY, 'open_numbers', { limit: 1000 })).length, 300);
    assert.deepEqual(await items.list(NOBODY, 'numbers', { limit: 0 }), []);
  });

  test('one row by its key, of whichever type', async () => {
    assert.equal((await items.one(ANN, 'posts', '00000000-0000-4000-8000-000000000002'))?.['title'], 'second');
    assert.equal(await items.one(BOB, 'posts', '00000000-0000-4000-8000-000000000002'), null);
    assert.deepEqual(await items.one(NOBODY, 'numbers', 7), { id: 7, word: 'n7' });
    await assert.rejects(items.one(NOBODY, 'posts', 'not a uuid'), refused('BAD_REQUEST'));
    await assert.rejects(items.one(NOBODY, 'keyless', 1), refused('BAD_REQUEST'));
  });

  test('writes go by the policies too, and are told of once they are committed', async () => {
    const data = { title: 'new', tags: ['a', 'b,"c'], meta: { deep: [1, null] }, price: 12.25, score: 3 };
    const made = await items.create(ANN, 'posts', data);
    assert.deepEqual(
      [made['owner'], made['title'], made['tags'], made['meta'], made['price']],
      ['ann', 'new', ['a', 'b,"c'], { deep: [1, null] }, 12.25],
    );
    const id = made['id'] as string;
    assert.equal((await items.update(ANN, 'posts', id, { title: 'changed', score: null }))?.['title'], 'changed');
    assert.equal(await items.update(BOB, 'posts', id, { title: 'mine' }), null);
    assert.equal(await items.delete(BOB, 'posts', id), false);
    await assert.rejects(items.create(NOBODY, 'posts', { title: 'x' }), refused('FORBIDDEN'));
    await assert.rejects(items.create(ANN, 'posts', { title: 'x', owner: 'bob' }), refused('FORBIDDEN'));
    await assert.rejects(items.update(ANN, 'posts', id, { owner: 'bob' }), refused('FORBIDDEN'));
    assert.equal(await items.delete(ANN, 'posts', id), true);
    assert.deepEqual(
      published.map(({ tenant, channel, data: told }) => [tenant, channel, (told as Item)['id'] === id]),
      ['created', 'updated', 'deleted'].map((what) => ['acme', `items:posts:${what}`, true]),
    );
  });

  test('what the database refuses is told in words that say no more', async () => {
    const refusals: readonly (readonly [() => Promise<unknown>, FaultCode])[] = [
      [() => items.list(NOBODY, 'secrets', {}), 'FORBIDDEN'],
      [() => items.create(ANN, 'posts', { title: null }), 'BAD_REQUEST'],
      [() => items.create(ANN, 'posts', { title: 'x', score: 'many' }), 'BAD_REQUEST'],
      [() => items.create(ANN, 'numbers', { id: 1 }), 'CONFLICT'],
      [() => items.list(ANN, 'posts', { filter: { score: 'many' } }), 'BAD_REQUEST'],
      [() => items.list(ANN, 'posts', { filter: { score: { _contains: '1' } } }), 'BAD_REQUEST'],
      [() => items.list(ANN, 'posts', { filter: { tags: { _gt: 5 } } }), 'BAD_REQUEST'],
      [() => items.list(ANN, 'posts', { filter: { nothing: 1 } }), 'BAD_REQUEST'],
      [() => items.list(ANN, 'posts', { sort: 'nothing' }), 'BAD_REQUEST'],
      [() => items.list(ANN, 'posts', { fields: ['nothing'] }), 'BAD_REQUEST'],
      [() => items.create(ANN, 'posts', { nothing: 1 }), 'BAD_REQUEST'],
      [() => items.list(ANN, 'nothing', {}), 'NOT_FOUND'],
      [() => items.list(ANN, 'hidden', {}), 'NOT_FOUND'],
      [() => items.list(ANN, 'pg_authid', {}), 'NOT_FOUND'],
      [() => items.update(ANN, 'open_numbers', '1', { word: 'x' }), 'FORBIDDEN'],
    ];
    for (const [work, code] of refusals) await assert.rejects(work, refused(code), String(work));
    assert.deepEqual([published, reported], [[], []]);
  });

  test('more bytes than an answer may have are refused, and never read', async () => {
    await assert.rejects(items.list(NOBODY, 'large', {}), refused('BAD_REQUEST'));
    assert.equal((await items.list(NOBODY, 'large', { limit: 5 })).length, 5);
    assert.equal((await items.list(NOBODY, 'large', { fields: ['id'] })).length, 12);
  });

  test('a statement that takes too long is ended', async () => {
    const hasty = createPostgresDatabase({ ...options(), statementTimeoutMs: 300 });
    const slow = createItems({ databaseOf: () => hasty, events: null, report: () => undefined });
    await assert.rejects(slow.list(NOBODY, 'slow_view', {}), refused('OVERLOADED'));
    assert.equal((await slow.list(NOBODY, 'numbers', { limit: 1 })).length, 1);
    await hasty.close();
  });

  test('a change of the schema is noticed when a name is not there', async () => {
    await assert.rejects(items.list(ANN, 'later', {}), refused('NOT_FOUND'));
    await database.query('create table later (id int primary key); grant select on later to authenticated');
    const deadlineMs = performance.now() + 30_000;
    for (;;) {
      const found = await items.list(ANN, 'later', {}).catch((error: unknown) => error);
      if (Array.isArray(found)) break;
      assert.ok(refused('NOT_FOUND')(found) && performance.now() < deadlineMs, String(found));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  test('a role that can’t be taken, a schema of Cordon’s own and a server that is away are the operator’s to see', async () => {
    const cases = [
      { ...options(), roles: { ...ROLES, anonymous: 'postgres' } },
      { ...options(), roles: { ...ROLES, anonymous: 'nobody_at_all' } },
      { ...options(), url: 'postgres://authenticator@127.0.0.1:1/none' },
    ];
    await database.query(
      'create schema own; create table own.cordon_migration (id int); grant usage on schema own to anon',
    );
    for (const each of [...cases, { ...options(), schema: 'own' }]) {
      reported.length = 0;
      const wrong = createPostgresDatabase(each);
      const broken = createItems({ databaseOf: () => wrong, events: null, report: () => undefined });
      await assert.rejects(broken.list(NOBODY, 'numbers', {}), (error) => {
        assert.ok(refused('OVERLOADED')(error), String(error));
        return !/role|127|own/.test((error as Error).message.replace('host', ''));
      });
      assert.equal(reported.length, 1, JSON.stringify(each.roles));
      await wrong.close();
    }
  });
});
