/**
 * Named attacks on the kernel itself, by a guest that has system calls at hand. Each is tried behind every wall that
 * stands here, by an executor and by a process that may start programs, as root and as an ordinary user.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { callNumber } from '../../src/walls/seccomp/calls.ts';
import type { Architecture } from '../../src/walls/seccomp/calls.ts';
import { WALL_NAMES } from '../../src/walls/wall.ts';
import { answerOf, ask, FOLDER_VARIABLE, startGuest, wallNamed } from '../unit/walls/guest.ts';
import { OF_EVERYONE, OF_EXECUTORS, OF_SEALED } from './walls-calls.ts';
import type { Argument, Attack } from './walls-calls.ts';

const AS_ROOT = process.getuid?.() === 0;
const OTHER_UID = '61235';
const [EPERM, EACCES, ENOTTY, ENOSYS, EAFNOSUPPORT] = [1, 13, 25, 38, 97];
/** What a filter answers; anything else says that the kernel itself got to see the call. */
const REFUSALS: readonly number[] = [EPERM, EACCES, ENOTTY, ENOSYS, EAFNOSUPPORT];

const QUIET: readonly string[] = ['--no-warnings'];
const WITHOUT_FFI: readonly string[] = ['--no-addons', '--no-experimental-ffi'];

const LANDLOCK_VERSION = `
  const { functions } = require('node:ffi').dlopen(null, {
    syscall: { arguments: ['i64', 'i64', 'i64', 'i64'], return: 'i64' },
  });
  console.log(Number(functions.syscall(444n, 0n, 0n, 1n)));`;
/** Without landlock, a filter can't tell node, which is started behind it, from any other program. */
const LANDLOCK = Number(spawnSync(process.execPath, ['-e', LANDLOCK_VERSION], { encoding: 'utf8' }).stdout) > 0;

