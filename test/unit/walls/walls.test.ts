/** What every wall does for its callers; what it refuses to guests is in test/security/walls.test.ts. */

import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createBwrapWall } from '../../../src/walls/bwrap.ts';
import { childrenOf, identify, isAlive, untilGone } from '../../../src/walls/process-tree.ts';
import type { ProcessIdentity } from '../../../src/walls/process-tree.ts';
import { UidAllocator } from '../../../src/walls/uids.ts';
import { createUnshareWall } from '../../../src/walls/unshare.ts';
import { WALL_NAMES } from '../../../src/walls/wall.ts';
import { answerOf, ask, commandFor, startGuest, wallNamed, writeFixture } from './guest.ts';

const require = createRequire(import.meta.url);
const HOST = fileURLToPath(new URL('host.ts', import.meta.url));

for (const name of WALL_NAMES) {
  const wall = await wallNamed(name);
  describe(`the wall ${name}`, { skip: typeof wall === 'string' && wall }, () => {
    if (typeof wall === 'string') return;

    test('the environment is exactly the one that was given', async () => {
      const env = { A: 'b c', EMPTY: '', QUOTES: `'"$(id)\n`, PWD: '/elsewhere' };
      assert.deepEqual(await ask(wall, () => ({ ...process.env }), null, { env }), env);
    });

    test('node flags and arguments arrive as they are', async () => {
      const args = ['--x', "a'b", ''];
      const seen = await ask(wall, () => [process.execArgv, process.argv.slice(2)], null, {
        args,
        nodeFlags: ['--max-old-space-size=64'],
      });
      assert.deepEqual(seen, [['--max-old-space-size=64'], args]);
    });

    test('descriptor 3 carries bytes both ways', async () => {
      const script = writeFixture('echo.cjs', `const s = new (require('node:net').Socket)({ fd: 3 }); s.pipe(s);`);
      const guest = await wall.start(commandFor(script));
      const big = 'x'.repeat(1 << 20);
      guest.channel.end(big);
      assert.equal((await text(guest.channel)).length, big.length);
      await guest.exited;
    });

    test('standard input is empty, and the other two come back', async () => {
      const script = writeFixture(
        'talk.cjs',
        `console.log('in: ' + require('node:fs').readFileSync(0).length); console.error('oops')`,
      );
      const guest = await wall.start(commandFor(script));
      assert.deepEqual(await Promise.all([text(guest.stdout), text(guest.stderr)]), ['in: 0\n', 'oops\n']);
      assert.deepEqual(await guest.exited, { code: 0, signal: null });
    });

    test('the pid is node’s own on the host', async () => {
      const guest = await startGuest(wall, () => process.title, null);
      await answerOf(guest);
      assert.match(
        readFileSync(`/proc/${guest.pid}/cmdline`, 'latin1'),
        /^[^\0]*node\0(--require\0[^\0]*\0)?[^\0]*guest-[\d-]+\.cjs\0$/,
      );
      await guest.kill();
    });

    test('an exit code and a deadly signal are told', async () => {
      const exits = await wall.start(commandFor(writeFixture('exit.cjs', 'process.exit(42)')));
      assert.deepEqual(await exits.exited, { code: 42, signal: null });
      const aborts = await wall.start(commandFor(writeFixture('abort.cjs', 'process.abort()')));
      assert.deepEqual(await aborts.exited, { code: null, signal: 'SIGABRT' });
    });

    test('kill ends the process, and may be called twice', async () => {
      const guest = await startGuest(wall, () => 0, null);
      await answerOf(guest);
      const node = identify(guest.pid);
      await Promise.all([guest.kill(), guest.kill()]);
      assert.deepEqual(await guest.exited, { code: null, signal: 'SIGKILL' });
      await guest.kill();
      assert.ok(node !== null && !isAlive(node));
    });

    test('files and folders are shown where they were asked for', async () => {
      const file = writeFixture('a #file "x".txt', 'content');
      const seen = await ask(wall, (path) => require('node:fs').readFileSync(path, 'utf8'), file, {
        files: [{ host: file }],
      });
      assert.equal(seen, 'content');
    });

    test('isolated-vm loads and runs', async () => {
      const addon = dirname(require.resolve('isolated-vm/package.json'));
      const loader = dirname(createRequire(`${addon}/`).resolve('node-gyp-build/package.json'));
      const sum = await ask(
        wall,
        () => {
          const ivm = require('isolated-vm');
          return new ivm.Isolate({ memoryLimit: 32 }).createContextSync().evalSync('20 + 22');
        },
        null,
        {
          nodeFlags: ['--no-node-snapshot'],
          files: [
            { host: addon, inside: '/cordon/node_modules/isolated-vm' },
            { host: loader, inside: '/cordon/node_modules/node-gyp-build' },
          ],
        },
      );
      assert.equal(sum, 42);
    });

    test('esbuild’s binary runs as a child, with a private scratch folder', async () => {
      const binary = fileURLToPath(
        new URL(`../../../node_modules/@esbuild/linux-${process.arch}/bin/esbuild`, import.meta.url),
      );
      const built = await ask(
        wall,
        (path) => {
          const { spawnSync } = require('node:child_process');
          const folder = process.argv[2] as string;
          require('node:fs').mkdirSync(folder);
          require('node:fs').writeFileSync(`${folder}/in.ts`, 'let a: number = 1; console.log(a)');
          const { stdout, stderr } = spawnSync(path, [`${folder}/in.ts`, '--bundle', '--minify'], { encoding: 'utf8' });
          require('node:fs').rmSync(folder, { recursive: true });
          return stdout + stderr;
        },
        binary,
        { args: [`/tmp/build-${process.pid}`], files: [{ host: binary }], scratchBytes: 16 << 20 },
      );
      assert.match(String(built), /console\.log\(/);
    });
  });
}

const NO_ROOT = process.getuid?.() !== 0 && 'uids are handed out by a host that runs as root';
const strong = [
  { name: 'bwrap', create: createBwrapWall },
  { name: 'unshare', create: createUnshareWall },
] as const;

for (const { name, create } of strong) {
  const stands = await wallNamed(name);
  describe(`the wall ${name}, made of namespaces`, { skip: typeof stands === 'string' && stands }, () => {
    if (typeof stands === 'string') return;

    test('kill ends what the process started, in whatever session it hides', async () => {
      const guest = await startGuest(stands, startHelper, null);
      await answerOf(guest);
      const helper = helperOf(guest.pid);
      await guest.kill();
      assert.ok(!isAlive(helper));
    });

    test('exited waits for what the process started', async () => {
      const guest = await startGuest(stands, startHelper, null);
      await answerOf(guest);
      const helper = helperOf(guest.pid);
      guest.channel.end();
      assert.deepEqual(await guest.exited, { code: 0, signal: null });
      assert.ok(!isAlive(helper));
    });

    test('a walled process dies with a host that is killed', async () => {
      const host = fork(HOST, [name], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const [pid] = (await once(host, 'message')) as [number];
      const guest = identify(pid);
      assert.notEqual(guest, null);
      host.kill('SIGKILL');
      await once(host, 'exit');
      if (guest !== null) await untilGone(guest);
    });

    test('a host that is killed while it starts a process leaves nothing behind', { timeout: 60_000 }, async () => {
      for (let afterMs = 0; afterMs < 24; afterMs += 3) {
        const marker = `killed-after-${afterMs}-${name}-${process.pid}`;
        const host = fork(HOST, [name, 'starting', marker], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
        await once(host, 'message');
        await delay(afterMs);
        host.kill('SIGKILL');
        await once(host, 'exit');
        await untilNoneIsNamed(marker);
      }
    });

    test('no descriptor of the host leaks in, not even one that the host inherited', async () => {
      const secret = openSync('/proc/self/status', 'r');
      const stdio: ('ignore' | 'pipe' | 'inherit' | number)[] = ['ignore', 'pipe', 'inherit'];
      while (stdio.length < 40) stdio.push('ignore');
      stdio.push(secret);
      const host = spawn(process.execPath, [HOST, name, 'descriptors'], {
        stdio,
      });
      closeSync(secret);
      const open = JSON.parse(await text(host.stdout as NonNullable<typeof host.stdout>)) as [number, string][];
      for (const [descriptor, target] of open) {
        const own =
          /^(anon_inode:|pipe:|\/dev\/null$)/.test(target) || (descriptor <= 3 && target.startsWith('socket:'));
        assert.ok(own, `${descriptor} is ${target}`);
      }
      assert.deepEqual(
        open.find(([descriptor]) => descriptor === 40),
        [40, '/dev/null'],
      );
    });

    test('a command that can’t be started is an error with the reason', async () => {
      const notNode = writeFixture('not-node', 'no program');
      const odd = { env: { 'NOT=A NAME': '' } };
      await assert.rejects(stands.start(commandFor(notNode, odd)), /environment variable/);
      const hidden = { files: [{ host: notNode, inside: '/cordon/node/x' }] };
      await assert.rejects(stands.start(commandFor(notNode, hidden)), /\/cordon\/node/);
    });

    test('a uid is free again when its process is gone or never began', { skip: NO_ROOT }, async () => {
      const small = await create({
        nodePath: process.execPath,
        uids: new UidAllocator({ first: 961_500, count: 1 }),
        cgroups: null,
      });
      const waiting = commandFor(writeFixture('waiting.cjs', `new (require('node:net').Socket)({ fd: 3 }).resume()`));
      const odd = { ...waiting, env: { 'NOT=A NAME': '' } };
      await assert.rejects(small.start(odd), /environment variable/);
      const guest = await small.start(waiting);
      await assert.rejects(small.start(waiting), { code: 'OVERLOADED' });
      await guest.kill();
      await (await small.start(waiting)).kill();
    });
  });
}

/** A process is seen under its command only once it runs it: so it takes several looks. Fails by the test's time-out. */
async function untilNoneIsNamed(marker: string): Promise<void> {
  for (let quiet = 0; quiet < 5; quiet++) {
    if (readdirSync('/proc').some((pid) => commandLine(pid).includes(marker))) quiet = -1;
    await delay(10);
  }
}

function commandLine(pid: string): string {
  try {
    return /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'latin1') : '';
  } catch {
    return '';
  }
}

function helperOf(pid: number): ProcessIdentity {
  const [child, ...others] = childrenOf(pid);
  const helper = identify(child ?? 0);
  assert.ok(helper !== null && others.length === 0);
  return helper;
}

function startHelper(): Promise<number> {
  const helper = require('node:child_process').spawn(
    process.execPath,
    ['-e', 'console.log(1); setInterval(() => 0, 1000)'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    },
  );
  return new Promise((resolve) => helper.stdout.once('data', () => resolve(1)));
}
