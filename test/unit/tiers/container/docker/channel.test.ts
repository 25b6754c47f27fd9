import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openChannel } from '../../../../../src/tiers/container/docker/channel.ts';

const parent = (t: TestContext): string => {
  const path = mkdtempSync(join(tmpdir(), 'cordon-channel-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

test('the first to connect has the channel, and what it said before anybody read', async (t) => {
  const { folder, connected, remove } = await openChannel(parent(t), '1');
  const agent = connect(join(folder, 'channel'));
  agent.write('ready');
  const channel = await connected;
  assert.equal(String((await once(channel, 'data'))[0]), 'ready');
  agent.destroy();
  channel.destroy();
  remove();
});

test('after the first there is nothing to connect to, not even a name', async (t) => {
  const { folder, connected, remove } = await openChannel(parent(t), '1');
  const path = join(folder, 'channel');
  const agent = connect(path);
  // It may be in the queue already when the first is taken.
  const second = connect(path);
  const refused = Promise.race([once(second, 'error'), once(second, 'close')]);
  const channel = await connected;
  await refused;
  assert.deepEqual(readdirSync(folder), []);
  const [error] = (await once(connect(path), 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ENOENT');
  assert.equal(channel.destroyed, false);
  for (const socket of [agent, second, channel]) socket.destroy();
  remove();
});

test('others may enter the folder and not list it; a umask takes nothing away', async (t) => {
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  const { folder, remove } = await openChannel(parent(t), '1');
  assert.deepEqual(
    [folder, join(folder, 'channel')].map((path) => statSync(path).mode & 0o777),
    [0o711, 0o666],
  );
  remove();
  assert.equal(existsSync(folder), false);
});

test('a path that is too long for a socket is an error, and leaves nothing', async (t) => {
  const above = parent(t);
  await assert.rejects(openChannel(above, 'x'.repeat(120)), /EINVAL|ENAMETOOLONG|too long/i);
  assert.deepEqual(readdirSync(above), []);
});
