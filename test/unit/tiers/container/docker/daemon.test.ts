import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Fault } from '../../../../../src/core/faults.ts';
import { Daemon, DaemonRefusal } from '../../../../../src/tiers/container/docker/daemon.ts';
import { sendJson, startFakeDaemon, VERSION, type Answer } from '../../../../support/fake-daemon.ts';

/** Long enough for a loaded machine to answer, short enough to wait for. */
const DEADLINE_MS = 1_500;

async function connectTo(t: TestContext, answer: Answer): Promise<Daemon> {
  const fake = await startFakeDaemon(answer);
  const daemon = new Daemon(fake.socketPath, DEADLINE_MS);
  t.after(async () => {
    await daemon.close();
    await fake.close();
  });
  return daemon;
}

const codeOf = (error: unknown): string => (error as Fault).code;
const PING = { method: 'GET', path: '/ping' } as const;

test('the API is asked for by the oldest version that has all we need', async (t) => {
  const cases = [
    [{ ApiVersion: '1.41', MinAPIVersion: '1.24' }, '1.41'],
    [{ ApiVersion: '1.52', MinAPIVersion: '1.44' }, '1.44'],
    [{ ApiVersion: '2.0', MinAPIVersion: '1.24' }, '1.41'],
    [{ ApiVersion: '1.46' }, '1.41'],
  ] as const;
  for (const [version, expected] of cases) {
    const daemon = await connectTo(t, (_request, response, path) => {
      if (path === '/version') sendJson(response, 200, { ...version, Version: '27.0' });
    });
    assert.deepEqual(await daemon.info(), { product: 'docker', version: '27.0', apiVersion: expected });
  }
});

test('Podman says that it is Podman', async (t) => {
  const Components = [{ Name: 'Podman Engine' }, null, 7];
  const daemon = await connectTo(t, (_request, response, path) => {
    if (path === '/version') sendJson(response, 200, { ...VERSION, Components });
  });
  assert.equal((await daemon.info()).product, 'podman');
});

test('an engine that is too old, and what is no engine, are refused with the reason', async (t) => {
  const answers = [{ ApiVersion: '1.40' }, { ApiVersion: 7 }, [], null, 'yes', { ApiVersion: '1.41; rm' }];
  for (const answer of answers) {
    const daemon = await connectTo(t, (_request, response) => sendJson(response, 200, answer));
    await assert.rejects(daemon.info(), (error: Fault) => {
      assert.equal(error.code, 'TIER_UNAVAILABLE');
      return /is needed|no container engine/.test(error.message);
    });
  }
});

test('a refusal keeps its status and its reason, on one line and bounded', async (t) => {
  const daemon = await connectTo(t, (_request, response, path) => {
    if (path !== '/ping') return;
    sendJson(response, 409, { message: `no\n\u001b[31m${'x'.repeat(5000)}` });
  });
  await assert.rejects(daemon.call(PING), (error: DaemonRefusal) => {
    assert.ok(error instanceof DaemonRefusal);
    assert.equal(error.status, 409);
    assert.match(error.message, /^no\\n\\u001b\[31mx+$/);
    return error.message.length <= 500;
  });
});

test('one that never answers is OVERLOADED when its time is over, and so is one that stops midway', async (t) => {
  const silent = await connectTo(t, (_request, _response, path) => path === '/ping');
  await assert.rejects(silent.call(PING), (error) => codeOf(error) === 'OVERLOADED');
  const stuck = await connectTo(t, (_request, response, path) => {
    if (path !== '/ping') return;
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"a":');
    return true;
  });
  await assert.rejects(stuck.call(PING), (error) => codeOf(error) === 'OVERLOADED');
});

test('one that drips is ended by the deadline of the whole', async (t) => {
  const daemon = await connectTo(t, (_request, response, path) => {
    if (path !== '/ping') return;
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(timer));
    return true;
  });
  await assert.rejects(daemon.call(PING), (error) => codeOf(error) === 'OVERLOADED');
});

test('one that is not there, or dies under a call, is TIER_UNAVAILABLE', async (t) => {
  const nobody = new Daemon('/nonexistent/docker.sock', DEADLINE_MS);
  await assert.rejects(nobody.info(), (error: Fault) => {
    assert.match(error.message, /\/nonexistent\/docker\.sock can't be reached: .*ENOENT/);
    return error.code === 'TIER_UNAVAILABLE';
  });
  await nobody.close();
  const dying = await connectTo(t, (request, _response, path) => {
    if (path === '/ping') request.socket.destroy();
    return path === '/ping';
  });
  await assert.rejects(dying.call(PING), (error) => codeOf(error) === 'TIER_UNAVAILABLE');
});

test('an answer that is no JSON, or never ends, is refused', async (t) => {
  const page = await connectTo(t, (_request, response, path) => {
    if (path === '/ping') response.end('<html>');
  });
  await assert.rejects(page.call(PING), /no JSON/);
  const endless = await connectTo(t, (_request, response, path) => {
    if (path !== '/ping') return;
    response.on('error', () => undefined);
    const chunk = Buffer.alloc(1024 * 1024, '[');
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
    return true;
  });
  const before = process.memoryUsage().rss;
  await assert.rejects(endless.call(PING), /longer than \d+ bytes/);
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
});

test('an engine that was away is asked again', async (t) => {
  let isAway = true;
  const daemon = await connectTo(t, (request) => {
    if (isAway) request.socket.destroy();
    return isAway;
  });
  await assert.rejects(daemon.info(), (error) => codeOf(error) === 'TIER_UNAVAILABLE');
  isAway = false;
  assert.equal((await daemon.info()).apiVersion, '1.41');
});

test('lines come as they are sent, however they are cut, and what is no JSON is skipped', async (t) => {
  const daemon = await connectTo(t, (_request, response, path) => {
    if (path !== '/build') return;
    response.write('{"stream":"a"}\n{"str');
    setImmediate(() => response.end(`eam":"b"}\nnonsense\n\n${'x'.repeat(200_000)}\n{"error":"c"}`));
    return true;
  });
  const seen: unknown[] = [];
  await daemon.lines({ method: 'POST', path: '/build' }, (line) => seen.push(line));
  assert.deepEqual(seen, [{ stream: 'a' }, { stream: 'b' }, { error: 'c' }]);
});

test('a connection that is not upgraded is a fault', async (t) => {
  const daemon = await connectTo(t, () => undefined);
  await assert.rejects(daemon.upgrade('/attach'), (error) =>
    ['TIER_UNAVAILABLE', 'OVERLOADED'].includes(codeOf(error)),
  );
});

test('streams that are attached take no connection away from the calls', async (t) => {
  const fake = await startFakeDaemon((_request, response, path) => {
    if (path === '/ping') sendJson(response, 200, 'OK');
  });
  fake.onUpgrade(() => undefined);
  const daemon = new Daemon(fake.socketPath, 20_000);
  t.after(async () => {
    await daemon.close();
    await fake.close();
  });
  const sockets = await Promise.all(Array.from({ length: 100 }, () => daemon.upgrade('/attach')));
  assert.equal(await daemon.call(PING), 'OK');
  for (const socket of sockets) socket.destroy();
});
