/**
 * Named attacks on the OS walls, by a guest that has already broken out of its language: it runs as node itself, with
 * system calls at hand. Each runs against every wall that stands here, as root and as an ordinary user.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { homedir, hostname } from 'node:os';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { identify, untilGone } from '../../src/walls/process-tree.ts';
import { WALL_NAMES } from '../../src/walls/wall.ts';
import type { WallGuarantee } from '../../src/walls/wall.ts';
import { answerOf, ask, FOLDER_VARIABLE, startGuest, UID_RANGE, wallNamed, writeFixture } from '../unit/walls/guest.ts';

const AS_ROOT = process.getuid?.() === 0;
const WITHOUT_ROOT = 'this wall gives no root and no namespaces of its own';
const OTHER_UID = '61234';
const WHO = AS_ROOT ? 'root' : 'an ordinary user';

for (const name of WALL_NAMES.filter((each) => each !== 'none')) {
  const wall = await wallNamed(name);
  describe(`a guest behind ${name}, started by ${WHO},`, { skip: typeof wall === 'string' && wall }, () => {
    if (typeof wall === 'string') return;
    const holds = (guarantee: WallGuarantee): boolean => wall.guarantees.includes(guarantee);

    test('has an unprivileged host uid and no capability', async () => {
      const guest = await startGuest(wall, () => 0, null);
      await answerOf(guest);
      const status = readFileSync(`/proc/${guest.pid}/status`, 'latin1');
      await guest.kill();
      const field = (key: string): string[] => {
        const line = status.split('\n').find((each) => each.startsWith(`${key}:`)) ?? '';
        return line
          .slice(key.length + 1)
          .split(/\s+/)
          .filter(Boolean);
      };
      const uids = new Set([...field('Uid'), ...field('Gid')].map(Number));
      assert.equal(uids.size, 1);
      const [uid = 0] = uids;
      if (AS_ROOT) assert.ok(uid >= UID_RANGE.first && uid < UID_RANGE.first + UID_RANGE.count);
      else assert.equal(uid, process.getuid?.());
      assert.deepEqual(field('Groups'), []);
      // An ordinary user can empty the bounding set in a user namespace only; without privileges it bounds nothing.
      const bounding = AS_ROOT || holds('mount') ? ['CapBnd'] : [];
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb', ...bounding])
        assert.deepEqual(field(set), ['0'.repeat(16)], set);
      assert.deepEqual(field('NoNewPrivs'), ['1']);
    });

    test('two guests of a root host never share a uid', { skip: !AS_ROOT }, async () => {
      const guests = await Promise.all([1, 2].map(() => startGuest(wall, () => process.getuid?.(), null)));
      const uids = await Promise.all(guests.map(answerOf));
      await Promise.all(guests.map((guest) => guest.kill()));
      assert.notEqual(uids[0], uids[1]);
    });

    test('can’t write a sysctl or pull the emergency brake', async () => {
      const paths = ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', '/proc/sysrq-trigger'];
      for (const path of paths) {
        assert.match(String(await ask(wall, openForWriting, path)), /^(EACCES|EPERM|EROFS|ENOENT)$/, path);
      }
    });

    test('reads nothing of the host', async () => {
      const etc = ['/etc/passwd', '/etc/shadow', '/etc/hostname', '/etc'];
      const folders = [
        '/home',
        '/root',
        homedir(),
        '/var',
        '/run',
        '/sys',
        '/old',
        '/guest',
        dirname(process.execPath),
      ];
      const paths = [...etc, ...folders, '/proc/kcore', '/proc/kmsg', '/proc/sys/kernel/random/boot_id'];
      const codes = (await ask(
        wall,
        (each) =>
          each.map((path) => {
            const { readdirSync, readFileSync: read, statSync } = require('node:fs');
            try {
              return statSync(path).isDirectory() ? readdirSync(path) : read(path).length;
            } catch (error) {
              return (error as NodeJS.ErrnoException).code;
            }
          }),
        paths,
      )) as unknown[];
      paths.forEach((path, index) => assert.match(String(codes[index]), /^(ENOENT|EACCES)$/, path));
    });

    test(
      'sees a root with nothing else in it, also through its other names',
      { skip: !holds('mount') && WITHOUT_ROOT },
      async () => {
        const listRoots = (): unknown[] => {
          const { readdirSync } = require('node:fs');
          return [
            '/',
            '/..',
            '/proc/self/root',
            '/proc/self/root/..',
            '/proc/self/cwd',
            '/proc/1/root',
            '/proc/1/cwd',
          ].map((path) => {
            try {
              return readdirSync(path).toSorted();
            } catch (error) {
              return (error as NodeJS.ErrnoException).code;
            }
          });
        };
        const [root, ...others] = (await ask(wall, listRoots, null)) as (string | string[])[];
        const known = ['bin', 'cordon', 'dev', 'guest', 'lib', 'lib64', 'old', 'proc', 'sbin', 'usr'];
        for (const entries of [root, ...others].filter(Array.isArray)) {
          assert.deepEqual(
            entries.filter((entry) => !known.includes(entry)),
            [],
          );
        }
        assert.ok(Array.isArray(root) && !root.includes('guest') && !root.includes('old'));
      },
    );

    test(
      'does not see the host’s processes, and can’t signal its own parent',
      { skip: !holds('mount') && WITHOUT_ROOT },
      async () => {
        const tried = (await ask(
          wall,
          (host) => {
            const attempt = (pid: number): unknown => {
              try {
                return process.kill(pid, 'SIGKILL');
              } catch (error) {
                return (error as NodeJS.ErrnoException).code;
              }
            };
            const pids = require('node:fs')
              .readdirSync('/proc')
              .filter((entry: string) => /^\d+$/.test(entry));
            const before = process.ppid;
            return { pids: pids.length, host: attempt(host), parent: attempt(process.ppid), group: attempt(1), before };
          },
          process.pid,
        )) as Record<string, unknown>;
        assert.ok(Number(tried['pids']) <= 3, `it sees ${String(tried['pids'])} processes`);
        assert.equal(tried['host'], 'ESRCH');
        // Init ignores signals from inside its namespace: the guest is there to answer, after it sent one.
        assert.equal(tried['before'], 1);
      },
    );

    test('reaches no port of the host and no network', async () => {
      const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const attempts = (await ask(
        wall,
        async (to) => {
          const { connect } = require('node:net');
          const attempt = (host: string): Promise<unknown> =>
            new Promise((resolve) => {
              const socket = connect({ host, port: to, timeout: 2_000 });
              socket.once('connect', () => resolve('connected'));
              socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
              socket.once('timeout', () => resolve('timeout'));
            });
          const listInterfaces = (): string[] => {
            try {
              return Object.keys(require('node:os').networkInterfaces()).filter((each) => each !== 'lo');
            } catch {
              return [];
            }
          };
          return [
            listInterfaces(),
            ...(await Promise.all([attempt('127.0.0.1'), attempt('169.254.169.254'), attempt('1.1.1.1')])),
          ];
        },
        port,
      )) as [string[], ...string[]];
      server.close();
      assert.deepEqual(attempts[0], []);
      for (const code of attempts.slice(1)) assert.match(String(code), /^(EAFNOSUPPORT|EPERM)$/);
    });

    test('writes nowhere', async () => {
      assert.deepEqual(await ask(wall, findWritable, null), []);
    });

    test(
      'with a scratch folder writes there alone, and no more than its size',
      { skip: !holds('mount') && WITHOUT_ROOT },
      async () => {
        assert.deepEqual(await ask(wall, findWritable, null, { scratchBytes: 1 << 20 }), ['/tmp']);
        const overflow = (): unknown => {
          try {
            return require('node:fs').writeFileSync('/tmp/big', Buffer.alloc(2 << 20));
          } catch (error) {
            return (error as NodeJS.ErrnoException).code;
          }
        };
        assert.equal(await ask(wall, overflow, null, { scratchBytes: 1 << 20 }), 'ENOSPC');
      },
    );

    test('can’t change the files it was given', async () => {
      const file = writeFixture('given.txt', 'given');
      const result = await ask(wall, openForWriting, file, { files: [{ host: file }] });
      assert.match(String(result), /^(EROFS|EACCES)$/);
      const removed = await ask(
        wall,
        (path) => {
          try {
            return require('node:fs').unlinkSync(path);
          } catch (error) {
            return (error as NodeJS.ErrnoException).code;
          }
        },
        file,
        { files: [{ host: file }] },
      );
      assert.match(String(removed), /^(EROFS|EACCES|EBUSY|EPERM)$/);
      assert.equal(readFileSync(file, 'utf8'), 'given');
    });

    test(
      'finds nothing of the host in any environment or command line, nor its name',
      { skip: !holds('mount') && WITHOUT_ROOT },
      async () => {
        const seen = String(
          await ask(
            wall,
            () => {
              const { readFileSync: read } = require('node:fs');
              const own = read('/proc/self/environ', 'latin1');
              try {
                return own + read('/proc/1/environ', 'latin1');
              } catch {
                return own;
              }
            },
            null,
            { env: { ONLY: 'this' } },
          ),
        );
        assert.deepEqual(
          seen.split('\0').filter((each) => each !== '' && each !== 'ONLY=this' && each !== 'PWD=/'),
          [],
        );
        assert.notEqual(await ask(wall, () => require('node:os').hostname(), null), hostname());
      },
    );

    test(
      'can’t make a user namespace, in which it would be root',
      { skip: !holds('mount') && WITHOUT_ROOT },
      async () => {
        const tool = '/usr/bin/unshare';
        const said = await ask(
          wall,
          (path) =>
            require('node:child_process').spawnSync(path, ['--user', '--map-root-user', '/cordon/node', '-v'], {
              encoding: 'utf8',
            }),
          '/cordon/unshare',
          { files: [{ host: tool, inside: '/cordon/unshare' }] },
        );
        const { status, stderr } = said as { status: number; stderr: string };
        assert.notEqual(status, 0);
        assert.match(stderr, /Operation not permitted/);
      },
    );

    test(
      'gains nothing from a set-user-ID program',
      { skip: AS_ROOT ? !holds('mount') && WITHOUT_ROOT : 'only root can make one' },
      async () => {
        const program = writeFixture('set-user-id', '');
        copyFileSync('/usr/bin/setpriv', program);
        chmodSync(program, 0o4755);
        const dump = await ask(
          wall,
          (path) => require('node:child_process').execFileSync(path, ['--dump'], { encoding: 'utf8' }),
          '/cordon/set-user-id',
          { files: [{ host: program, inside: '/cordon/set-user-id' }] },
        );
        assert.match(String(dump), /^euid: 961\d{3}$/m);
      },
    );

    test('can’t outlive its host by taking its own death signal away', async () => {
      const host = spawn(
        process.execPath,
        [fileURLToPath(new URL('../unit/walls/host.ts', import.meta.url)), name, 'stubborn'],
        {
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        },
      );
      const [pid] = (await once(host, 'message')) as [number];
      const guest = identify(pid);
      assert.ok(guest !== null);
      host.kill('SIGKILL');
      await untilGone(guest);
    });
  });
}

test('an ordinary user’s walls refuse the same attacks', { skip: !AS_ROOT && 'this is that run' }, async (t) => {
  const asUser = ['--reuid', OTHER_UID, '--regid', OTHER_UID, '--clear-groups'];
  const readable = spawnSync('setpriv', [...asUser, process.execPath, '-e', '0'], { stdio: 'ignore', cwd: '/' });
  if (readable.status !== 0) {
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

function openForWriting(path: string): string | undefined {
  const { closeSync, openSync } = require('node:fs');
  try {
    closeSync(openSync(path, 'r+'));
    return 'opened';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/** Every folder in which a file can be made. */
function findWritable(): string[] {
  const { readdirSync, rmSync, writeFileSync } = require('node:fs');
  const found: string[] = [];
  const walk = (folder: string): void => {
    try {
      writeFileSync(`${folder}/made`, '');
      rmSync(`${folder}/made`);
      found.push(folder);
    } catch {
      // As it should be.
    }
    for (const entry of list(folder)) if (entry.isDirectory()) walk(`${folder === '/' ? '' : folder}/${entry.name}`);
  };
  const list = (folder: string): import('node:fs').Dirent[] => {
    try {
      return /^\/proc\/\d/.test(folder) ? [] : readdirSync(folder, { withFileTypes: true });
    } catch {
      return [];
    }
  };
  walk('/');
  return found;
}
