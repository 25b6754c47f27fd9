import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { BuildCache } from '../../../src/builder/build-cache.ts';
import type { BuildResult } from '../../../src/builder/build-result.ts';

const RESULT: BuildResult = {
  format: 'script',
  code: new Uint8Array(Buffer.from('code')),
  cache: new Uint8Array([1, 2, 3]),
  map: new Uint8Array(Buffer.from('{}')),
  interleaves: true,
  warnings: ['careful'],
  fetched: new Map([
    ['.cordon/modules/1', new Uint8Array(Buffer.from('one'))],
    ['.cordon/modules/2', new Uint8Array(0)],
  ]),
};
const HASH = 'a'.repeat(64);

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-test-'));
  t.after(() => rm(dir, { recursive: true }));
  return join(dir, 'cache');
}

const open = (dir: string, maxBytes = 1e6): BuildCache => new BuildCache({ dir, maxBytes });

test('a result comes back as it was, from another host too', async (t) => {
  const dir = await folder(t);
  await open(dir).put(HASH, RESULT);
  assert.deepEqual(await open(dir).get(HASH), RESULT);
  const bare: BuildResult = {
    ...RESULT,
    format: 'module',
    cache: null,
    map: null,
    fetched: new Map(),
    interleaves: false,
    warnings: [],
  };
  await open(dir).put('b'.repeat(64), bare);
  assert.deepEqual(await open(dir).get('b'.repeat(64)), bare);
  assert.equal(await open(dir).get('c'.repeat(64)), null);
});

test('the key and the entries are for this user only', async (t) => {
  const dir = await folder(t);
  await open(dir).put(HASH, RESULT);
  assert.equal((await stat(dir)).mode & 0o777, 0o700);
  for (const name of await readdir(dir)) assert.equal((await stat(join(dir, name))).mode & 0o777, 0o600, name);
});

test('an entry with any byte changed, cut short or made longer is refused and removed', async (t) => {
  const dir = await folder(t);
  const file = join(dir, `${HASH}.build`);
  const cache = open(dir);
  await cache.put(HASH, RESULT);
  const entry = await readFile(file);
  const flipped = [...entry.keys()].map((at) => Buffer.from(entry.map((byte, i) => (i === at ? byte ^ 1 : byte))));
  for (const forged of [
    ...flipped,
    entry.subarray(0, -1),
    entry.subarray(0, 20),
    Buffer.alloc(0),
    Buffer.concat([entry, Buffer.from('x')]),
  ]) {
    await writeFile(file, forged);
    assert.equal(await cache.get(HASH), null);
    await assert.rejects(stat(file), { code: 'ENOENT' });
  }
  await writeFile(file, entry);
  assert.deepEqual(await cache.get(HASH), RESULT);
});

test('an authentic entry under another name is refused', async (t) => {
  const dir = await folder(t);
  const other = 'b'.repeat(64);
  await open(dir).put(HASH, RESULT);
  await rename(join(dir, `${HASH}.build`), join(dir, `${other}.build`));
  assert.equal(await open(dir).get(other), null);
});

test('a key that others can read is replaced, and what it signed is refused', async (t) => {
  const dir = await folder(t);
  await open(dir).put(HASH, RESULT);
  const before = await readFile(join(dir, 'key'));
  await chmod(join(dir, 'key'), 0o644);
  assert.equal(await open(dir).get(HASH), null);
  assert.notDeepEqual(await readFile(join(dir, 'key')), before);
  assert.equal((await stat(join(dir, 'key'))).mode & 0o777, 0o600);
});

test('hosts that start at the same time agree on the key', async (t) => {
  const dir = await folder(t);
  const hosts = Array.from({ length: 8 }, () => open(dir));
  await Promise.all(hosts.map((host, i) => host.put(`${i}`.repeat(64), RESULT)));
  for (let i = 0; i < hosts.length; i++) assert.deepEqual(await open(dir).get(`${i}`.repeat(64)), RESULT);
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.endsWith('.unfinished')),
    [],
  );
});

test('the folder stays within its bound, and what was not used for longest goes first', async (t) => {
  const dir = await folder(t);
  const large: BuildResult = { ...RESULT, code: new Uint8Array(1000) };
  const cache = open(dir, 10_000);
  for (let i = 0; i < 8; i++) {
    await cache.put(`${i}`.repeat(64), large);
    const used = new Date(1_700_000_000_000 + i * 1000);
    await utimes(join(dir, `${`${i}`.repeat(64)}.build`), used, used);
  }
  assert.notEqual(await cache.get('0'.repeat(64)), null);
  await cache.put('9'.repeat(64), large);
  assert.equal(await cache.get('1'.repeat(64)), null);
  assert.notEqual(await cache.get('0'.repeat(64)), null);
  assert.notEqual(await cache.get('9'.repeat(64)), null);
  const sizes = await Promise.all((await readdir(dir)).map(async (name) => (await stat(join(dir, name))).size));
  assert.ok(sizes.reduce((a, b) => a + b) <= 10_000);
});
