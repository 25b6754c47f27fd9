import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { tarOf, type TarEntry } from '../../../../../src/tiers/container/docker/tar.ts';

const folder = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'cordon-tar-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
};

async function pack(entries: readonly TarEntry[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(tarOf(entries)));
}

const file = (host: string, path: string, bytes: number): TarEntry => ({
  kind: 'file',
  path,
  mode: 0o755,
  host,
  bytes,
  mtimeSeconds: 1_700_000_000,
});

test('tar itself unpacks what was packed: folders, texts, files with mode and time, links', async (t) => {
  const work = folder(t);
  const source = join(work, 'source');
  const content = Buffer.alloc(1_000_003, 'cordon');
  writeFileSync(source, content);
  const long = `root/${'a'.repeat(80)}/${'b'.repeat(90)}.py`;
  const archive = await pack([
    { kind: 'text', path: 'Dockerfile', mode: 0o644, content: 'FROM scratch\n' },
    { kind: 'folder', path: 'root/run', mode: 0o755 },
    file(source, 'root/bin', content.length),
    file(source, long, content.length),
    { kind: 'link', path: 'root/lib', target: '../usr/lib' },
    { kind: 'text', path: 'root/empty', mode: 0o644, content: '' },
  ]);
  assert.equal(archive.length % 512, 0);
  execFileSync('tar', ['-xf', '-', '-C', work], { input: archive });
  assert.equal(readFileSync(join(work, 'Dockerfile'), 'utf8'), 'FROM scratch\n');
  assert.ok(statSync(join(work, 'root/run')).isDirectory());
  assert.deepEqual(readFileSync(join(work, 'root/bin')), content);
  assert.deepEqual(readFileSync(join(work, long)), content);
  const { mode, mtimeMs } = statSync(join(work, 'root/bin'));
  assert.deepEqual([mode & 0o777, mtimeMs], [0o755, 1_700_000_000_000]);
  assert.equal(readlinkSync(join(work, 'root/lib')), '../usr/lib');
  assert.equal(statSync(join(work, 'root/empty')).size, 0);
});

test('everything in it is owned by root, whoever packed it', async () => {
  const archive = await pack([{ kind: 'text', path: 'a', mode: 0o644, content: 'x' }]);
  const [line = ''] = execFileSync('tar', ['--numeric-owner', '-tvf', '-'], { input: archive, encoding: 'utf8' }).split(
    '\n',
  );
  assert.match(line, /^-rw-r--r-- 0\/0 +1 /);
});

test('a file that grows or shrinks while it is read is an error, not a broken archive', async (t) => {
  const source = join(folder(t), 'source');
  writeFileSync(source, 'four');
  await assert.rejects(pack([file(source, 'a', 3)]), /changed its size/);
  await assert.rejects(pack([file(source, 'a', 5)]), /changed its size/);
});

test('a path that has no room, or leads out, is refused', async () => {
  const text = (path: string): TarEntry => ({ kind: 'text', path, mode: 0o644, content: '' });
  await assert.rejects(pack([text('x'.repeat(101))]), /too long for a tar/);
  await assert.rejects(pack([text(`${'x'.repeat(160)}/y`)]), /too long for a tar/);
  for (const path of ['', '/etc/passwd', '../up', 'a/../../b', 'a\0b'])
    await assert.rejects(pack([text(path)]), /is not a path for a tar/);
});