for (const name of WALL_NAMES.filter((each) => each !== 'none')) {
  const wall = await wallNamed(name);
  describe(
    `the kernel behind ${name}, as ${AS_ROOT ? 'root' : 'an ordinary user'},`,
    { skip: typeof wall === 'string' && wall },
    () => {
      if (typeof wall === 'string') return;

      test('is closed to whoever may start programs', async () => {
        assertRefused(OF_EVERYONE, await ask(wall, tryCalls, callsOf(OF_EVERYONE), { nodeFlags: QUIET }));
      });

      test('is closed further to an executor', async () => {
        const attacks = [...OF_EVERYONE, ...OF_EXECUTORS];
        const command = { nodeFlags: QUIET, profile: 'executor' } as const;
        assertRefused(attacks, await ask(wall, tryCalls, callsOf(attacks), command));
      });

      test('starts nothing and writes nothing for an executor without FFI', async () => {
        const seen = await ask(wall, tryWithoutFfi, null, { nodeFlags: WITHOUT_FFI, profile: 'executor' });
        assert.deepEqual(seen, { spawned: 'EPERM', written: 'EACCES' });
      });

      test('makes no shell of an executor without FFI', { skip: !LANDLOCK && 'no landlock' }, async () => {
        for (const shell of ['/bin/sh', '/usr/bin/sh', '/bin/dash']) {
          const command = { nodeFlags: WITHOUT_FFI, profile: 'executor' } as const;
          assert.match(String(await ask(wall, becomeShell, shell, command)), /^(EACCES|ENOENT)$/);
        }
      });

      test('is closed further still when an executor has sealed itself, which then goes on working', async () => {
        const attacks = [...OF_EVERYONE, ...OF_EXECUTORS, ...OF_SEALED];
        const guest = await startGuest(
          wall,
          sealThenTry,
          { calls: callsOf(attacks), body: tryCalls.toString() },
          {
            nodeFlags: QUIET,
            profile: 'executor',
            sealsItself: true,
          },
        );
        const { results, alive } = (await answerOf(guest)) as { results: number[][]; alive: unknown };
        assertRefused(attacks, results);
        assert.equal(alive, 'a second thread and 42');
        assert.ok(guest.isConfined());
        await guest.kill();
      });

      test(
        'ends whoever speaks to it in another architecture’s numbers',
        { skip: process.arch !== 'x64' && 'x32' },
        async () => {
          const x32 = [[0x4000_0000 + 39]];
          const guest = await startGuest(wall, tryCalls, x32, { nodeFlags: QUIET });
          assert.equal((await guest.exited).signal, 'SIGSYS');
        },
      );

      test('opens no other process, device or setting of the host to it', async () => {
        const paths = [
          ...['/proc/1/environ', '/proc/1/mem', '/proc/1/root/etc/passwd', `/proc/${process.pid}/environ`],
          ...[
            `/proc/${process.pid}/mem`,
            `/proc/${process.pid}/fd/0`,
            '/dev/mem',
            '/dev/kmem',
            '/dev/kvm',
            '/dev/fuse',
          ],
          ...['/dev/vsock', '/dev/vhost-vsock', '/dev/tty', '/dev/sda', '/dev/shm', '/sys/kernel', '/sys/fs/cgroup'],
          ...['/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/proc/kcore', '/run/docker.sock'],
        ];
        for (const profile of ['program', 'executor'] as const) {
          const opened = (await ask(wall, openEach, paths, { profile })) as string[];
          paths.forEach((path, index) => assert.match(String(opened[index]), /^E[A-Z]+$/, path));
        }
      });

      test('lets it write in no folder but its scratch', async () => {
        const folders = [
          '/',
          '/tmp',
          '/var/tmp',
          '/dev/shm',
          '/run',
          '/proc/self',
          process.env[FOLDER_VARIABLE] ?? '/',
        ];
        const command = { args: ['/tmp/own'], scratchBytes: wall.guarantees.includes('mount') ? 0 : 1 << 20 };
        const [own, ...others] = (await ask(wall, writeInEach, folders, command)) as string[];
        if (command.scratchBytes > 0) assert.equal(own, 'written');
        folders.forEach((folder, index) => assert.match(String(others[index]), /^E[A-Z]+$/, folder));
      });

      test('writes no core dump of it', async () => {
        const guest = await startGuest(wall, () => 0, null);
        await answerOf(guest);
        const limits = readFileSync(`/proc/${guest.pid}/limits`, 'latin1');
        await guest.kill();
        assert.match(limits, /^Max core file size +0 +0 /m);
      });

      test('ends it before the host when memory runs out', async () => {
        const guest = await startGuest(wall, () => 0, null, { profile: 'executor' });
        await answerOf(guest);
        assert.equal(readFileSync(`/proc/${guest.pid}/oom_score_adj`, 'latin1').trim(), '800');
        await guest.kill();
      });

      test(
        'lets it start no more than its tasks',
        { skip: !wall.limits.includes('tasks') && 'no cgroup' },
        async () => {
          const limits = { maxTasks: 40 };
          const started = Number(await ask(wall, forkBomb, null, { limits }));
          assert.ok(started > 0 && started < 40, `it started ${started}`);
        },
      );

      test('ends it at its memory', { skip: !wall.limits.includes('memory') && 'no cgroup' }, async () => {
        const limits = { memoryBytes: 160 << 20 };
        const guest = await startGuest(wall, allocateAll, null, { profile: 'executor', limits });
        let peak = 0;
        const poll = setInterval(() => (peak = Math.max(peak, guest.usage()?.memoryBytes ?? 0)), 5);
        const exit = await guest.exited;
        clearInterval(poll);
        assert.deepEqual(exit, { code: null, signal: 'SIGKILL', outOfMemory: true });
        assert.ok(peak <= limits.memoryBytes, `it had ${peak}`);
      });
    },
  );
}

test('an ordinary user’s filters refuse the same', { skip: !AS_ROOT && 'this is that run' }, async (t) => {
  const asUser = ['--reuid', OTHER_UID, '--regid', OTHER_UID, '--clear-groups'];
  if (spawnSync('setpriv', [...asUser, process.execPath, '-e', '0'], { stdio: 'ignore', cwd: '/' }).status !== 0) {
    t.skip(`an ordinary user can’t run ${process.execPath}`);
    return;
  }
  const { NODE_TEST_CONTEXT: _, [FOLDER_VARIABLE]: __, ...env } = process.env;
  const child = spawn('setpriv', [...asUser, process.execPath, '--test', '--test-reporter=tap', import.meta.filename], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...env, HOME: '/nonexistent' },
  });
  const report = await text(child.stdout);
  assert.match(report, /^# fail 0$/m, report);
  const passed = Number(/^# pass (\d+)$/m.exec(report)?.[1]);
  t.diagnostic(`${passed} passed as uid ${OTHER_UID}`);
  assert.ok(passed > 0, report);
});

