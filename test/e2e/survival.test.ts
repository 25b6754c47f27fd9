/** The host survives: the death of its executors, its own, a full disk, no descriptors left. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';

const run = promisify(execFile);
const FUNCTION =
  'export default { async fetch() { await new Promise((r) => setTimeout(r, 5)); return new Response("alive"); } }';

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** In ticks since the machine's start: with the pid, the same process. */
  readonly started: string;
  readonly command: string;
}

async function processes(): Promise<Process[]> {
  const found: Process[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (text === '' || fields[0] === 'Z') continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    found.push({
      pid: Number(name),
      parent: Number(fields[1]),
      started: fields[19] ?? '',
      command: command.replaceAll('\0', ' '),
    });
  }
  return found;
}

/** Its children, their children, and so on. */
async function descendants(pid: number): Promise<Process[]> {
  const all = await processes();
  const own = (parent: number): Process[] =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one, ...own(one.pid)]);
  return own(pid);
}

/** The nodes behind walls: those without children of their own. */
async function executors(pid: number): Promise<Process[]> {
  const all = await descendants(pid);
  return all.filter((one) => /node/.test(one.command) && !all.some(({ parent }) => parent === one.pid));
}

async function eventually(isSo: () => Promise<boolean>, what: string, withinMs = 60_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await isSo())) {
    assert.ok(performance.now() < endMs, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const statusOf = (url: string): Promise<number> =>
  fetch(url, { signal: AbortSignal.timeout(30_000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status;
    },
    () => 0,
  );

const pidOf = (server: TestServer): number => server.process.pid as number;

test(
  'executors that are killed under load cost their own requests, with a coded answer, and nothing else',
  { timeout: 240_000 },
  async () => {
    await using server = await startTestServer({ env: { CORDON_ACCESS_LOG: '0' } });
    const urls: string[] = [];
    // Each in an executor of its own: one that ends twice under the same function is held against that function.
    for (let i = 0; i < 6; i++) urls.push(await deployed(server, `busy${i}`, FUNCTION, { cordon: 'function' }));
    const counts = new Map<number, number>();
    let over = false;
    const load = urls.flatMap((url) =>
      Array.from({ length: 3 }, async () => {
        while (!over) {
          const status = await statusOf(url);
          counts.set(status, (counts.get(status) ?? 0) + 1);
        }
      }),
    );
    const allAnswer = async (): Promise<boolean> =>
      (await Promise.all(urls.map(statusOf))).every((status) => status === 200);
    try {
      await eventually(allAnswer, 'the functions answer');
      const killed = await executors(pidOf(server));
      assert.ok(killed.length >= urls.length, `only ${killed.length} executors`);
      for (const { pid } of killed) process.kill(pid, 'SIGKILL');
      await eventually(allAnswer, `the functions answer again: ${JSON.stringify([...counts])}`);
      // Some time of quiet work after it.
      for (let i = 0; i < 100; i++) await statusOf(urls[i % urls.length] as string);
    } finally {
      over = true;
      await Promise.all(load);
    }
    assert.equal(server.process.exitCode, null);
    const seen = JSON.stringify([...counts]);
    assert.ok(
      [...counts.keys()].every((status) => status === 200 || status === 503),
      seen,
    );
    assert.ok((counts.get(200) ?? 0) > (counts.get(503) ?? 0), seen);
  },
);

test(
  'the death of the host leaves no process behind, and what it acknowledged is there afterwards',
  { timeout: 240_000 },
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'cordon-survival-'));
    try {
      const first = await startTestServer({ dataDir });
      const names: string[] = [];
      let over = false;
      const deploying = (async () => {
        for (let i = 0; !over && i < 50; i++) {
          const response = await first
            .deploy(`kept${i}`, `export default () => new Response('${i}')`)
            .catch(() => null);
          if (response?.ok === true) names.push(`kept${i}`);
        }
      })();
      await eventually(() => Promise.resolve(names.length >= 3), 'three were deployed');
      const before = await descendants(pidOf(first));
      assert.ok(before.length > 0);
      first.process.kill('SIGKILL');
      over = true;
      await deploying;
      await eventually(async () => {
        const now = await processes();
        return !before.some(({ pid, started }) => now.some((one) => one.pid === pid && one.started === started));
      }, 'every process that it had started is gone');

      await using second = await startTestServer({ dataDir });
      for (const name of names)
        assert.equal(await (await fetch(`${second.url}/fn/${name}`)).text(), name.slice(4), name);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  },
);

test('with no descriptor left the host waits until there are some again', { timeout: 240_000 }, async (t) => {
  await using server = await startTestServer();
  const url = await deployed(server, 'few', FUNCTION);
  const open = (await readdir(`/proc/${pidOf(server)}/fd`)).length;
  const limit = String(open + 12);
  try {
    await run('prlimit', [`--pid=${pidOf(server)}`, `--nofile=${limit}:${limit}`]);
  } catch (error) {
    return t.skip(`prlimit does not work here: ${(error as Error).message.split('\n')[0]}`);
  }
  const { hostname, port } = new URL(server.url);
  const sockets: Socket[] = [];
  for (let i = 0; i < 100; i++) {
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    sockets.push(socket);
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 1_000);
  await promise;
  assert.equal(server.process.exitCode, null, server.output().slice(-2_000));
  // A deployment needs descriptors that are not to be had; how it ends is its own affair, the host's is to go on.
  await server.deploy('starved', FUNCTION).then(
    (response) => response.arrayBuffer(),
    () => undefined,
  );
  for (const socket of sockets) socket.destroy();
  await eventually(async () => (await statusOf(url)) === 200, 'the function answers again');
  assert.equal(server.process.exitCode, null);
  await run('prlimit', [`--pid=${pidOf(server)}`, '--nofile=4096:4096']).catch(() => undefined);
  await eventually(async () => (await server.deploy('later', FUNCTION)).ok, 'a deployment succeeds again');
});

test(
  'a full disk is said, changes nothing that runs, and is over when there is room',
  { timeout: 240_000 },
  async (t) => {
    if (process.getuid?.() !== 0) return t.skip('a small disk is mounted, which takes root');
    const folder = await mkdtemp(join(tmpdir(), 'cordon-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'cordon-test', folder]);
    } catch (error) {
      await rm(folder, { recursive: true });
      return t.skip(`nothing can be mounted here: ${(error as Error).message.split('\n')[0]}`);
    }
    try {
      await using server = await startTestServer({ dataDir: folder });
      const url = await deployed(server, 'before', FUNCTION);
      const filler = join(folder, 'filler');
      await writeFile(filler, Buffer.alloc(64 * 1024 * 1024)).catch(() => undefined);
      const refused: number[] = [];
      for (let i = 0; i < 5; i++) {
        const response = await server.deploy(`full${i}`, `${FUNCTION}\n// ${'x'.repeat(200_000)} ${i}`);
        const problem = (await response.json()) as { code?: string; detail?: string };
        if (response.ok) continue;
        refused.push(response.status);
        assert.equal(typeof problem.code, 'string');
        assert.ok(!/\bat \w+.*\.ts:\d+|node_modules/.test(problem.detail ?? ''), problem.detail ?? '');
      }
      assert.ok(refused.length > 0, 'the disk was never full');
      assert.ok(
        refused.every((status) => status >= 500),
        `${refused.join()}: it is not the caller's doing`,
      );
      assert.equal(await statusOf(url), 200);
      assert.equal((await fetch(`${server.url}/health`)).status, 200);
      await rm(filler);
      await eventually(async () => (await server.deploy('after', FUNCTION)).ok, 'a deployment succeeds again');
      assert.equal(server.process.exitCode, null);
    } finally {
      await run('umount', ['-l', folder]);
      await rm(folder, { recursive: true, force: true });
    }
  },
);

test(
  'a clock that jumps a day forward and two back ends no request, loses no line and stops no timer',
  { timeout: 240_000 },
  async () => {
    const clock = new URL('../support/jumping-clock.mjs', import.meta.url).href;
    await using server = await startTestServer({ env: { NODE_OPTIONS: `--import ${clock}` } });
    const code = `export default { async fetch(request) {
    console.log('at', new URL(request.url).searchParams.get('n'));
    await new Promise((done) => setTimeout(done, 300));
    return new Response('alive');
  } }`;
    const url = await deployed(server, 'steady', code, { timeoutMs: 20_000 });
    for (let n = 0; n < 4; n++) {
      const running = fetch(`${url}?n=${n}`);
      if (n > 0) {
        server.process.kill('SIGUSR2');
        await server.printed(new RegExp(`(the clock jumped[^]*){${n}}`));
      }
      assert.equal(await (await running).text(), 'alive');
      assert.ok((await server.deploy('other', `export default () => ${n}`)).ok, `a deployment after jump ${n}`);
    }
    const logs = await fetch(`${server.url}/api/v1/functions/steady/logs`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    const text = await logs.text();
    for (let n = 0; n < 4; n++) assert.match(text, new RegExp(`at ${n}`));
    assert.equal(server.process.exitCode, null);
  },
);
