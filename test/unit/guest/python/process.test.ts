/** The process that a Python function lives in: its children, its environment, its way out, and its filter. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fault } from '../../../../src/core/faults.ts';
import { assemble, EPERM } from '../../../../src/walls/seccomp/filter.ts';
import { AGENT_ENTRY, layOutPythonAgent, PYTHON_FLAGS } from '../../../../src/tiers/container/python-agent.ts';
import { FrameType } from '../../../../src/wire/frames.ts';
import { MemoryCapabilities } from '../../../support/memory-capabilities.ts';
import { PYTHON, pythonAgents } from '../../../support/python-agent.ts';

const agents = pythonAgents();

test('a function has its own environment and folder, and nothing of the agent’s', async () => {
  const sandbox = await agents.open(
    {
      'main.py': `
import os, sys
def handler(event, context):
    return [os.environ.get('GIVEN'), os.environ['HOME'] == os.environ['TMPDIR'], sorted(k for k in os.environ if 'PROXY' not in k.upper() and k != 'LC_CTYPE'),
            os.path.basename(os.getcwd()), open('data/file.txt').read(), sys.argv, __name__, __file__ == os.path.abspath('main.py')]`,
      'data/file.txt': 'content',
    },
    { env: { GIVEN: 'value' } },
  );
  const values = [['GIVEN', 'HOME', 'TMPDIR'], 'app', 'content', ['main.py'], 'main', true];
  assert.deepEqual(JSON.parse((await sandbox.call()).body), ['value', true, ...values]);
});

test('what a child process does reaches the host as output alone', async () => {
  const sandbox = await agents.open(`
import multiprocessing, os, subprocess, sys
from cordon import ctx
def work(n):
    print('from a child', n)
    return n * 2
def handler(event, context):
    pid = os.fork()
    if pid == 0:
        print('forked')
        try: ctx.kv.get('x')
        except BaseException as error: print(type(error).__name__)
        os.write(3, b'garbage') if os.path.exists('/proc/self/fd/3') and os.readlink('/proc/self/fd/3').startswith('socket') else None
        os._exit(7)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    fds = subprocess.run(['/bin/ls', '-l', '/proc/self/fd'], capture_output=True, text=True).stdout
    with multiprocessing.get_context('fork').Pool(2) as pool:
        doubled = pool.map(work, [1, 2])
    failed = subprocess.run(['/bin/sh', '-c', 'exit 5']).returncode
    return [status, 'socket' in fds, doubled, failed]`);
  const { body } = await sandbox.call({ id: 'forks' });
  assert.deepEqual(JSON.parse(body), [7, false, [2, 4], 5]);
  const lines = sandbox.agent.logs.map(({ entry }) => entry.message);
  assert.ok(lines.includes('forked'));
  assert.ok(lines.includes('from a child 1'));
  assert.equal((await sandbox.call({ reply: 'load' })).status, 204);
  assert.deepEqual(sandbox.agent.broken, []);
});

test('a child that returns from the handler serves nobody', async () => {
  const sandbox = await agents.open(`
import os
def handler(event, context):
    child = os.fork()
    if child: os.waitpid(child, 0)
    return os.getpid()`);
  const { pid } = sandbox.agent.child;
  assert.equal((await sandbox.call()).body, String(pid));
  assert.equal((await sandbox.call()).body, String(pid));
  assert.deepEqual(sandbox.agent.broken, []);
});

test('a function may start processes afresh', async () => {
  const sandbox = await agents.open({
    'main.py': `
import multiprocessing, work
def handler(event, context):
    with multiprocessing.get_context('spawn').Pool(1) as pool: return pool.map(work.double, [1, 2])`,
    'work.py': 'def double(n): return n * 2',
  });
  assert.equal((await sandbox.call()).body, '[2,4]');
});

test('SIGTERM and SIGINT do what the function says, else what they do by default', async () => {
  const plain = await agents.open('def handler(event, context): return 1');
  await plain.call();
  plain.agent.child.kill('SIGTERM');
  assert.deepEqual(await plain.agent.exited, [null, 'SIGTERM']);
  const own = await agents.open(
    `import signal\nsignal.signal(signal.SIGTERM, lambda *args: print('asked to end'))\ndef handler(event, context): return 1`,
  );
  await own.call();
  own.agent.child.kill('SIGTERM');
  await own.agent.log(({ message }) => message === 'asked to end');
  assert.equal((await own.call()).body, '1');
});

test('the host that goes away ends the process', async () => {
  const agent = await agents.start();
  agent.session.end(new Fault('SANDBOX_RECYCLED', 'over'));
  assert.deepEqual(await agent.exited, [0, null]);
});

test('a second function is refused, and so is a call of another sandbox', async () => {
  const sandbox = await agents.open('def handler(event, context): return 1');
  await sandbox.call();
  const gone = Promise.withResolvers<string>();
  sandbox.agent.session.open(sandbox.sandbox.version, {
    onSettled: () => undefined,
    onNotBegun: () => undefined,
    onGone: ({ message }) => gone.resolve(message),
  });
  assert.equal(await gone.promise, 'This process serves another sandbox already');
  assert.equal((await sandbox.call()).body, '1');
});

test('bytes go both ways through the egress door, for the invocation that runs', async () => {
  const capabilities = new MemoryCapabilities();
  const sandbox = await agents.open(
    `
import os, socket, urllib.parse, urllib.request
def connect():
    where = urllib.parse.urlsplit(os.environ['HTTPS_PROXY'])
    assert os.environ['HTTP_PROXY'] == os.environ['http_proxy'] == os.environ['https_proxy'] and os.environ['NO_PROXY'] == ''
    return socket.create_connection((where.hostname, where.port))
kept = []
early = connect()
early.settimeout(30)
print('early', early.recv(10))
def handler(event, context):
    if event['body'] == 'http':
        return urllib.request.urlopen('http://example.com/path').read().decode()
    with connect() as door:
        door.sendall(b'x' * 1000000)
        door.shutdown(socket.SHUT_WR)
        count = 0
        while True:
            part = door.recv(65536)
            if not part: break
            count += len(part)
    return count`,
    {},
    capabilities,
  );
  capabilities.serve = (exchange) => exchange.head(null);
  const sink = sandbox.start({ id: 'doors' });
  await capabilities.until(() => capabilities.exchanges[0]?.ended === true);
  const [exchange] = capabilities.exchanges;
  assert.deepEqual([exchange?.call.kind, exchange?.call.meta, exchange?.caller.call.id], ['egress', null, 'doors']);
  assert.equal(exchange?.text.length, 1_000_000);
  for (let i = 0; i < 30; i++) exchange?.data(Buffer.alloc(100_000, 'y'));
  exchange?.end();
  await sink.outcome;
  assert.equal(sink.text, '3000000');
  await sandbox.agent.log(({ message }) => message === `early b''`);

  const page = sandbox.start({ body: Buffer.from('http') });
  await capabilities.until(() => capabilities.exchanges[1]?.text.endsWith('\r\n\r\n') === true);
  const asked = capabilities.exchanges[1];
  assert.match(asked?.text ?? '', /^GET http:\/\/example\.com\/path HTTP\/1\.1\r\n/);
  asked?.data(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage'));
  await page.outcome;
  assert.equal(page.text, '"page"');
  assert.deepEqual(sandbox.agent.broken, []);
});

test('what the host refuses at the egress door is a closed connection', async () => {
  const capabilities = new MemoryCapabilities((exchange) => exchange.fail({ code: 'NOT_GRANTED', message: 'no' }));
  const sandbox = await agents.open(
    `
import os, socket, urllib.parse
def handler(event, context):
    where = urllib.parse.urlsplit(os.environ['HTTPS_PROXY'])
    with socket.create_connection((where.hostname, where.port)) as door:
        try: return len(door.recv(10))
        except ConnectionError: return 0`,
    {},
    capabilities,
  );
  assert.equal((await sandbox.call()).body, '0');
});

/** Starts the agent by hand. */
async function startWith(
  filter: Uint8Array,
  folder: string,
): Promise<{
  readonly first: Promise<Buffer>;
  readonly exited: Promise<unknown[]>;
  readonly said: () => string;
  kill(): void;
}> {
  await writeFile(join(folder, 'filter'), filter);
  const agent = await layOutPythonAgent(join(folder, 'cache'), PYTHON);
  const path = join(folder, 'host.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const first = once(server, 'connection').then(async ([socket]) => (await once(socket, 'data'))[0] as Buffer);
  const args = [...PYTHON_FLAGS, join(agent, AGENT_ENTRY), path, folder, join(folder, 'filter')];
  const child = spawn('/usr/bin/setpriv', ['--no-new-privs', PYTHON, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  const exited = once(child, 'close');
  void exited.then(() => server.close());
  return { first, exited, said: () => said, kill: () => void child.kill('SIGKILL') };
}

test('the filter stands before the agent is ready, for every thread, and a broken one ends it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-filter-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const rules = [{ call: 'uname', when: [], otherwise: EPERM }];
  const filter = assemble({ allowed: [], rules, allowsRest: true }, arch() === 'arm64' ? 'arm64' : 'x64');
  const agent = await startWith(filter, folder);
  const ready = await agent.first;
  assert.equal(ready[4], FrameType.READY);
  agent.kill();
  await agent.exited;
  const broken = await startWith(Buffer.alloc(12), folder);
  assert.deepEqual(await broken.exited, [1, null]);
  assert.match(broken.said(), /^The agent can't put on its seccomp filter: .* has 12 bytes, not 1 to 4096 times 8\n$/);
  const refused = await startWith(Buffer.alloc(8), folder);
  assert.deepEqual(await refused.exited, [1, null]);
  assert.match(refused.said(), /seccomp filter: Invalid argument\n$/);
});
