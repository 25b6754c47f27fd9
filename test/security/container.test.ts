/**
 * Code that tries to get out of its container: one named attack each, in both languages where that makes a difference,
 * behind both walls.
 */

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import type { Runtime } from '../../src/core/runtime.ts';
import { callNumber, callsOf, type Architecture } from '../../src/walls/seccomp/calls.ts';
import { containersBehind } from '../support/containers.ts';
import { OF_EVERYONE } from './walls-calls.ts';

const ARCHITECTURE = process.arch as Architecture;
/** What a filter answers: EPERM, EACCES, ENOTTY, ENOSYS, EAFNOSUPPORT. */
const REFUSALS: readonly number[] = [1, 13, 25, 38, 97];
const REFUSED = /^E(?:ACCES|PERM|ROFS|NOENT|NOTDIR)$/;

/** Calls that a container has, as its network and its processes are its own. */
const OF_CONTAINERS = new Set(callsOf('runtimes', ARCHITECTURE));
const ATTACKS = OF_EVERYONE.filter(
  ([what, call]) => !OF_CONTAINERS.has(call) && !/^makes an IPv[46] socket$/.test(what),
).filter(([, call]) => callNumber(call, ARCHITECTURE) !== null);
const CALLS = ATTACKS.map(([, call, ...args]) => [callNumber(call, ARCHITECTURE), ...args]);

/** `errno` of each call, 0 where the kernel did it. */
const TRY_CALLS: Readonly<Record<Runtime, string>> = {
  javascript: `import { createRequire } from 'node:module';
    const ffi = createRequire('/tmp/')('node:ffi');
    const { functions: { syscall, __errno_location: errno } } = ffi.dlopen(null, {
      syscall: { arguments: ['i64', 'i64', 'i64', 'i64', 'i64', 'i64'], return: 'i64' },
      __errno_location: { arguments: [], return: 'pointer' } });
    const kept = [];
    const raw = (argument) => {
      if (typeof argument === 'number') return BigInt(argument);
      const bytes = Buffer.alloc(256); if (typeof argument === 'string') bytes.write(argument);
      kept.push(bytes); return ffi.getRawPointer(bytes);
    };
    export default () => ({ statusCode: 200, body: ${JSON.stringify(CALLS)}.map(([number, ...args]) =>
      Number(syscall(BigInt(number), ...[0, 1, 2, 3, 4].map((i) => raw(args[i] ?? 0)))) === -1 ? ffi.getInt32(errno(), 0) : 0) });`,
  python: `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def raw(argument):
    if isinstance(argument, int): return ctypes.c_long(argument)
    return ctypes.create_string_buffer(argument.encode() if isinstance(argument, str) else b'', 256)
def attempt(call):
    ctypes.set_errno(0)
    five = [raw(call[i + 1] if i + 1 < len(call) else 0) for i in range(5)]
    return ctypes.get_errno() if libc.syscall(ctypes.c_long(call[0]), *five) == -1 else 0
def handler(event, context):
    return [attempt(call) for call in ${JSON.stringify(CALLS).replaceAll('true', 'True')}]
`,
};

/** A list of expressions, each with the code of what it throws, or null. */
const jsAttempts = (imports: string, each: readonly string[]): string => `${imports}
  const outcome = async (attempt) => { try { await attempt(); return null; } catch (error) { return error.code ?? String(error); } };
  export default async () => ({ statusCode: 200, body: await Promise.all([${each.map((one) => `() => ${one}`).join(',')}].map(outcome)) });`;

