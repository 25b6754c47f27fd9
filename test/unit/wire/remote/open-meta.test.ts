import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContentStore } from '../../../../src/executor-service/content-store.ts';
import {
  contentMeta,
  contentOf,
  readRemoteOpen,
  remoteOpenMeta,
  versionOf,
} from '../../../../src/wire/remote/open-meta.ts';
import { ProtocolError } from '../../../../src/wire/meta.ts';
import { makeVersion } from '../../../support/calls.ts';

const artifact = (code: string, cache: string | null = null) => ({
  format: 'script' as const,
  code: Buffer.from(code),
  cache: cache === null ? null : Buffer.from(cache),
  interleaves: true,
});

test('a version arrives with what runs it, and without what its own host decides', () => {
  const version = makeVersion('f', {
    artifact: artifact('code', 'cache'),
    env: { A: 'b' },
    secrets: ['hidden'],
    boundSecrets: [{ name: 'S', value: 'hidden', hosts: ['a.example'], placeholder: 'p' } as never],
    egress: { allow: ['a.example'], refusal: 'response' },
  });
  const text = JSON.stringify(remoteOpenMeta(version, 'isolate'));
  assert.ok(!text.includes('hidden') && !text.includes('a.example'));
  const meta = readRemoteOpen(JSON.parse(text));
  const there = versionOf(meta, 'isolate', version.artifact);
  assert.deepEqual(
    [there.key, there.tenant, there.env, there.limits],
    [version.key, 'acme', { A: 'b' }, version.limits],
  );
  assert.deepEqual([there.secrets, there.boundSecrets, there.cors], [[], [], null]);
});

test('what is no version is refused with the field that is wrong', () => {
  const good = JSON.parse(JSON.stringify(remoteOpenMeta(makeVersion('f'), null))) as Record<string, unknown>;
  readRemoteOpen(good);
  const wrong: [change: Record<string, unknown>, message: RegExp][] = [
    [{ key: 1 }, /key/],
    [{ tenant: 'x'.repeat(2_000) }, /tenant/],
    [{ tier: 'castle' }, /tier/],
    [{ limits: null }, /limits/],
    [{ limits: { ...(good['limits'] as object), timeoutMs: '1' } }, /timeoutMs/],
    [{ limits: { ...(good['limits'] as object), timeoutMs: 1e12 } }, /timeoutMs/],
    [{ env: { a: 1 } }, /environment/],
    [{ env: [] }, /environment/],
    [{ capabilities: ['root'] }, /capabilities/],
    [{ content: { hash: 'x' } }, /content/],
    [{ minimumWall: 'moat' }, /minimumWall/],
  ];
  for (const [change, message] of wrong)
    assert.throws(
      () => readRemoteOpen({ ...good, ...change }),
      (error) => error instanceof ProtocolError && message.test(error.message),
      JSON.stringify(change).slice(0, 80),
    );
  for (const nothing of [null, [], 'x', 1]) assert.throws(() => readRemoteOpen(nothing), ProtocolError);
});

test('code is kept by its hash, and what does not have it is refused', () => {
  const store = new ContentStore(1_000);
  const one = artifact('code', 'cache');
  const meta = contentMeta(one);
  assert.equal(store.find(meta), null);
  const kept = store.add(meta, Buffer.from(contentOf(one)));
  assert.deepEqual([kept.code.toString(), kept.cache?.toString()], ['code', 'cache']);
  assert.equal(store.find(meta), kept);
  assert.throws(() => store.add(meta, Buffer.from('other11111')), ProtocolError);
  // The same bytes, cut elsewhere, are another content.
  assert.notEqual(contentMeta(artifact('codec', 'ache')).hash, meta.hash);
  assert.throws(() => store.add({ ...meta, codeBytes: 5, cacheBytes: 4 }, Buffer.from('codecache')), ProtocolError);
});

test('the content that was not used for longest makes place for another', () => {
  const store = new ContentStore(1_000);
  const all = ['a', 'b', 'c'].map((name) => artifact(name.repeat(400)));
  const metas = all.map((one) => contentMeta(one));
  store.add(metas[0]!, Buffer.from(contentOf(all[0]!)));
  store.add(metas[1]!, Buffer.from(contentOf(all[1]!)));
  assert.ok(store.find(metas[0]!) !== null);
  store.add(metas[2]!, Buffer.from(contentOf(all[2]!)));
  assert.deepEqual(
    metas.map((meta) => store.find(meta) !== null),
    [true, false, true],
  );
});
