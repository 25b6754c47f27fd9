import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packPython } from '../../../src/builder/python-package.ts';
import { unpackFiles } from '../../../src/lib/packed-files.ts';

const pack = (files: Readonly<Record<string, string>>, maxBundleBytes = 1_000) =>
  packPython(
    {
      files: new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)])),
      entry: 'main.py',
      handler: 'module',
      runtime: 'python',
    },
    maxBundleBytes,
    ['a note'],
  );

test('the same files are the same bytes, in whatever order they came', () => {
  const one = pack({ 'main.py': 'a', 'lib/b.py': 'bb' });
  assert.deepEqual(one, pack({ 'lib/b.py': 'bb', 'main.py': 'a' }));
  assert.deepEqual([one.format, one.interleaves, one.warnings], ['files', false, ['a note']]);
  const { entry, files } = unpackFiles(one.code);
  assert.deepEqual(
    [entry, [...files].map(([path, content]) => [path, String(content)])],
    [
      'main.py',
      [
        ['lib/b.py', 'bb'],
        ['main.py', 'a'],
      ],
    ],
  );
});

test('what an interpreter compiled stays behind', () => {
  const { files } = unpackFiles(pack({ 'main.py': '', '__pycache__/main.cpython-39.pyc': 'x', 'old.pyc': 'x' }).code);
  assert.deepEqual([...files.keys()], ['main.py']);
});

test('packages count against the size of a bundle, the function’s own files do not', () => {
  assert.throws(() => pack({ 'main.py': '', '.cordon/packages/x.py': 'x'.repeat(1_001) }), {
    code: 'CODE_TOO_LARGE',
    message: 'The packages of the function exceed 1000 bytes',
  });
  assert.equal(pack({ 'main.py': 'x'.repeat(2_000) }).format, 'files');
});

test('a path that leads out, or is both a file and a folder, is refused', () => {
  for (const path of ['../x.py', '/etc/x.py', 'a//b.py', 'main.py/x.py'])
    assert.throws(() => pack({ 'main.py': '', [path]: '' }), { code: 'BAD_REQUEST' });
});
