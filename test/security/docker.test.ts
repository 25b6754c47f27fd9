/**
 * Code that tries to get out of a container of Podman's, and engines and hosts that fail: what differs from the containers
 * of our own walls. One named attack each; afterwards the engine has no container, and the kernel none of its processes.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { MB } from '../../src/core/limits.ts';
import type { Runtime } from '../../src/core/runtime.ts';
import type { Tier } from '../../src/core/tier.ts';
import { createContainerTier } from '../../src/tiers/container/container-tier.ts';
import { record } from '../../src/tiers/container/docker/daemon.ts';
import type { ContainerEngine } from '../../src/tiers/container/engine.ts';
import { callNumber, callsOf, type Architecture } from '../../src/walls/seccomp/calls.ts';
import { contain, type Contained, type ContainerOptions } from '../support/containers.ts';
import { BUILD_DEADLINE_MS, ENGINE_UIDS, engineOn, sharePodman } from '../support/docker-tier.ts';
import { idsOf, leftBehind, makeBases } from '../support/docker-containers.ts';
import { PROXY, whyNoPodman, type TestPodman } from '../support/podman.ts';
import { OF_EVERYONE } from './walls-calls.ts';

const ARCHITECTURE = process.arch as Architecture;
/** EPERM, EACCES, ENOTTY, ENOSYS, EAFNOSUPPORT. */
const REFUSALS: readonly number[] = [1, 13, 25, 38, 97];
const OF_CONTAINERS = new Set(callsOf('runtimes', ARCHITECTURE));
const ATTACKS = OF_EVERYONE.filter(
  ([what, call]) =>
    !OF_CONTAINERS.has(call) && !/^makes an IPv[46] socket$/.test(what) && callNumber(call, ARCHITECTURE) !== null,
);
const HELLO = `export default () => ({ statusCode: 200, body: 'here' })`;

/** `errno` of each call, 0 where the kernel did it. */
const TRY_CALLS = `
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def raw(argument):
    if isinstance(argument, int): return ctypes.c_long(argument)
    return ctypes.create_string_buffer(argument.encode() if isinstance(argument, str) else b'', 256)
def attempt(number, *args):
    ctypes.set_errno(0)
    five = [raw(args[i] if i < len(args) else 0) for i in range(5)]
    return ctypes.get_errno() if libc.syscall(ctypes.c_long(number), *five) == -1 else 0
CALLS = json.loads('''${JSON.stringify(ATTACKS.map(([, call, ...args]) => [callNumber(call, ARCHITECTURE), ...args]))}''')
def handler(event, context):
    return [attempt(*call) for call in CALLS]
`;

/** For each expression the name of the error that it ends in, or null. */
const attempts = (imports: string, each: readonly string[]): string => `${imports}
import errno
def outcome(attempt):
    try:
        attempt()
        return None
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
def handler(event, context):
    return [outcome(each) for each in [${each.map((one) => `lambda: ${one}`).join(', ')}]]
`;

/** Images are looked at, or built. */
const SLOW = { timeout: BUILD_DEADLINE_MS } as const;

