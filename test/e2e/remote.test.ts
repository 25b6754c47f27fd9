/** A server and its executors, each a process of its own: functions run there and are answered here. */

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SHARED_KEY } from '../support/remote-tier.ts';
import { CLI, deployed, startTestServer, type TestServer } from '../support/server.ts';

interface Executor {
  readonly url: string;
  readonly process: ChildProcess;
  output(): string;
}

const folders: string[] = [];

async function startExecutor(env: Readonly<Record<string, string>> = {}, uids = '964000-964099'): Promise<Executor> {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-executor-'));
  folders.push(dir);
  const child = spawn(process.execPath, [CLI, 'executor', '--json', '--port', '0'], {
    cwd: dir,
    env: {
      PATH: process.env['PATH'] ?? '',
      SANDBOX_RPC_TOKEN: SHARED_KEY,
      CORDON_UID_RANGE: uids,
      CORDON_EXECUTOR_TIER: 'isolate',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const exited = once(child, 'exit').then(() => {
    throw new Error(`the executor ended; it had printed:\n${text}`);
  });
  exited.catch(() => undefined);
  for (;;) {
    const url = /"url":"([^"]+)"/.exec(text)?.[1];
    if (url !== undefined) return { url, process: child, output: () => text };
    await Promise.race([once(child.stdout, 'data'), exited]);
  }
}

async function end(executor: Executor | undefined, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (executor === undefined || executor.process.exitCode !== null || executor.process.signalCode !== null) return;
  const exited = once(executor.process, 'exit');
  executor.process.kill(signal);
  await exited;
}

describe('a server with two executors', () => {
  let executors: [Executor, Executor];
  let server: TestServer;
  const outside = createServer((request, response) => response.end(`outside saw ${request.method}`));
  let outsideUrl: string;

  before(async () => {
    outside.listen(0, '127.0.0.1');
    await once(outside, 'listening');
    const { port } = outside.address() as AddressInfo;
    outsideUrl = `http://127.0.0.1:${port}`;
    executors = await Promise.all([startExecutor(), startExecutor({}, '964100-964199')]);
    server = await startTestServer({
      env: {
        FUNCTIONS_EXEC_URL: executors.map(({ url }) => url).join(','),
        SANDBOX_RPC_TOKEN: SHARED_KEY,
        CORDON_EGRESS_ALLOW_PRIVATE: `127.0.0.1:${port}`,
      },
    });
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    outside.close();
    await Promise.all((executors ?? []).map((executor) => end(executor)));
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  });

  test('a function that names no wall runs on another host, and its answers say so', async () => {
    const url = await deployed(server, 'hello', `export default { fetch: () => new Response('hello') }`);
    const first = await fetch(url);
    assert.equal(await first.text(), 'hello');
    assert.equal(first.headers.get('cordon-tier'), 'isolate');
    assert.equal(first.headers.get('cordon-placement'), 'remote');
    const second = await fetch(url);
    await second.text();
    assert.equal(second.headers.get('cordon-cold-start'), 'false');
  });

  test('a function that says isolate runs here, and its first call was a cold start', async () => {
    const url = await deployed(server, 'here', `export default { fetch: () => new Response('here') }`, {
      tier: 'isolate',
    });
    const answer = await fetch(url);
    assert.equal(await answer.text(), 'here');
    assert.equal(answer.headers.get('cordon-placement'), 'local');
    assert.ok(['true', 'false'].includes(answer.headers.get('cordon-cold-start') ?? ''));
  });

  test('what it fetches is fetched by its own host, and refused there', async () => {
    const url = await deployed(
      server,
      'fetching',
      `export default { async fetch(request) {
        try { return new Response(await (await fetch(new URL(request.url).searchParams.get('to'))).text()); }
        catch (error) { return new Response(String(error.cause?.code ?? error), { status: 500 }); }
      } }`,
      { tier: 'remote-http' },
    );
    assert.equal(await (await fetch(`${url}?to=${encodeURIComponent(outsideUrl)}`)).text(), 'outside saw GET');
    const refused = await fetch(`${url}?to=${encodeURIComponent(executors[0].url)}/health`);
    assert.equal(await refused.text(), 'EGRESS_BLOCKED');
  });

  test('bodies stream both ways, time limits hold, and lines of the log arrive', { timeout: 60_000 }, async () => {
    const echo = await deployed(
      server,
      'echo',
      `export default { fetch: (request) => (console.log('heard'), new Response(request.body)) }`,
    );
    const body = 'x'.repeat(900_000);
    assert.equal(await (await fetch(echo, { method: 'POST', body })).text(), body);
    await server.printed(/heard/);
    const spin = await deployed(server, 'spin', 'export default { fetch() { for (;;); } }', { timeoutMs: 300 });
    assert.equal((await fetch(spin)).status, 504);
  });

  test('a WebSocket that a function serves crosses both ways', { timeout: 60_000 }, async () => {
    const url = await deployed(
      server,
      'socket',
      `export default { fetch() {
        const [client, own] = Object.values(new WebSocketPair());
        own.accept();
        own.send('at once');
        own.addEventListener('message', ({ data }) => own.send(data.toUpperCase()));
        return new Response(null, { status: 101, webSocket: client });
      } }`,
    );
    const socket = new WebSocket(url.replace('http', 'ws'));
    const heard: unknown[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.addEventListener('error', () => reject(new Error('the socket failed')));
    socket.addEventListener('message', ({ data }) => {
      heard.push(data);
      if (heard.length === 1) socket.send('echo');
      else resolve();
    });
    await promise;
    assert.deepEqual(heard, ['at once', 'ECHO']);
    socket.close();
  });

  test(
    'the executor that serves is killed under load: the other answers, and only what had begun is lost',
    { timeout: 120_000 },
    async () => {
      const url = await deployed(
        server,
        'busy',
        `export default { async fetch() { await new Promise((resolve) => setTimeout(resolve, 5)); return new Response('done'); } }`,
      );
      await (await fetch(url)).text();
      const answers: { readonly status: number; readonly fault: string | null }[] = [];
      let stopped = false;
      const client = async (): Promise<void> => {
        while (!stopped) {
          const answer = await fetch(url);
          await answer.text();
          answers.push({ status: answer.status, fault: answer.headers.get('cordon-fault') });
        }
      };
      const clients = Promise.all(Array.from({ length: CLIENTS }, client));
      const serving = await busyOne(executors);
      await end(serving, 'SIGKILL');
      const earlier = answers.length;
      const served = (): number => answers.slice(earlier).filter(({ status }) => status === 200).length;
      while (served() < 200) await Promise.race([clients, fetch(`${server.url}/health`)]);
      stopped = true;
      await clients;
      const lost = answers.filter(({ status }) => status !== 200);
      assert.ok(lost.length <= CLIENTS, `${lost.length} were lost`);
      assert.ok(
        lost.every(({ status, fault }) => status === 503 && fault === 'SANDBOX_RECYCLED'),
        JSON.stringify(lost),
      );
      const again = await fetch(url);
      assert.equal(again.headers.get('cordon-placement'), 'remote');
      assert.equal(await again.text(), 'done');
    },
  );
});

const CLIENTS = 8;

/** The one that has calls under way, as it says itself. */
async function busyOne(executors: readonly Executor[]): Promise<Executor> {
  for (;;)
    for (const executor of executors) {
      const { calls } = (await (await fetch(`${executor.url}/health`)).json()) as { calls: number };
      if (calls > 0) return executor;
    }
}
