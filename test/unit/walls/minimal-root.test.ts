import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { minimalRoot, nodeCommand } from '../../../src/walls/minimal-root.ts';
import { commandFor, writeFixture } from './guest.ts';

const script = writeFixture('executor.js', '');
const host = writeFixture('data.txt', '');

test('the script is shown below /cordon and given files at their own path unless told otherwise', () => {
  const root = minimalRoot(commandFor(script, { files: [{ host }, { host, inside: '/cordon/a/b.txt' }] }), []);
  const shown = root.binds.map(({ inside }) => inside);
  assert.deepEqual(shown.toSorted(), ['/cordon/a/b.txt', '/cordon/executor.js', host].toSorted());
  assert.deepEqual(nodeCommand(commandFor(script, { nodeFlags: ['--jitless'], args: ['x'] })), [
    '/cordon/node',
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
    assert.throws(() => minimalRoot(commandFor(script, { files: [{ host, inside }] }), []), Error, inside);
  }
});

test('two files in one place, and a file that does not exist, are refused', () => {
  const inside = '/cordon/executor.js';
  assert.throws(() => minimalRoot(commandFor(script, { files: [{ host, inside }] }), []), /Two files/);
  assert.throws(() => minimalRoot(commandFor(script, { files: [{ host: '/does/not/exist' }] }), []), {
    code: 'ENOENT',
  });
});