const missing = whyNoPodman();
describe('a container in Podman', { skip: missing ?? false }, () => {
  let podman: TestPodman;
  let leave: () => Promise<void>;
  let cacheDir: string;
  let engine: ContainerEngine;
  let tier: Tier;
  let neighbour: Contained;
  before(
    async () => {
      ({ podman, leave } = await sharePodman());
      cacheDir = mkdtempSync(join(tmpdir(), 'cordon-docker-'));
      engine = engineOn(podman, cacheDir);
      tier = createContainerTier({ engine });
      const probe = await tier.probe();
      assert.ok(probe.works && /Node .* in Podman.*CPython .* in Podman/.test(probe.detail), JSON.stringify(probe));
      neighbour = await start('javascript', HELLO);
    },
    { timeout: BUILD_DEADLINE_MS },
  );
  afterEach(async () => {
    assert.equal((await neighbour.call()).body, 'here');
    assert.deepEqual(await leftBehind(podman), [neighbour.executor.pid]);
  });
  after(async () => {
    await neighbour?.[Symbol.asyncDispose]();
    await tier?.close();
    assert.deepEqual(await leftBehind(podman), []);
    rmSync(cacheDir, { recursive: true, force: true });
    await leave?.();
  });

  const start = (runtime: Runtime, code: string, options?: ContainerOptions): Promise<Contained> =>
    contain(tier, runtime, code, options);
  const answerOf = async (contained: Contained): Promise<unknown> => JSON.parse((await contained.call()).body);

  test('asks the kernel for what is not its own', async () => {
    await using contained = await start('python', TRY_CALLS);
    const answered = (await answerOf(contained)) as number[];
    ATTACKS.forEach(([what], i) => assert.ok(REFUSALS.includes(answered[i] ?? 0), `${what}: errno ${answered[i]}`));
    assert.equal(answered.length, ATTACKS.length);
  });

  test('looks for privileges that it was left: it is nobody, with no capability and no way to one', async () => {
    await using contained = await start('javascript', HELLO);
    const status = readFileSync(`/proc/${contained.executor.pid}/status`, 'utf8');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(status, new RegExp(`^${set}:\\s0+$`, 'm'));
    assert.match(status, /^NoNewPrivs:\s1$/m);
    assert.match(status, /^Seccomp:\s2$/m);
    const [uid = 0] = (/^Uid:\s(\d+)/m.exec(status) ?? []).slice(1).map(Number);
    const { uid: otherUid } = statSync(`/proc/${neighbour.executor.pid}`);
    assert.ok(uid >= ENGINE_UIDS.first && uid < ENGINE_UIDS.first + ENGINE_UIDS.count, `uid ${uid}`);
    assert.notEqual(uid, otherUid);
    const limits = readFileSync(`/proc/${contained.executor.pid}/limits`, 'utf8');
    assert.match(limits, /^Max core file size +0 +0 /m);
    assert.match(limits, /^Max open files +1024 +1024 /m);
    assert.equal(readFileSync(`/proc/${contained.executor.pid}/oom_score_adj`, 'utf8').trim(), '800');
  });

  test('looks for the engine’s socket, its own channel and what else is the host’s', async () => {
    const reads = [
      podman.socketPath,
      '/var/run/docker.sock',
      '/run/podman',
      '/run/cordon/channel',
      '/root',
      '/etc/shadow',
    ];
    const writes = [
      '/proc/sys/kernel/core_pattern',
      '/proc/sysrq-trigger',
      '/sys/fs/cgroup/x',
      '/etc/passwd',
      '/bin/x',
      '/x',
    ];
    const folders = ['/run', '/run/cordon', '/var/tmp', '/dev', '/cordon', '/cordon/agent'];
    await using contained = await start(
      'python',
      attempts('import socket', [
        ...reads.map((path) => `open('${path}').read()`),
        ...[...writes, ...folders.map((folder) => `${folder}/new`)].map((path) => `open('${path}', 'w')`),
        `socket.socket(socket.AF_UNIX).connect('/run/cordon/channel')`,
        `socket.socket(socket.AF_UNIX).connect('${podman.socketPath}')`,
      ]),
    );
    const answered = (await answerOf(contained)) as (string | null)[];
    answered.forEach((code, i) => assert.match(String(code), /^E(?:NOENT|ACCES|PERM|ROFS|ISDIR|NXIO)$/, `number ${i}`));
    assert.deepEqual(readdirSync(`/proc/${contained.executor.pid}/root/run/cordon`), []);
  });

  test('reads the environment that its container was started with, and the engine’s', async () => {
    await using contained = await start(
      'python',
      `
def handler(event, context):
    return [open('/proc/%s/environ' % pid).read().replace('\\0', ' ') for pid in ('self', '1')]
`,
    );
    const { body } = await contained.call();
    assert.match(body, /HOME=\/tmp /);
    assert.equal(body.includes(PROXY.HTTPS_PROXY), false);
    assert.equal(body.includes(process.cwd()), false);
  });

  test('connects to the host', async (t) => {
    const server: Server = createServer((_request, response) => response.end('the host'));
    await once(server.listen(0, '0.0.0.0'), 'listening');
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const own = Object.values(networkInterfaces()).flat();
    const hosts = [
      '169.254.169.254',
      '1.1.1.1',
      ...own.flatMap((each) => (each?.family === 'IPv4' && !each.internal ? [each.address] : [])),
    ];
    await using contained = await start(
      'python',
      attempts('import socket, os', [
        ...hosts.map((host) => `socket.create_connection(('${host}', ${port}), 2)`),
        `socket.create_connection(('127.0.0.1', ${port}), 2)`,
      ]),
    );
    const answers = (await answerOf(contained)) as string[];
    assert.deepEqual(new Set(answers.slice(0, -1)), new Set(['ENETUNREACH']));
    assert.equal(answers.at(-1), 'ECONNREFUSED');
    assert.match(readFileSync(`/proc/${contained.executor.pid}/net/dev`, 'utf8'), /^[^:]+lo:[^:]+$/);
  });

  test('forks without end', async () => {
    await using contained = await start(
      'javascript',
      `import { spawn } from 'node:child_process';
       export default () => new Promise(() => { spawn('/bin/sh', ['-c', 'f() { f | f & }; f']).on('error', () => {}); });`,
      { limits: { timeoutMs: 1_500 } },
    );
    const fault = contained.fault();
    assert.equal((await neighbour.call()).body, 'here');
    assert.equal((await fault).code, 'TIMED_OUT');
    await contained.exited;
  });

  test('leaves daemons that ignore every signal behind', async () => {
    await using contained = await start(
      'python',
      `
import os, signal, time
def handler(event, context):
    for _ in range(5):
        if os.fork() == 0:
            for number in range(1, 32):
                try: signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError): pass
            if os.fork() == 0: time.sleep(1000)
            os._exit(0)
    time.sleep(0.5)
    return [name for name in os.listdir('/proc') if name.isdigit() and 'Z' in open('/proc/%s/stat' % name).read().split(')')[-1][:3]]
`,
    );
    const orphans = (await answerOf(contained)) as string[];
    assert.ok(orphans.length <= 5, `${orphans.length} zombies`);
  });

  test('fills every place that it may write to', async () => {
    await using contained = await start(
      'python',
      `
import os
def fill(path):
    written = 0
    try:
        with open(path, 'wb', buffering=0) as file:
            while True: written += file.write(bytes(1 << 20))
    except OSError as error:
        os.unlink(path)
        return [error.strerror, written >> 20]
def handler(event, context):
    return [fill('/tmp/full'), fill('/dev/shm/full')]
`,
    );
    const [[tmpReason, tmpMb], [shmReason, shmMb]] = (await answerOf(contained)) as [
      [string, number],
      [string, number],
    ];
    assert.match(`${tmpReason}, ${shmReason}`, /^No space left.*No space left/);
    assert.ok(tmpMb > 32 && tmpMb <= 64 && shmMb <= 8, `${tmpMb} and ${shmMb} MB`);
  });

  for (const [runtime, code] of [
    [
      'javascript',
      `const all = []; export default async () => { for (;;) { all.push(Buffer.alloc(4e6, 1)); await null; } }`,
    ],
    [
      'python',
      'def handler(event, context):\n    kept = []\n    while True:\n        kept.append(bytearray(b"x" * 4000000))\n',
    ],
  ] as const)
    test(`takes more memory than it may, in ${runtime}`, async (t) => {
      await using contained = await start(runtime, code);
      if (!contained.hold(96)) return t.skip('no cgroup of this machine can be written');
      assert.equal((await contained.fault()).code, 'OUT_OF_MEMORY');
      assert.match(await contained.exited, /out of memory/);
    });

  test('floods its output past the agent, and the host reads no more than it keeps', async () => {
    const beforeBytes = process.memoryUsage().rss;
    await using contained = await start(
      'javascript',
      `import { writeSync } from 'node:fs';
       const mb = Buffer.alloc(1 << 20, 'x');
       export default () => { for (let i = 0; i < 100; i++) for (const fd of [1, 2]) try { writeSync(fd, mb); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
         return { statusCode: 200, body: 'done' }; }`,
    );
    assert.equal((await contained.call()).body, 'done');
    const grown = process.memoryUsage().rss - beforeBytes;
    assert.ok(grown < 100 * MB, `the host grew by ${grown / MB} MB`);
  });

  test('is paused: it runs no further, goes on as it was, and can be killed', async () => {
    await using contained = await start(
      'javascript',
      `let n = 0; setInterval(() => n++, 5); export default () => ({ statusCode: 200, body: String(n) })`,
    );
    const { executor } = contained;
    await contained.call();
    await executor.pause?.();
    const beforeMs = executor.cpuMs() ?? 0;
    const held = contained.call();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok((executor.cpuMs() ?? 0) - beforeMs < 2);
    await executor.resume?.();
    assert.equal((await held).status, 200);
    await executor.pause?.();
    await executor.kill('it is not needed');
    await contained.exited;
  });

  test('is killed outside of the engine, or by whoever uses the engine', async () => {
    for (const end of [
      (contained: Contained) => void process.kill(contained.executor.pid ?? assert.fail(), 'SIGKILL'),
      async (contained: Contained) => {
        const [id] = await idsOf(podman, contained.executor.pid);
        await podman.daemon.call({ method: 'DELETE', path: `/containers/${id}`, query: { force: 'true' } });
      },
    ]) {
      await using contained = await start('javascript', 'export default () => new Promise(() => {})');
      const fault = contained.fault();
      await end(contained);
      assert.equal((await fault).code, 'SANDBOX_RECYCLED');
      await contained.exited;
    }
  });

  test('lost its host to kill -9 while it was paused: the next host’s engine removes it', SLOW, async () => {
    const script = join(import.meta.dirname, '..', 'support', 'docker-host.ts');
    const host = spawn(process.execPath, [script, podman.socketPath, cacheDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    for await (const chunk of host.stdout) {
      said += String(chunk);
      if (said.includes('\n')) break;
    }
    const pid = Number(said);
    host.kill('SIGKILL');
    await once(host, 'exit');
    assert.equal((await idsOf(podman, pid)).length, 1);
    const next = engineOn(podman, cacheDir);
    const container = await next.start({ runtime: 'javascript', limits: {}, scratchBytes: MB });
    assert.deepEqual(await idsOf(podman, pid), []);
    await container.kill();
    assert.equal((await neighbour.call()).body, 'here');
    await next.close();
  });

  test('had its image removed meanwhile: it is built again', SLOW, async () => {
    const images = await podman.daemon.call({ method: 'GET', path: '/images/json' });
    const python = (images as Record<string, unknown>[]).find(
      ({ Labels: labels }) => record(labels)['cordon.runtime'] === 'python',
    );
    await podman.daemon.call({ method: 'DELETE', path: `/images/${String(python?.['Id'])}` });
    await using contained = await start('python', 'def handler(event, context):\n    return "built"\n');
    assert.equal((await contained.call()).body, '"built"');
  });

  test('runs in a base image of the operator’s, which brings its own user and entrypoint', SLOW, async () => {
    const bases = await makeBases(podman);
    const other = createContainerTier({ engine: engineOn(podman, cacheDir, { baseImages: bases }) });
    for (const [runtime, code, expected] of [
      ['javascript', HELLO, 'here'],
      [
        'python',
        'import sys\ndef handler(event, context):\n    return [sys.executable, open("/made").read()]\n',
        '["/usr/local/bin/python3","by the operator"]',
      ],
    ] as const) {
      await using contained = await contain(other, runtime, code);
      assert.equal((await contained.call()).body, expected);
    }
    await other.close();
  });
});
