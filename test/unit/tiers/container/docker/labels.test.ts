import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { isLeftBehind, LABEL, thisInstance } from '../../../../../src/tiers/container/docker/labels.ts';
import { identify } from '../../../../../src/walls/process-tree.ts';

const me = thisInstance();
const other = { ...me.labels, [LABEL.instance]: 'another' };

test('what is its own, or of another instance in a process that lives, is not left behind', () => {
  assert.equal(isLeftBehind(me.labels, me), false);
  assert.equal(isLeftBehind(other, me), false);
});

test('what a process that has ended made is left behind, also where its pid is used again', async () => {
  const child = spawn('sleep', ['100']);
  await once(child, 'spawn');
  const pid = child.pid ?? assert.fail();
  const labels = { ...other, [LABEL.host]: `${pid}-${identify(pid)?.startTicks}` };
  assert.equal(isLeftBehind(labels, me), false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(isLeftBehind(labels, me), true);
  assert.equal(isLeftBehind({ ...other, [LABEL.host]: `${process.pid}-1` }, me), true);
});

test('a pid of another namespace says nothing, one of another boot is over', () => {
  const dead = { ...other, [LABEL.host]: `${process.pid}-1` };
  assert.equal(isLeftBehind({ ...dead, [LABEL.pidNamespace]: 'pid:[1]' }, me), false);
  assert.equal(isLeftBehind({ ...other, [LABEL.boot]: '00000000-0000-0000-0000-000000000000' }, me), true);
});

test('labels that are none are left alone', () => {
  for (const host of ['', 'x', '1-', '-1', '1-1-1', 'NaN-NaN', undefined])
    assert.equal(isLeftBehind({ ...other, [LABEL.host]: host, [LABEL.boot]: 'x' }, me), false);
  assert.equal(isLeftBehind({}, me), false);
});