function callsOf(attacks: readonly Attack[]): (readonly Argument[])[] {
  const architecture = process.arch as Architecture;
  return attacks.map(([, call, ...args]) => [callNumber(call, architecture) ?? -1, ...args]);
}

function assertRefused(attacks: readonly Attack[], results: unknown): void {
  const seen = results as readonly number[][];
  assert.equal(seen.length, attacks.length);
  attacks.forEach(([what, call], index) => {
    const [result, errno = 0] = seen[index] ?? [];
    assert.equal(result, -1, `${what}: ${call} gave ${result}`);
    assert.ok(REFUSALS.includes(errno), `${what}: ${call} failed with errno ${errno}`);
  });
}

/** Result and errno of each. */
function tryCalls(calls: unknown): number[][] {
  const ffi = require('node:ffi');
  const i64 = 'i64';
  const { functions } = ffi.dlopen(null, {
    syscall: { arguments: [i64, i64, i64, i64, i64, i64], return: i64 },
    __errno_location: { arguments: [], return: 'pointer' },
  });
  const kept: Buffer[] = [];
  const raw = (argument: unknown): bigint => {
    if (typeof argument === 'number') return BigInt(argument);
    const bytes = Buffer.alloc(256);
    if (typeof argument === 'string') bytes.write(argument);
    kept.push(bytes);
    return ffi.getRawPointer(bytes);
  };
  return (calls as unknown[][]).map((call) => {
    const [number, ...args] = call;
    const five = [0, 1, 2, 3, 4].map((index) => raw(args[index] ?? 0));
    const result = Number(functions.syscall(BigInt(number as number), ...five));
    return [result, result === -1 ? ffi.getInt32(functions.__errno_location(), 0) : 0];
  });
}

async function sealThenTry({ calls, body }: { calls: unknown; body: string }): Promise<unknown> {
  const { Worker } = require('node:worker_threads');
  const { promisify } = require('node:util');
  const worker = new Worker(
    `require('node:worker_threads').parentPort.on('message', (n) => require('node:worker_threads').parentPort.postMessage(n + 1))`,
    {
      eval: true,
    },
  );
  const answers = (number: number): Promise<number> =>
    new Promise((resolve) => {
      worker.once('message', resolve);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, no window
      worker.postMessage(number);
    });
  await answers(1);
  const seal = (globalThis as unknown as Record<symbol, (() => void) | undefined>)[Symbol.for('cordon.seal')];
  const attempt = require('node:vm').runInThisContext(`(require) => (${body})`)(require);
  attempt([]);
  seal?.();
  const results = attempt(calls);
  const random = await promisify(require('node:crypto').randomBytes)(16);
  const sum = await answers(41);
  await worker.terminate();
  return { results, alive: random.length === 16 ? `a second thread and ${sum}` : 'no randomness' };
}

function tryWithoutFfi(): unknown {
  const codeOf = (attempt: () => unknown): unknown => {
    try {
      return attempt();
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  };
  return {
    spawned: codeOf(() => require('node:child_process').spawnSync(process.execPath, ['-v']).error?.code),
    written: codeOf(() => require('node:fs').writeFileSync('/dev/null', 'x')),
  };
}

/** In its own place, which is what is left when nothing can be started beside it: then nobody answers. */
function becomeShell(path: string): unknown {
  try {
    return process.execve?.(path, ['sh', '-c', ':'], {});
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

function openEach(paths: string[]): unknown[] {
  const { openSync } = require('node:fs');
  return paths.map((path) => {
    try {
      return openSync(path, 'r') >= 0 && 'opened';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  });
}

function writeInEach(folders: string[]): unknown[] {
  const { rmSync, writeFileSync } = require('node:fs');
  return [process.argv[2], ...folders.map((folder) => `${folder}/cordon-made`)].map((path) => {
    try {
      writeFileSync(path, 'x');
      rmSync(path);
      return 'written';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  });
}

async function forkBomb(): Promise<number> {
  const { spawn: start } = require('node:child_process');
  const { once } = require('node:events');
  let count = 0;
  for (let tries = 0; tries < 60; tries++) {
    const child = start(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { stdio: 'ignore' });
    try {
      await once(child, 'spawn');
      count++;
    } catch {
      break;
    }
  }
  return count;
}

function allocateAll(): number {
  const kept: Buffer[] = [];
  for (;;) kept.push(Buffer.alloc(4 << 20, 1));
}