const pyAttempts = (imports: string, each: readonly string[]): string => `${imports}
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

for (const wall of ['bwrap', 'unshare'] as const) {
  describe(`out of a container behind ${wall}`, () => {
    const { start, answerOf } = containersBehind(wall);
    let server: Server;
    let port = 0;
    before(async () => {
      server = createServer((_request, response) => response.end('the host'));
      await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
      port = (server.address() as { port: number }).port;
    });
    after(() => server?.close());

    for (const runtime of ['javascript', 'python'] as const) {
      test(`asks the kernel for what is not its own, in ${runtime}`, async () => {
        await using contained = await start(runtime, TRY_CALLS[runtime]);
        const answered = (await answerOf(contained)) as number[];
        ATTACKS.forEach(([what], i) => assert.ok(REFUSALS.includes(answered[i] ?? 0), `${what}: errno ${answered[i]}`));
        assert.equal(answered.length, ATTACKS.length);
      });
    }

    test('reads and writes what is the host’s', async () => {
      const reads = [
        '/etc/shadow',
        '/root',
        '/work',
        '/home',
        '/sys/kernel',
        '/proc/kcore',
        '/run',
        '/var',
        import.meta.filename,
      ];
      const writes = [
        '/proc/sys/kernel/core_pattern',
        '/proc/sysrq-trigger',
        '/etc/passwd',
        '/bin/sh',
        '/x',
        '/cordon/x',
      ];
      await using js = await start(
        'javascript',
        jsAttempts(`import fs from 'node:fs';`, [
          ...reads.map((path) => `fs.openSync('${path}')`),
          ...writes.map((path) => `fs.openSync('${path}', 'w')`),
        ]),
      );
      await using py = await start(
        'python',
        pyAttempts('', [...reads.map((path) => `open('${path}')`), ...writes.map((path) => `open('${path}', 'w')`)]),
      );
      for (const contained of [js, py]) {
        const found = (await answerOf(contained)) as (string | null)[];
        [...reads, ...writes].forEach((path, i) => assert.match(String(found[i]), REFUSED, path));
      }
    });

    test('looks for the environment of others', async () => {
      const marker = `left-in-the-environment-${process.pid}`;
      process.env.CORDON_TEST_MARKER = marker;
      await using py = await start(
        'python',
        `
import os
def read(path):
    try:
        return open(path, 'rb').read().decode('latin1')
    except OSError:
        return ''
def handler(event, context):
    return ' '.join(read('/proc/%s/environ' % pid) for pid in os.listdir('/proc') if pid.isdigit()) + repr(dict(os.environ))
`,
      );
      const { body } = await py.call();
      delete process.env.CORDON_TEST_MARKER;
      assert.equal(body.includes(marker), false);
    });

    test('looks for files of another container', async () => {
      const code = `import fs from 'node:fs'; export default (event) => {
        if (event.path.endsWith('/leave')) fs.writeFileSync('/tmp/left', 'secret');
        return { statusCode: 200, body: fs.readdirSync('/tmp').includes('left') }; }`;
      await using first = await start('javascript', code);
      await using second = await start('javascript', code);
      assert.equal((await first.call({ url: 'http://localhost/leave' })).body, 'true');
      assert.equal((await second.call()).body, 'false');
    });

    test('connects to the host', async () => {
      const addresses = Object.values(networkInterfaces()).flatMap((list) =>
        (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
      );
      const hosts = ['127.0.0.1', '169.254.169.254', '1.1.1.1', ...addresses];
      await using py = await start(
        'python',
        pyAttempts(
          'import socket',
          hosts.map((host) => `socket.create_connection(('${host}', ${port}), 2)`),
        ),
      );
      const [loopback, ...others] = (await answerOf(py)) as string[];
      assert.equal(loopback, 'ECONNREFUSED');
      assert.deepEqual(new Set(others), new Set(['ENETUNREACH']));
      const connect = (host: string): string =>
        `new Promise((resolve, reject) => net.connect(${port}, '${host}').once('connect', resolve).once('error', reject))`;
      await using js = await start('javascript', jsAttempts(`import net from 'node:net';`, hosts.map(connect)));
      for (const code of (await answerOf(js)) as string[]) assert.match(code, /^E[A-Z]+$/);
    });

    test('ends what started it', async () => {
      await using contained = await start(
        'python',
        pyAttempts('import os, signal', [
          'os.kill(1, signal.SIGKILL)',
          'os.kill(os.getppid(), signal.SIGSTOP)',
          'os.setuid(0)',
        ]),
      );
      const found = (await answerOf(contained)) as (string | null)[];
      // The kernel lets nobody end the first process of a namespace from within it; where it is another user's, it says so.
      for (const code of found.slice(0, 2)) assert.match(String(code), /^(null|EPERM)$/);
      assert.equal(found[2], 'EPERM');
      assert.equal((await contained.call()).status, 200);
    });
  });
}
