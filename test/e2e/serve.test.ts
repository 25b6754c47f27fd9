import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ADMIN_TOKEN, CLI, deployed, startTestServer, type TestServer } from '../support/server.ts';

const run = promisify(execFile);

function cordon(server: TestServer, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, [CLI, ...args], {
    cwd: server.dataDir,
    env: {
      PATH: process.env['PATH'] ?? '',
      CORDON_URL: server.url,
      CORDON_ADMIN_TOKEN: ADMIN_TOKEN,
      CORDON_DATA_DIR: server.dataDir,
    },
  });
}

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-serve-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Pids of the processes whose parent is this one. */
async function childrenOf(pid: number): Promise<number[]> {
  const children: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const text = await readFile(`/proc/${entry}/stat`, 'latin1').catch(() => '');
    if (text.slice(text.lastIndexOf(')') + 2).split(' ')[1] === String(pid)) children.push(Number(entry));
  }
  return children;
}

test('a first start makes a token that only its owner can read, and the same one serves the next start', () =>
  withFolder(async (folder) => {
    await using first = await startTestServer({ dataDir: folder, env: { CORDON_ADMIN_TOKEN: '' } });
    const path = join(folder, 'admin-token');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const token = (await readFile(path, 'utf8')).trim();
    assert.ok(token.length >= 32);
    assert.ok(!first.output().includes(token), 'the token is shown on terminals only');
    const listed = await fetch(`${first.url}/api/v1/functions`, { headers: { authorization: `Token ${token}` } });
    assert.equal(listed.status, 200);
    assert.equal((await fetch(`${first.url}/api/v1/functions`)).status, 401);
  }));

test('functions survive a restart, and so do their logs', () =>
  withFolder(async (folder) => {
    const first = await startTestServer({ dataDir: folder });
    await deployed(
      first,
      'kept',
      'export default { fetch() { console.log("was here"); return new Response("kept") } }',
    );
    assert.equal(await (await fetch(`${first.url}/fn/kept`)).text(), 'kept');
    assert.equal(await first.stop(), 0);
    await using second = await startTestServer({ dataDir: folder });
    assert.equal(await (await fetch(`${second.url}/fn/kept`)).text(), 'kept');
    const logs = await fetch(`${second.url}/api/v1/functions/kept/logs`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    assert.equal((await logs.text()).split('was here').length - 1, 2);
  }));

test('a second server on the same data directory is refused with the reason', () =>
  withFolder(async (folder) => {
    await using first = await startTestServer({ dataDir: folder });
    await assert.rejects(startTestServer({ dataDir: folder }), /another|in use|lock/i);
    assert.equal((await fetch(`${first.url}/health`)).status, 200);
  }));

test('stopping drains what runs and leaves no process behind', () =>
  withFolder(async (folder) => {
    const server = await startTestServer({ dataDir: folder });
    const url = await deployed(
      server,
      'slow',
      'export default async () => { console.log("has begun"); await new Promise((resolve) => setTimeout(resolve, 300)); return "done" }',
    );
    const children = await childrenOf(server.process.pid as number);
    assert.ok(children.length > 0);
    const answer = fetch(url);
    await server.printed(/has begun/);
    const stopped = server.stop();
    assert.equal(await (await answer).json(), 'done');
    assert.equal(await stopped, 0);
    for (const pid of children) await assert.rejects(stat(`/proc/${pid}`), { code: 'ENOENT' });
  }));

test('deploy, invoke, logs, list and delete work from the command line', async () => {
  await using server = await startTestServer();
  const file = join(server.dataDir, 'greet.ts');
  await writeFile(join(server.dataDir, 'words.ts'), 'export const greeting: string = "hello";');
  await writeFile(
    file,
    'import { greeting } from "./words.ts";\nexport default async (req: Request & { query: { name?: string } }) => { console.log("greeting", req.query.name); return { statusCode: 200, body: `${greeting} ${req.query.name}` } };',
  );
  assert.match((await cordon(server, 'deploy', file, '--name', 'greet')).stdout, /greet/);
  assert.equal((await cordon(server, 'invoke', 'greet', '--path', '/?name=ann')).stdout.trim(), 'hello ann');
  assert.match((await cordon(server, 'logs', 'greet')).stdout, /greeting ann/);
  assert.match((await cordon(server, 'list')).stdout, /greet/);
  await cordon(server, 'delete', 'greet', '--yes');
  assert.equal((await fetch(`${server.url}/fn/greet`)).status, 404);
});

test('a compile error reaches the command line with file, line and a code frame', async () => {
  await using server = await startTestServer();
  const file = join(server.dataDir, 'broken.ts');
  await writeFile(file, 'const a = 1;\nexport default () => {\n  return a +;\n}\n');
  await assert.rejects(cordon(server, 'deploy', file, '--name', 'broken'), (error: { stderr: string }) => {
    assert.match(error.stderr, /broken\.ts:3:\d+/);
    assert.match(error.stderr, /return a \+;/);
    return true;
  });
});

test('npm packages are bundled at deploy', async () => {
  await using server = await startTestServer();
  const packageFolder = join(server.dataDir, 'project', 'node_modules', 'left');
  const { mkdir } = await import('node:fs/promises');
  await mkdir(packageFolder, { recursive: true });
  await writeFile(
    join(packageFolder, 'package.json'),
    '{"name":"left","version":"1.0.0","exports":{".":{"import":"./index.mjs"}}}',
  );
  await writeFile(join(packageFolder, 'index.mjs'), 'export const left = (text) => `<${text}`;');
  const file = join(server.dataDir, 'project', 'index.js');
  await writeFile(file, 'import { left } from "left";\nexport default { fetch: () => new Response(left("packed")) };');
  await cordon(server, 'deploy', file, '--name', 'packed');
  assert.equal(await (await fetch(`${server.url}/fn/packed`)).text(), '<packed');
});

test('the operator API answers on operator host names only', async () => {
  await using server = await startTestServer();
  const { request } = await import('node:http');
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  request(
    `${server.url}/api/v1/functions`,
    { headers: { host: 'functions.example.com', authorization: `Bearer ${ADMIN_TOKEN}` } },
    (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    },
  )
    .on('error', reject)
    .end();
  assert.equal(await promise, 404);
});
