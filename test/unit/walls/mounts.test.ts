import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { isNoexec, readMounts } from '../../../src/walls/mounts.ts';
import { writeFixture } from './guest.ts';

const file = writeFixture('on-a-mount', '');
const line = (point: string, options: string): string => `1 2 0:3 / ${point} ${options} - tmpfs tmpfs rw\n`;

test('the nearest mount decides, and of two in one place the later', () => {
  const root = line('/', 'rw,relatime');
  const folder = dirname(file);
  assert.equal(isNoexec(file, root), false);
  assert.equal(isNoexec(file, line('/', 'rw,noexec')), true);
  assert.equal(isNoexec(file, root + line(folder, 'rw,nosuid,noexec')), true);
  assert.equal(isNoexec(file, line(folder, 'rw,noexec') + root), true);
  assert.equal(isNoexec(file, root + line(folder, 'rw,noexec') + line(folder, 'rw')), false);
  assert.equal(isNoexec(file, root + line(folder.slice(0, -1), 'rw,noexec')), false);
  assert.equal(isNoexec(file, root + line(folder.replaceAll('-', '\\055'), 'rw,noexec')), true);
});

test('the machine’s own mounts can be read', () => {
  assert.equal(typeof isNoexec(process.execPath, readMounts()), 'boolean');
  assert.throws(() => isNoexec('/does/not/exist', ''));
});
