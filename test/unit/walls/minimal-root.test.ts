import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { minimalRoot, nodeCommand } from '../../../src/walls/minimal-root.ts';
import { commandFor, writeFixture } from './guest.ts';

const script = writeFixture('executor.js', '');
const host = writeFixture('data.txt', '');
const entry = { filters: 1, start: null, load: writeFixture('enter.cjs', '') };

test('the script is shown below /cordon and given files at their own path unless told otherwise', () => {
  const root = minimalRoot(commandFor(script, { files: [{ host }, { host, inside: '/cordon/a/b.txt' }] }), entry, []);
  const shown = root.binds.map(({ inside }) => inside);
  assert.deepEqual(shown.toSorted(), ['/cordon/a/b.txt', '/cordon/enter.cjs', '/cordon/executor.js', host].toSorted());
  assert.deepEqual(nodeCommand(commandFor(script, { nodeFlags: ['--jitless'], args: ['x'] }), entry), [
    '/cordon/node',
    '--require',
    '/cordon/enter.cjs',
    '--jitless',
    '/cordon/executor.js',
    'x',
  ]);
});

test('folders and files come after what they lie in', () => {
  const folder = dirname(host);
  const { folders, binds } = minimalRoot(
    commandFor(script, {
      files: [
        { host, inside: '/a/b/c/d.txt' },
        { host: folder, inside: '/a/b' },
      ],
    }),
    entry,
    [],
  );
  assert.ok(folders.indexOf('/a') < folders.indexOf('/a/b') && folders.indexOf('/a/b') < folders.indexOf('/a/b/c'));
  const shown = binds.map(({ inside }) => inside);
  assert.ok(shown.indexOf('/a/b') < shown.indexOf('/a/b/c/d.txt'));
});

test('a place that would cover /proc, /dev, /tmp or the root itself is refused', () => {
  for (const inside of [
    '/',
    '/proc',
    '/proc/self/mem',
    '/dev/null',
    '/sys/x',
    '/tmp',
    '/a/',
    '/a/../b',
    'a',
    '/a//b',
  ]) {
    assert.throws(() => minimalRoot(commandFor(script, { files: [{ host, inside }] }), entry, []), Error, inside);
  }
});

test('two files in one place, and a file that does not exist, are refused', () => {
  const inside = '/cordon/executor.js';
  assert.throws(() => minimalRoot(commandFor(script, { files: [{ host, inside }] }), entry, []), /Two files/);
  assert.throws(() => minimalRoot(commandFor(script, { files: [{ host: '/does/not/exist' }] }), entry, []), {
    code: 'ENOENT',
  });
});
