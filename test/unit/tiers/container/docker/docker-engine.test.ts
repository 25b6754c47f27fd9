/** The engine over a daemon that fails: whatever it does, the host has a fault, and nothing is left lying about. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Fault } from '../../../../../src/core/faults.ts';
import { createDockerEngine } from '../../../../../src/tiers/container/docker/docker-engine.ts';
import type { ContainerEngine } from '../../../../../src/tiers/container/engine.ts';
import { sendJson, startFakeDaemon, type Answer, type FakeDaemon } from '../../../../support/fake-daemon.ts';

const ID = 'a'.repeat(64);
const ORDER = { runtime: 'javascript', limits: { maxTasks: 64 }, scratchBytes: 1e6 } as const;

interface Bench {
  readonly engine: ContainerEngine;
  readonly fake: FakeDaemon;
}

/** An image that is there already, and what the test says. */
async function bench(t: TestContext, answer: Answer): Promise<Bench> {
  const cacheDir = mkdtempSync(join(tmpdir(), 'cordon-fake-'));
  const fake = await startFakeDaemon((request, response, path) => {
    const answered = answer(request, response, path);
    if (answered === true || response.headersSent) return true;
    const [, hash] = /^\/images\/cordon\/\w+:(\w+)\/json/.exec(path) ?? [];
    if (hash !== undefined)
      sendJson(response, 200, { Id: `sha256:${ID}`, Config: { Labels: { 'cordon.template': hash } } });
    else if (path.startsWith('/containers/json')) sendJson(response, 200, []);
    return response.headersSent;
  });
  const engine = createDockerEngine({
    address: { host: `unix://${fake.socketPath}`, runtimeDir: null },
    cacheDir,
    // Nothing of this machine goes into the images then.
    baseImages: { javascript: 'node:24', python: 'python:3.13' },
    uids: null,
    callDeadlineMs: 2_000,
  });
  t.after(async () => {
    await engine.close();
    await fake.close();
    rmSync(cacheDir, { recursive: true, force: true });
  });
  return { engine, fake };
}

const startFault = async ({ engine }: Bench): Promise<Fault> => {
  const error = await engine.start(ORDER).then(
    () => assert.fail('it started'),
    (fault: Fault) => fault,
  );
  assert.equal(error.name, 'Fault');
  return error;
};

const workFolders = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`cordon-docker-${process.pid}-`));

test('a refusal of the engine is TIER_UNAVAILABLE with its words', async (t) => {
  const subject = await bench(t, (_request, response, path) => {
    if (path.startsWith('/containers/create')) sendJson(response, 400, { message: 'invalid seccomp profile' });
  });
  const { code, message } = await startFault(subject);
  assert.deepEqual([code, message], ['TIER_UNAVAILABLE', 'The container engine refused: invalid seccomp profile']);
});

test('an engine that hangs is OVERLOADED', async (t) => {
  const subject = await bench(t, (_request, _response, path) => path.startsWith('/containers/create'));
  assert.equal((await startFault(subject)).code, 'OVERLOADED');
});

test('an engine that dies is TIER_UNAVAILABLE', async (t) => {
  const subject = await bench(t, (request, _response, path) => {
    if (!path.startsWith('/containers/create')) return;
    request.socket.destroy();
    return true;
  });
  assert.equal((await startFault(subject)).code, 'TIER_UNAVAILABLE');
});

test('a container that names itself by a path is not one', async (t) => {
  const subject = await bench(t, (_request, response, path) => {
    if (path.startsWith('/containers/create')) sendJson(response, 201, { Id: '../../images/x' });
  });
  const { message } = await startFault(subject);
  assert.equal(message, 'The container engine named no container');
});

test('a container that ends before its agent is there is removed, with what it said in the fault', async (t) => {
  const subject = await bench(t, (request, response, path) => {
    if (path.startsWith('/containers/create')) return sendJson(response, 201, { Id: ID });
    if (path.includes('/attach')) return;
    if (path.endsWith('/start')) return void response.writeHead(204).end();
    if (request.method === 'DELETE') return void response.writeHead(204).end();
  });
  // What is asked for is a connection that stops being HTTP, and a fake of node:http has another event for that.
  subject.fake.onUpgrade((socket) => {
    const words = 'exec: no such file';
    const header = Buffer.from([2, 0, 0, 0, 0, 0, 0, words.length]);
    socket.end(Buffer.concat([header, Buffer.from(words)]));
  });
  const { code, message } = await startFault(subject);
  assert.equal(code, 'INTERNAL');
  assert.match(message, /ended before its agent was there\. It said: exec: no such file/);
  assert.ok(subject.fake.asked.includes(`DELETE /containers/${ID}`));
  assert.deepEqual(
    readdirSync(join(tmpdir(), workFolders()[0] ?? assert.fail())).filter((name) => /^\d+$/.test(name)),
    [],
  );
});

