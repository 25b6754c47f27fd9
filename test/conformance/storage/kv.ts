/** What every engine must do with the values that functions keep by key. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { KvStore, KvWrite } from '../../../src/core/kv.ts';
import { open, openAt } from './fixtures.ts';
import type { StorageEngine } from './fixtures.ts';

const NOW = 1_800_000_000_000;
const QUOTA = { entries: 1_000, bytes: 1_000_000 };

const write = (key: string, value: string, changes: Partial<KvWrite> = {}): KvWrite => ({
  tenant: 'acme',
  key,
  value,
  expiresMs: null,
  ifRevision: null,
  quota: QUOTA,
  nowMs: NOW,
  ...changes,
});

const page = (prefix = '', after: string | null = null, limit = 100, nowMs = NOW) => ({
  tenant: 'acme',
  prefix,
  after,
  limit,
  nowMs,
});

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code;

export function kvConformance(engine: StorageEngine): void {
  const start = async (t: TestContext): Promise<KvStore> => (await open(engine, t)).kv;

  test('a value is there until it is deleted, and is one tenant’s', async (t) => {
    const kv = await start(t);
    const revision = await kv.set(write('a', '{"b":[1,null,"é\\u0000"]}'));
    assert.deepEqual(
      { ...(await kv.get('acme', 'a', NOW)) },
      {
        key: 'a',
        value: '{"b":[1,null,"é\\u0000"]}',
        revision,
        expiresMs: null,
      },
    );
    assert.equal(await kv.get('rival', 'a', NOW), null);
    assert.equal(await kv.delete('rival', 'a', null, NOW), false);
    assert.equal(await kv.delete('acme', 'a', null, NOW), true);
    assert.equal(await kv.delete('acme', 'a', null, NOW), false);
    assert.equal(await kv.get('acme', 'a', NOW), null);
  });

  test('a revision is never given twice, also to a key that was deleted', async (t) => {
    const kv = await start(t);
    const revisions = [await kv.set(write('a', '1')), await kv.set(write('b', '1')), await kv.set(write('a', '2'))];
    await kv.delete('acme', 'a', null, NOW);
    revisions.push(await kv.set(write('a', '1')));
    assert.deepEqual(
      [...new Set(revisions)].sort((a, b) => a - b),
      revisions,
    );
  });

  test('a write with a revision happens only where nothing came between', async (t) => {
    const kv = await start(t);
    const first = await kv.set(write('a', '1', { ifRevision: 0 }));
    await assert.rejects(kv.set(write('a', '2', { ifRevision: 0 })), hasCode('CONFLICT'));
    const second = await kv.set(write('a', '2', { ifRevision: first }));
    await assert.rejects(kv.set(write('a', '3', { ifRevision: first })), hasCode('CONFLICT'));
    await assert.rejects(kv.delete('acme', 'a', first, NOW), hasCode('CONFLICT'));
    assert.equal((await kv.get('acme', 'a', NOW))?.value, '2');
    assert.equal(await kv.delete('acme', 'a', second, NOW), true);
    await assert.rejects(kv.set(write('a', '3', { ifRevision: second })), hasCode('CONFLICT'));
  });

  test('of many writers with one revision one wins', async (t) => {
    const kv = await start(t);
    for (let value = 0; value < 5; value++) {
      const before = (await kv.get('acme', 'n', NOW))?.revision ?? 0;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) => kv.set(write('n', String(i), { ifRevision: before }))),
      );
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    }
  });

  test('what has expired is not there, and can be made anew', async (t) => {
    const kv = await start(t);
    await kv.set(write('a', '1', { expiresMs: NOW + 10 }));
    assert.equal((await kv.get('acme', 'a', NOW + 9))?.value, '1');
    assert.equal(await kv.get('acme', 'a', NOW + 10), null);
    assert.deepEqual(await kv.list(page('', null, 100, NOW + 10)), []);
    assert.equal(await kv.delete('acme', 'a', null, NOW + 10), false);
    await kv.set(write('a', '1', { expiresMs: NOW + 10 }));
    await kv.set(write('a', '2', { ifRevision: 0, nowMs: NOW + 11 }));
    assert.equal((await kv.get('acme', 'a', NOW + 12))?.value, '2');
  });

  test('what has expired is pruned, and its room is free again', async (t) => {
    const kv = await start(t);
    const quota = { entries: 3, bytes: 1_000 };
    for (const key of ['a', 'b']) await kv.set(write(key, '1', { expiresMs: NOW + 10, quota }));
    await kv.set(write('c', '1', { quota }));
    assert.equal(await kv.prune(NOW + 9), 0);
    assert.equal(await kv.prune(NOW + 10), 2);
    for (const key of ['d', 'e']) await kv.set(write(key, '1', { quota, nowMs: NOW + 10 }));
    await assert.rejects(kv.set(write('f', '1', { quota, nowMs: NOW + 10 })), hasCode('QUOTA_EXCEEDED'));
  });

  test('a quota counts entries and bytes of each tenant, and makes room by itself of what has expired', async (t) => {
    const kv = await start(t);
    const quota = { entries: 2, bytes: 100 };
    await kv.set(write('a', '1', { quota, expiresMs: NOW + 5 }));
    await kv.set(write('b', '1', { quota }));
    await assert.rejects(kv.set(write('c', '1', { quota })), hasCode('QUOTA_EXCEEDED'));
    await kv.set(write('c', '1', { quota, tenant: 'rival' }));
    await kv.set(write('c', '1', { quota, nowMs: NOW + 5 }));
    await assert.rejects(kv.set(write('c', `"${'x'.repeat(97)}"`, { quota })), hasCode('QUOTA_EXCEEDED'));
    assert.equal((await kv.get('acme', 'c', NOW))?.value, '1');
    await kv.set(write('c', `"${'x'.repeat(90)}"`, { quota }));
    await kv.set(write('c', '1', { quota: { entries: 0, bytes: 0 } }));
    await kv.delete('acme', 'b', null, NOW);
    await kv.set(write('d', `"${'x'.repeat(90)}"`, { quota }));
  });

  test('concurrent writes are all counted', async (t) => {
    const kv = await start(t);
    const quota = { entries: 20, bytes: 10_000 };
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => kv.set(write(`k${i}`, '1', { quota }))),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 20);
    assert.equal((await kv.list(page())).length, 20);
  });

  test('keys are listed by prefix, in pages, in the order of their bytes', async (t) => {
    const kv = await start(t);
    const keys = ['a', 'a%', 'a_b', 'ab', 'b', 'é', '\u{e000}', '\u{1f600}', '\u{10ffff}', '\u{10ffff}x', '\ud7ff'];
    for (const key of keys) await kv.set(write(key, '1'));
    await kv.set(write('a1', '1', { tenant: 'rival' }));
    const inOrder = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const listed = async (prefix: string): Promise<string[]> => (await kv.list(page(prefix))).map(({ key }) => key);
    assert.deepEqual(await listed(''), inOrder);
    for (const prefix of ['a', 'a%', 'a_', 'b', '\u{10ffff}', '\ud7ff', 'zz', 'é'])
      assert.deepEqual(
        await listed(prefix),
        inOrder.filter((key) => key.startsWith(prefix)),
        prefix,
      );
    const first = await kv.list(page('', null, 4));
    const rest = await kv.list(page('', first.at(-1)!.key));
    assert.deepEqual(
      [...first, ...rest].map(({ key }) => key),
      inOrder,
    );
  });

  test('hostile keys and values are text and nothing else', async (t) => {
    const kv = await start(t);
    for (const key of [`'; drop table kv; --`, '%', '_', '__proto__', 'constructor', '$1', '\\', '"']) {
      await kv.set(write(key, JSON.stringify(key)));
      assert.equal((await kv.get('acme', key, NOW))?.value, JSON.stringify(key));
    }
    assert.equal((await kv.list(page())).length, 8);
  });

  test('a tenant that was erased has no values, and can have none', async (t) => {
    const storage = await open(engine, t);
    await storage.kv.set(write('a', '1'));
    await storage.tenants.erase('acme');
    assert.equal(await storage.kv.get('acme', 'a', NOW), null);
    await assert.rejects(storage.kv.set(write('a', '1')), hasCode('NOT_FOUND'));
  });

  test('what was set is there when the storage opens again', async (t) => {
    const place = await engine.place(t);
    const first = await openAt(engine, place);
    const revision = await first.kv.set(write('a', '1'));
    await first.close();
    const { kv } = await open(engine, t, place);
    assert.equal((await kv.get('acme', 'a', NOW))?.revision, revision);
    assert.ok((await kv.set(write('a', '2'))) > revision);
  });
}
