import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Fault } from '../../../../../src/core/faults.ts';
import type { TarEntry } from '../../../../../src/tiers/container/docker/tar.ts';
import { buildContext, requireReference, type Template } from '../../../../../src/tiers/container/docker/templates.ts';

function layOut(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-template-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'library', 'installed'), { recursive: true });
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'library', 'os.py'), 'import this');
  writeFileSync(join(folder, 'library', 'installed', 'secret.py'), 'the host’s');
  symlinkSync('os.py', join(folder, 'library', 'link.py'));
  writeFileSync(join(folder, 'program'), '#!/bin/sh\n');
  chmodSync(join(folder, 'program'), 0o700);
  symlinkSync('program', join(folder, 'named'));
  return folder;
}

const templateOf = (folder: string, more: Partial<Template> = {}): Template => ({
  runtime: 'python',
  image: 'cordon/python',
  base: null,
  files: [
    { host: join(folder, 'library'), inside: '/lib/python' },
    { host: join(folder, 'empty'), inside: '/lib/python/installed' },
    { host: join(folder, 'named'), inside: '/bin/python' },
  ],
  folders: ['/run/cordon'],
  command: [],
  env: {},
  detail: '',
  ...more,
});

const find = (entries: readonly TarEntry[], path: string): TarEntry =>
  entries.find((entry) => entry.path === path) ??
  assert.fail(`${path} is not among ${entries.map((e) => e.path).join(', ')}`);

test('folders come with all that is in them, but for what another file takes the place of, or is left out', async (t) => {
  const { entries } = await buildContext(templateOf(layOut(t)));
  assert.deepEqual(
    entries.map(({ path }) => path),
    [
      'Dockerfile',
      'root/run',
      'root/run/cordon',
      'root/lib',
      'root/lib/python',
      'root/lib/python/link.py',
      'root/lib/python/os.py',
      'root/lib/python/installed',
      'root/bin',
      'root/bin/python',
    ],
  );
  assert.equal(find(entries, 'root/lib/python/link.py').kind, 'link');
  const program = find(entries, 'root/bin/python');
  assert.ok(program.kind === 'file' && program.mode === 0o755 && program.bytes === 10);
  const without = await buildContext(templateOf(layOut(t), { without: ['/lib/python/os.py'] }));
  assert.equal(
    without.entries.some(({ path }) => path.endsWith('os.py')),
    false,
  );
});

test('the tag is of names and contents, wherever they come from', async (t) => {
  const [one, other] = [layOut(t), layOut(t)];
  const first = await buildContext(templateOf(one));
  assert.match(first.tag, /^cordon\/python:[0-9a-f]{16}$/);
  assert.equal((await buildContext(templateOf(other))).tag, first.tag);
  writeFileSync(join(other, 'library', 'os.py'), 'import that');
  assert.notEqual((await buildContext(templateOf(other))).tag, first.tag);
  assert.notEqual((await buildContext(templateOf(one, { base: 'python:3' }))).tag, first.tag);
  assert.notEqual((await buildContext(templateOf(one, { prepare: ['true'] }))).tag, first.tag);
});

test('the Dockerfile says base, files and what is run once', async (t) => {
  const { entries } = await buildContext(
    templateOf(layOut(t), { base: 'python:3.13-slim', prepare: ['python3', '-c', '"'] }),
  );
  const [dockerfile] = entries;
  assert.ok(dockerfile?.kind === 'text' && dockerfile.path === 'Dockerfile');
  assert.equal(dockerfile.content, 'FROM python:3.13-slim\nUSER 0\nCOPY root/ /\nRUN ["python3","-c","\\""]\n');
});

test('a base that is no image’s name never becomes a line of a Dockerfile', () => {
  for (const good of [
    'node',
    'node:24-slim',
    'localhost:5000/a/b:c',
    `docker.io/library/python@sha256:${'0'.repeat(64)}`,
  ])
    assert.equal(requireReference(good), good);
  for (const bad of ['', 'a b', 'a\nRUN curl evil', '-v', 'a AS b', '$(x)', '../x', `a@sha256:0`, 'x'.repeat(301)])
    assert.throws(
      () => requireReference(bad),
      (fault: Fault) => fault.code === 'TIER_UNAVAILABLE',
      bad,
    );
});

test('a file that is missing is an error that names it', async (t) => {
  const files = [{ host: join(layOut(t), 'nothing'), inside: '/x' }];
  await assert.rejects(buildContext(templateOf('/', { files })), /ENOENT.*nothing/);
});
