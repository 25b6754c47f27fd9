import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf, requireBuildable, type BuildSource } from '../../../src/builder/build-source.ts';
import { Fault } from '../../../src/core/faults.ts';

function source(files: Record<string, string>, entry: string = Object.keys(files)[0]!): BuildSource {
  return {
    files: new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)])),
    entry,
    handler: 'module',
  };
}

const refusal = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof Fault && error.code === code && message.test(error.message);

test('paths that could leave the project, or mean two things, are refused', () => {
  const paths = [
    '/etc/passwd',
    '../x.ts',
    'a/../../x.ts',
    'a/./b.ts',
    'a//b.ts',
    '',
    'a/',
    'nul\0.ts',
    'line\n.ts',
    'back\\slash.ts',
    '\ud800.ts',
  ];
  for (const path of [...paths, 'x'.repeat(256), 'é'.repeat(128)]) {
    assert.throws(
      () => requireBuildable(source({ 'index.ts': '', [path]: '' })),
      refusal('BAD_REQUEST', /is not a path/),
      JSON.stringify(path),
    );
  }
});

test('plain paths of all kinds are taken', () => {
  const paths = [
    'index.ts',
    'a/b/c.js',
    'node_modules/@scope/name/index.mjs',
    '.hidden/..x',
    'with space.ts',
    'ünïcode.ts',
    'x'.repeat(255),
  ];
  requireBuildable(source(Object.fromEntries(paths.map((path) => [path, '']))));
});

test('the entry has to be one of the files', () => {
  assert.throws(() => requireBuildable(source({ 'a.ts': '' }, 'b.ts')), refusal('BAD_REQUEST', /entry "b.ts"/));
});

test('a path that is both a file and a folder is refused', () => {
  assert.throws(
    () => requireBuildable(source({ 'a/b/c.ts': '', 'a/b': '' })),
    refusal('BAD_REQUEST', /"a\/b" is both a file and a folder/),
  );
});

test('a project that would not fit into the scratch space is refused', () => {
  const content = Buffer.alloc(8 * 1024 * 1024);
  const files = new Map(Array.from({ length: 8 }, (_, i) => [`${i}.ts`, content]));
  assert.throws(
    () => requireBuildable({ files, entry: '0.ts', handler: 'module' }),
    refusal('CODE_TOO_LARGE', /56 MB/),
  );
  const many = new Map(Array.from({ length: 10_001 }, (_, i) => [`${i}.ts`, Buffer.alloc(0)]));
  assert.throws(
    () => requireBuildable({ files: many, entry: '0.ts', handler: 'module' }),
    refusal('CODE_TOO_LARGE', /10001 files/),
  );
});

test('the hash depends on every part of a source, and on nothing else', () => {
  const base = source({ 'index.ts': 'ab', 'b.ts': 'c' });
  const others: BuildSource[] = [
    source({ 'index.ts': 'a', 'b.ts': 'bc' }),
    source({ 'index.ts': 'ab', 'c.ts': 'c' }),
    source({ 'index.ts': 'ab', 'b.ts': 'c', 'd.ts': '' }),
    { ...base, entry: 'b.ts' },
    { ...base, handler: 'script' },
  ];
  const hashes = [...others.map((other) => hashOf(other, 'tools')), hashOf(base, 'tools'), hashOf(base, 'other tools')];
  assert.equal(new Set(hashes).size, hashes.length);
  const reordered = { ...base, files: new Map([...base.files].reverse()) };
  assert.equal(hashOf(reordered, 'tools'), hashOf(base, 'tools'));
});
