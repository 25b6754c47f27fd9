/** The agent as a process of its own, at the far end of a Unix socket. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fault } from '../../../../src/core/faults.ts';
import { bundleGuest } from '../../../../src/lib/bundles.ts';
import { NATIVE_MODULES } from '../../../../src/tiers/native-guest.ts';
import { HostSession } from '../../../../src/wire/session.ts';
import { makeCall, makeVersion, RecordingSink } from '../../../support/calls.ts';

const AGENT = new URL('../../../../src/guest/agent/node.ts', import.meta.url);
const CODE = `const os = require('node:os'); module.exports = async (req) => {
  if (req.path === '/exit') process.exit(4);
  console.log('seen');
  return { statusCode: 200, body: { platform: os.platform(), given: process.env.GIVEN, sent: req.body } };
};`;

test('a function in a process of its own answers over a socket, and its exit is its host’s to see', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-agent-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const agent = await bundleGuest(AGENT, folder, { name: 'agent', platform: 'node', replace: NATIVE_MODULES });
  const path = join(folder, 'host.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  t.after(() => void server.close());
  const child = spawn(process.execPath, [agent, path, folder], { stdio: ['ignore', 'inherit', 'inherit'], env: {} });
  t.after(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit') as Promise<[number]>;
  const [socket] = (await once(server, 'connection')) as [Socket];

  const ready = Promise.withResolvers<void>();
  const ignore = (): void => undefined;
  const session = new HostSession(
    socket,
    { onReady: () => ready.resolve(), onBroken: ignore, onOverrun: ignore, onLog: ignore, onClosed: ignore },
    null,
  );
  await ready.promise;
  const version = makeVersion('agent', {
    tier: 'container',
    env: { GIVEN: 'value' },
    artifact: {
      format: 'script',
      code: Buffer.from(
        `((require)=>{const module={exports:{}},exports=module.exports;(()=>{${CODE}})();return module.exports;})`,
      ),
      cache: null,
      interleaves: true,
    },
  });
  const sandbox = session.open(version, { onSettled: ignore, onNotBegun: ignore, onGone: ignore });
  const sink = new RecordingSink();
  sandbox.invoke(makeCall({ method: 'POST', url: 'http://localhost/', body: Buffer.from('hi') }), sink);
  await sink.outcome;
  assert.deepEqual(JSON.parse(sink.text), { platform: process.platform, given: 'value', sent: 'hi' });
  assert.deepEqual(sink.logs, ['seen']);

  const last = new RecordingSink();
  sandbox.invoke(makeCall({ url: 'http://localhost/exit' }), last);
  await last.outcome;
  assert.equal(last.fault?.message, 'The function called process.exit(4)');
  assert.deepEqual(await exited, [4, null]);
  session.end(new Fault('SANDBOX_RECYCLED', 'The test is over'));
});
