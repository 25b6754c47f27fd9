import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { problemOf } from '../../../src/core/problem.ts';
import { Fault } from '../../../src/core/faults.ts';
import { TOKEN, startControlServer } from '../control/control-server.ts';
import type { ControlServer } from '../control/control-server.ts';

const BIN = fileURLToPath(new URL('../../../bin/cordon.js', import.meta.url));
let control: ControlServer;
let folder: string;

before(async () => {
  control = await startControlServer();
  folder = mkdtempSync(join(tmpdir(), 'cordon-cli-'));
});

after(async () => {
  await control.close();
  rmSync(folder, { recursive: true });
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function cordon(args: readonly string[], env: NodeJS.ProcessEnv = {}, input = ''): Promise<Outcome> {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], CORDON_URL: control.url, CORDON_ADMIN_TOKEN: TOKEN, ...env },
  });
  child.stdin.end(input);
  const [[code], out, err] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  return { code, out, err };
}

test('help, with and without a command, and the version', async () => {
  assert.match((await cordon([])).out, /cordon deploy FILE --name NAME/);
  assert.match((await cordon(['invoke', '--help'])).out, /--data DATA/);
  assert.match((await cordon(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
});

test('a command line that is not valid ends with 2, what is wrong, and how it should be', async () => {
  const cases: [string[], RegExp][] = [
    [['deplyo'], /there is no command "deplyo"; there are serve, deploy/],
    [['deploy', 'x.ts'], /--name is missing\nUsage: cordon deploy FILE/],
    [['deploy', '--name', 'x'], /FILE is missing/],
    [['deploy', 'a', 'b', '--name', 'x'], /FILE is one, but there are 2: a b/],
    [['deploy', 'a', '--name', 'x', '--timeout-ms', '5s'], /--timeout-ms is "5s", but it must be a whole number/],
    [['deploy', 'a', '--name', 'x', '--env', 'KEY'], /--env is "KEY", but it must be NAME=VALUE/],
    [['invoke', 'x', '--path', 'y'], /--path is "y", but it must begin with \//],
    [['logs', '--folow', 'x'], /Unknown option '--folow'/],
    [['list', 'x'], /list takes no "x"/],
    [['serve', 'x'], /serve takes no "x"/],
    [['\x1b[2J'], /there is no command "\\u001b\[2J"/],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await cordon(args);
    assert.equal(code, 2, `${args.join(' ')}: ${err}`);
    assert.match(err, message);
  }
});

test('a bad setting stops serve with its sentence', async () => {
  const { code, err } = await cordon(['serve', '--port', 'http']);
  assert.deepEqual([code, err], [1, 'cordon: PORT is "http", but it must be a whole number from 0 to 65535\n']);
});

test('deploy sends the files, list and delete know the function', async () => {
  writeFileSync(join(folder, 'hello.ts'), `import { x } from './x.ts'; export default () => x;`);
  writeFileSync(join(folder, 'x.ts'), `export const x: string = 'grüß';`);
  const deployed = await cordon([
    'deploy',
    'hello.ts',
    '--name',
    'hello',
    '--env',
    'A=b=c',
    '--timeout-ms',
    '500',
    '--stream-body',
  ]);
  assert.deepEqual(deployed, { code: 0, out: `hello@1 is live (isolate): ${control.url}/fn/hello\n`, err: '' });
  const { files, ...rest } = control.deployments.at(-1)!;
  assert.deepEqual([...files.keys()], ['hello.ts', 'x.ts']);
  assert.deepEqual(rest, {
    tenant: 'default',
    name: 'hello',
    entry: 'hello.ts',
    env: { A: 'b=c' },
    timeoutMs: 500,
    requestBody: 'stream',
  });
  assert.match((await cordon(['list'])).out, /^hello {2}@1 {2}isolate /);
  assert.equal((await cordon(['delete', 'hello'])).out, 'hello is deleted\n');
  const again = await cordon(['delete', 'hello']);
  assert.deepEqual([again.code, again.err], [1, 'cordon: Tenant default has no function hello\n']);
});

test('a compile error is shown as the server sent it', async () => {
  writeFileSync(join(folder, 'bad.ts'), 'bad');
  const { code, err } = await cordon(['deploy', 'bad.ts', '--name', 'bad']);
  assert.deepEqual([code, err], [1, 'cordon: index.ts:1:1: no\n  1 | bad\n    | ^\n']);
});

test('a file, a server or a token that is not there is said in a sentence', async () => {
  assert.match((await cordon(['deploy', 'nope.ts', '--name', 'x'])).err, /^cordon: ENOENT: no such file/);
  assert.match(
    (await cordon(['list'], { CORDON_URL: 'http://127.0.0.1:9' })).err,
    /^cordon: the request to .+ failed|^cordon: nothing answers at/,
  );
  assert.match(
    (await cordon(['list'], { CORDON_ADMIN_TOKEN: '' })).err,
    /^cordon: there is no admin token: set CORDON_ADMIN_TOKEN/,
  );
  assert.match(
    (await cordon(['list'], { CORDON_ADMIN_TOKEN: 'wrong-wrong-wrong' })).err,
    /^cordon: The token is not valid/,
  );
});

test('logs shows the lines, and no function drives the terminal that shows them', async () => {
  writeFileSync(join(folder, 'talker.ts'), 'export default 1');
  await cordon(['deploy', 'talker.ts', '--name', 'talker']);
  const version = (await control.storage.liveVersions()).find(({ name }) => name === 'talker')!;
  control.logs.write(version, 'i1', { level: 'info', message: 'one\n2026-01-01 forged\x1b[2J', timeMs: 0 });
  const { out } = await cordon(['logs', 'talker']);
  assert.equal(out, '1970-01-01T00:00:00.000Z @1 i1 info  one\n    2026-01-01 forged\\u001b[2J\n');
});

test('logs -f goes on with the lines as they are written', { timeout: 20_000 }, async () => {
  writeFileSync(join(folder, 'live.ts'), 'export default 1');
  await cordon(['deploy', 'live.ts', '--name', 'live']);
  const version = (await control.storage.liveVersions()).find(({ name }) => name === 'live')!;
  const write = (message: string): void => control.logs.write(version, null, { level: 'warn', message, timeMs: 0 });
  write('past');
  const child = spawn(process.execPath, [BIN, 'logs', '-f', 'live'], {
    cwd: folder,
    env: { CORDON_URL: control.url, CORDON_ADMIN_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const seen: string[] = [];
  for await (const chunk of child.stdout) {
    seen.push(String(chunk));
    if (seen.length === 1) write('present');
    if (seen.join('').includes('present')) break;
  }
  assert.match(seen.join(''), /past\n[^\n]+present\n$/);
  child.kill();
});

test('invoke prints the answer, sends no token, and ends with 1 for a fault', async (t) => {
  const seen: string[] = [];
  // oxlint-disable-next-line typescript/no-misused-promises -- what it throws fails the test
  const server = createServer(async (request, response) => {
    seen.push(
      `${request.method} ${request.url} ${request.headers.authorization ?? '-'} ${request.headers['content-type'] ?? '-'} ${await text(request)}`,
    );
    if (request.url === '/fn/teapot') return response.writeHead(418).end('short and stout');
    if (request.url !== '/fn/gone') return response.end('{"ok":true}');
    const { status, headers, body } = problemOf(new Fault('NOT_FOUND', 'There is no function gone'));
    return response.writeHead(status, headers).end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const env = { CORDON_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  assert.deepEqual(await cordon(['invoke', 'hello', '--path', '/a?b=c'], env), {
    code: 0,
    out: '{"ok":true}',
    err: '',
  });
  await cordon(['invoke', 'hello', '--data', '{"a":1}', '--method', 'put', '--header', 'X-A: b'], env);
  await cordon(['invoke', 'hello', '--data', '-', '--header', 'content-type: text/plain'], env, 'from stdin');
  assert.deepEqual(seen, [
    'GET /fn/hello/a?b=c - - ',
    'PUT /fn/hello - application/json {"a":1}',
    'POST /fn/hello - text/plain from stdin',
  ]);
  assert.deepEqual(await cordon(['invoke', 'teapot'], env), { code: 1, out: 'short and stout', err: '' });
  assert.deepEqual(await cordon(['invoke', 'gone'], env), {
    code: 1,
    out: '',
    err: 'cordon: There is no function gone\n',
  });
});