test('a process that is not this container’s is not taken for it, whatever the engine says', async (t) => {
  const sockets: string[] = [];
  const subject = await bench(t, (request, response, path) => {
    if (path.startsWith('/containers/create')) {
      request.on('data', (chunk: Buffer) => sockets.push(...(/"Source":"([^"]+)"/.exec(String(chunk)) ?? []).slice(1)));
      return sendJson(response, 201, { Id: ID });
    }
    if (path.endsWith('/start')) {
      connect(join(sockets[0] ?? assert.fail(), 'channel')).on('error', () => undefined);
      return void response.writeHead(204).end();
    }
    // Its own pid: killing that would be the end of the host.
    if (path === `/containers/${ID}/json`)
      return sendJson(response, 200, { State: { Pid: process.pid, Running: true } });
  });
  subject.fake.onUpgrade(() => undefined);
  const { code, message } = await startFault(subject);
  assert.equal(code, 'TIER_UNAVAILABLE');
  assert.match(message, /not to be seen here/);
});

test('leftovers of hosts that have ended are removed at the first contact, and nobody else’s', async (t) => {
  const others = [
    {
      Id: 'b'.repeat(64),
      Labels: { 'cordon.instance': 'x', 'cordon.host': `${process.pid}-1`, 'cordon.boot': 'another' },
    },
    { Id: 'c'.repeat(64), Labels: { 'cordon.instance': 'y', 'cordon.host': 'nonsense' } },
    { Id: '../x', Labels: { 'cordon.instance': 'z', 'cordon.host': `${process.pid}-1`, 'cordon.boot': 'another' } },
    null,
    { Labels: null },
  ];
  const subject = await bench(t, (_request, response, path) => {
    if (path.startsWith('/containers/json')) sendJson(response, 200, others);
  });
  await subject.engine.runtimes();
  const removed = subject.fake.asked.filter((each) => each.startsWith('DELETE'));
  assert.deepEqual(removed, [`DELETE /containers/${'b'.repeat(64)}`]);
});

test('a build that fails says why, and the engine has no runtime then', async (t) => {
  const subject = await bench(t, (_request, response, path) => {
    if (path.startsWith('/images/cordon/')) return sendJson(response, 404, { message: 'no such image' });
    if (path.startsWith('/build'))
      return void response.end('{"stream":"STEP 1"}\n{"error":"no space left on device"}\n');
  });
  await assert.rejects(subject.engine.runtimes(), (fault: Fault) => {
    assert.equal(fault.code, 'TIER_UNAVAILABLE');
    return /could not be built: no space left on device/.test(fault.message);
  });
});

test('once closed it starts nothing, and its work folder is gone', async (t) => {
  const { engine } = await bench(t, () => undefined);
  await engine.runtimes();
  const before = workFolders().length;
  await engine.close();
  assert.equal(workFolders().length, before - 1);
  await assert.rejects(engine.start(ORDER), (fault: Fault) => fault.code === 'SHUTTING_DOWN');
});

test('a container that is being made while the engine closes is removed', async (t) => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const { promise: closing, resolve: close } = Promise.withResolvers<void>();
  const subject = await bench(t, (request, response, path) => {
    if (path.startsWith('/containers/create')) {
      resolve();
      void closing.then(() => sendJson(response, 201, { Id: ID }));
      return true;
    }
    if (request.method !== 'DELETE') return false;
    response.writeHead(204).end();
    return true;
  });
  subject.fake.onUpgrade((socket) => void socket.end());
  const fault = startFault(subject);
  await asked;
  const closed = subject.engine.close();
  close();
  await Promise.all([fault, closed]);
  assert.ok(subject.fake.asked.includes(`DELETE /containers/${ID}`));
});
