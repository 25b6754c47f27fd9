/** `/api/items`, the collections behind it and the mail that was kept, over HTTP on real storage. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { addCollections } from '../../../src/control/collections.ts';
import { addItems } from '../../../src/control/items.ts';
import { addMail } from '../../../src/control/mail.ts';
import type { AuditEntry } from '../../../src/core/audit.ts';
import { startServices } from '../../support/memory-services.ts';
import type { TestServices } from '../../support/memory-services.ts';
import { startOperatorServer, type OperatorServer } from './operator-server.ts';

interface Started extends OperatorServer, Pick<TestServices, 'published' | 'sink' | 'storage'> {
  readonly audited: Omit<AuditEntry, 'timeMs'>[];
  readonly suspended: Set<string>;
}

async function start(t: TestContext): Promise<Started> {
  const services = await startServices();
  const audited: Omit<AuditEntry, 'timeMs'>[] = [];
  const suspended = new Set<string>();
  const server = await startOperatorServer((app) => {
    addItems(app, { items: services.items, isSuspended: (tenant) => suspended.has(tenant) });
    addCollections(app, {
      collections: services.storage.items,
      audit: { record: (entry) => void audited.push(entry) },
    });
    addMail(app, { mail: services.sink });
  });
  t.after(async () => {
    await server.close();
    await services.close();
  });
  const { published, sink, storage } = services;
  return Object.assign(server, { published, sink, storage, audited, suspended });
}

const ITEMS = '/api/items/posts';
const COLLECTION = '/api/v1/collections/posts';
const OPEN = { read: 'public', create: 'authenticated', update: 'owner', delete: 'owner' };

describe('collections', () => {
  test('are made, listed, changed and deleted by admins', async (t) => {
    const { call, audited } = await start(t);
    const made = await call('acme', 'PUT', COLLECTION, { permissions: { read: 'public' } });
    assert.equal(made.status, 200);
    assert.deepEqual(made.body.permissions, { read: 'public', create: 'none', update: 'none', delete: 'none' });
    assert.deepEqual((await call('acme', 'GET', COLLECTION)).body, made.body);
    assert.deepEqual((await call('acme', 'GET', '/api/v1/collections')).body.collections, [made.body]);
    await call('acme', 'PUT', COLLECTION, { permissions: OPEN });
    assert.equal((await call('acme', 'DELETE', COLLECTION)).status, 204);
    assert.equal((await call('acme', 'DELETE', COLLECTION)).status, 404);
    assert.equal((await call('acme', 'GET', COLLECTION)).status, 404);
    assert.deepEqual(
      audited.map(({ action, tenant, target }) => [action, tenant, target]),
      ['collection.set', 'collection.set', 'collection.delete'].map((action) => [action, 'acme', 'posts']),
    );
  });

  test('are the business of nobody else', async (t) => {
    const { call } = await start(t);
    const statuses = await Promise.all(
      ['', 'user', 'service', 'jwt'].map(
        async (as) => (await call(as, 'PUT', COLLECTION, { permissions: OPEN })).status,
      ),
    );
    assert.deepEqual(statuses, [401, 403, 403, 403]);
    assert.equal((await call('acme', 'PUT', `${COLLECTION}?tenant=rival`, { permissions: OPEN })).status, 404);
    assert.equal((await call('operator', 'PUT', `${COLLECTION}?tenant=rival`, { permissions: OPEN })).status, 200);
  });

  test('have names and rules that are checked', async (t) => {
    const { call } = await start(t);
    for (const slug of ['a-b', '1a', 'a%20b', 'a%22', 'x'.repeat(64), 'a;b'])
      assert.equal((await call('acme', 'PUT', `/api/v1/collections/${slug}`, { permissions: OPEN })).status, 400, slug);
    for (const permissions of [{ read: '' }, { read: 'a b' }, { read: 1 }, { read: null }, { write: 'public' }, null])
      assert.equal((await call('acme', 'PUT', COLLECTION, { permissions })).status, 400, JSON.stringify(permissions));
  });
});

describe('items', () => {
  const opened = async (t: TestContext, permissions: object = OPEN): Promise<Started> => {
    const server = await start(t);
    for (const tenant of ['acme', 'default'])
      await server.call('operator', 'PUT', `${COLLECTION}?tenant=${tenant}`, { permissions });
    return server;
  };

  test('are created, read, changed and deleted, and each write is published', async (t) => {
    const { call, published } = await opened(t);
    const made = await call('user', 'POST', ITEMS, { title: 'one', n: 1 });
    assert.deepEqual([made.status, made.body.title, made.body.owner], [201, 'one', 'acme-user']);
    const path = `${ITEMS}/${made.body.id}`;
    assert.deepEqual((await call('user', 'GET', path)).body, made.body);
    assert.equal((await call('user', 'PATCH', path, { n: 2 })).body.n, 2);
    assert.equal((await call('user', 'DELETE', path)).status, 204);
    assert.deepEqual(
      await Promise.all(['GET', 'DELETE'].map(async (method) => (await call('user', method, path)).status)),
      [404, 404],
    );
    assert.equal((await call('user', 'PATCH', path, { n: 2 })).status, 404);
    assert.deepEqual(
      published.map(({ tenant, channel, hops }) => [tenant, channel, hops]),
      ['created', 'updated', 'deleted'].map((what) => ['acme', `items:posts:${what}`, 0]),
    );
  });

  test('are listed by a filter, an order, fields and pages', async (t) => {
    const { call } = await opened(t);
    for (const n of [1, 2, 3]) await call('acme', 'POST', ITEMS, { n, title: `t${n}` });
    const query = new URLSearchParams({
      filter: JSON.stringify({ n: { _gte: 2 }, created_at: { _gt: '$now(-1 day)' } }),
      sort: '-n,title',
      fields: 'n,title',
      limit: '1',
      offset: '1',
    });
    assert.deepEqual((await call('acme', 'GET', `${ITEMS}?${query.toString()}`)).body, {
      items: [{ n: 2, title: 't2' }],
    });
    assert.equal((await call('acme', 'GET', ITEMS)).body.items.length, 3);
    for (const bad of [
      'filter={',
      'filter=1',
      'limit=x',
      'limit=5000',
      'sort=a%3Bb',
      'where=1',
      'fields=',
      'offset=-1',
    ])
      assert.equal((await call('acme', 'GET', `${ITEMS}?${bad}`)).status, 400, bad);
  });

  test('are there for anybody as far as their collection says', async (t) => {
    const { call } = await opened(t);
    const { body } = await call('operator', 'POST', ITEMS, { title: 'open' });
    assert.deepEqual((await call('', 'GET', ITEMS)).body.items[0].title, 'open');
    assert.equal((await call('jwt', 'GET', `${ITEMS}/${body.id}`)).body.title, 'open');
    assert.equal((await call('', 'POST', ITEMS, { title: 'x' })).status, 403);
    assert.equal((await call('jwt', 'POST', ITEMS, { title: 'mine' })).body.owner, 'somebody');
    assert.equal((await call('jwt', 'PATCH', `${ITEMS}/${body.id}`, { title: 'x' })).status, 404);
    assert.equal((await call('service', 'PATCH', `${ITEMS}/${body.id}`, { title: 'x' })).status, 404);
    assert.equal((await call('operator', 'PATCH', `${ITEMS}/${body.id}`, { title: 'x' })).status, 200);
  });

  test('that the writer may not read are answered by their id alone', async (t) => {
    const { call } = await opened(t, { read: 'none', create: 'public', update: 'public', delete: 'none' });
    const made = await call('', 'POST', ITEMS, { secret: 'x' });
    assert.deepEqual([made.status, Object.keys(made.body)], [201, ['id']]);
    const changed = await call('', 'PATCH', `${ITEMS}/${made.body.id}`, { other: 1 });
    assert.deepEqual(changed.body, { id: made.body.id });
    assert.equal((await call('', 'GET', `${ITEMS}/${made.body.id}`)).status, 403);
  });

  test('of another tenant are not there', async (t) => {
    const { call, suspended } = await opened(t);
    await call('acme', 'POST', ITEMS, { title: 'theirs' });
    assert.deepEqual((await call('', 'GET', ITEMS)).body.items, []);
    assert.deepEqual((await call('jwt', 'GET', ITEMS)).body.items, []);
    for (const as of ['', 'jwt']) assert.equal((await call(as, 'GET', `${ITEMS}?tenant=acme`)).status, 404, as);
    assert.equal((await call('user', 'GET', `${ITEMS}?tenant=default`)).status, 404);
    suspended.add('acme');
    assert.equal((await call('acme', 'GET', ITEMS)).status, 403);
  });

  test('take no more of a body than an item may have', async (t) => {
    const { call } = await opened(t);
    assert.equal((await call('', 'POST', ITEMS, { text: 'x'.repeat(1024 * 1024) })).status, 413);
    assert.equal((await call('user', 'POST', ITEMS, { text: 'x'.repeat(65_536) })).status, 400);
  });

  test('open no other route to who is nobody', async (t) => {
    const { call } = await opened(t);
    for (const path of [
      '/api/items/../v1/collections',
      '/api/items/%2e%2e/v1/collections',
      '/api/items/..%2fv1%2fcollections',
      '/api/v1/collections',
      '/api/v1/mail',
    ])
      assert.ok([400, 401, 403, 404].includes((await call('', 'GET', path)).status), path);
    assert.equal((await call('nobody', 'GET', ITEMS)).status, 401);
  });
});

test('kept mail is shown to admins of its tenant', async (t) => {
  const { call, sink } = await start(t);
  const ann = { name: 'Ann', address: 'ann@example.com' };
  const bare = { name: '', address: 'robot@example.com' };
  const mail = { from: bare, to: [ann], cc: [], bcc: [], replyTo: null, subject: 's', text: 't', html: null };
  const { id } = sink.keep('acme', 'f', mail);
  const [shown] = (await call('acme', 'GET', '/api/v1/mail')).body.mail;
  assert.deepEqual(
    [shown.id, shown.function, shown.from, shown.to],
    [id, 'f', 'robot@example.com', ['Ann <ann@example.com>']],
  );
  assert.deepEqual((await call('operator', 'GET', '/api/v1/mail?tenant=rival')).body.mail, []);
  assert.deepEqual(
    await Promise.all(['', 'user', 'jwt', 'service'].map(async (as) => (await call(as, 'GET', '/api/v1/mail')).status)),
    [401, 403, 403, 403],
  );
});
