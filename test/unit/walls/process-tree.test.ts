import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { identify, isAlive, killProcess, onlyChild, untilGone } from '../../../src/walls/process-tree.ts';

const never = new AbortController().signal;

test('a process is known by its pid and start, even under a confusing name', () => {
  const self = identify(process.pid);
  assert.ok(self !== null && isAlive(self));
  assert.ok(!isAlive({ ...self, startTicks: '1' }));
  assert.equal(identify(0x3fff_ffff), null);
});

test('an only child is found, killed and waited for', async () => {
  const parent = spawn('/bin/sh', ['-c', 'sleep 60; exit 3'], { stdio: 'ignore' });
  const ended = once(parent, 'exit');
  const identity = identify(parent.pid ?? 0);
  assert.ok(identity !== null);
  const child = await onlyChild(identity, never);
  assert.ok(child !== null);
  killProcess(child);
  await untilGone(child);
  const [code] = (await ended) as [number];
  assert.equal(code, 3);
  assert.equal(await onlyChild(identity, never), null);
  killProcess(child);
});

test('a process that only changed its pid’s owner is not killed', async () => {
  const other = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
  const identity = identify(other.pid ?? 0);
  assert.ok(identity !== null);
  killProcess({ ...identity, startTicks: '1' });
  assert.ok(isAlive(identity));
  other.kill();
  await once(other, 'exit');
});
