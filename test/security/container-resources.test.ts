/**
 * Code that tries to take the host down from its container, or to outlive it: one named attack each, in both languages where
 * that makes a difference, behind both walls. Afterwards nothing of it may be left.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { containersBehind } from '../support/containers.ts';

const HELLO = `export default () => ({ statusCode: 200, body: 'here' })`;

for (const wall of ['bwrap', 'unshare'] as const) {
  describe(`a container behind ${wall}`, () => {
    const { start, answerOf, withNeighbour, neighbourAnswers } = containersBehind(wall);

    test('forks without end', async () => {
      await withNeighbour();
      await using contained = await start(
        'javascript',
        `import { spawn } from 'node:child_process';
         export default () => new Promise(() => { const child = spawn('/bin/sh', ['-c', 'f() { f | f & }; f']); child.on('error', () => {}); });`,
        { limits: { timeoutMs: 1_500 } },
      );
      const fault = contained.fault();
      await neighbourAnswers();
      assert.equal((await fault).code, 'TIMED_OUT');
      await contained.exited;
      await neighbourAnswers();
    });

    test('starts as many threads as it can', async () => {
      await withNeighbour();
      await using contained = await start(
        'python',
        `
import threading
def handler(event, context):
    gate = threading.Event()
    started = 0
    try:
        for _ in range(10000):
            threading.Thread(target=gate.wait, daemon=True).start()
            started += 1
    except RuntimeError:
        pass
    gate.set()
    return started
`,
      );
      const started = Number((await contained.call()).body);
      assert.ok(started > 10 && started < 300, `${started} threads`);
      await neighbourAnswers();
    });

    test('leaves a daemon behind', async () => {
      await using js = await start(
        'javascript',
        `import { spawn } from 'node:child_process'; import fs from 'node:fs';
         export default async () => {
           spawn('/bin/sh', ['-c', '(sleep 1000 & echo $! > /tmp/pid) &'], { detached: true, stdio: 'ignore' }).unref();
           while (!fs.existsSync('/tmp/pid')) await new Promise((resolve) => setTimeout(resolve, 10));
           return { statusCode: 200 }; }`,
      );
      assert.equal((await js.call()).status, 200);
      await using py = await start(
        'python',
        `
import os, time
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    return 'left'
`,
      );
      assert.equal((await py.call()).status, 200);
    });

    test('fills the disk', async () => {
      await using contained = await start(
        'python',
        `
import os
def handler(event, context):
    written = 0
    try:
        with open('/tmp/full', 'wb', buffering=0) as file:
            while True:
                written += file.write(bytes(1 << 20))
    except OSError as error:
        os.unlink('/tmp/full')
        return [error.strerror, written >> 20]
`,
      );
      const [reason, writtenMb] = (await answerOf(contained)) as [string, number];
      assert.match(reason, /No space left/);
      assert.ok(writtenMb > 32 && writtenMb <= 64, `${writtenMb} MB`);
    });

    for (const [where, runtime, code] of [
      [
        'itself',
        'javascript',
        `const all = []; export default async () => { for (;;) { all.push(Buffer.alloc(4e6, 1)); await null; } }`,
      ],
      [
        'itself',
        'python',
        'def handler(event, context):\n    kept = []\n    while True:\n        kept.append(bytearray(b"x" * 4000000))\n',
      ],
    ] as const) {
      test(`takes more memory than it may, ${where}, in ${runtime}`, async (t) => {
        await withNeighbour();
        await using contained = await start(runtime, code);
        if (!contained.hold(96)) return t.skip('no cgroup of this machine can be written');
        const fault = contained.fault();
        await neighbourAnswers();
        assert.equal((await fault).code, 'OUT_OF_MEMORY');
        assert.match(await contained.exited, /out of memory/);
        await neighbourAnswers();
      });
    }

    test('takes more memory than it may in processes that it starts, all of which count', async (t) => {
      await using contained = await start(
        'python',
        `
import os, time
def handler(event, context):
    for _ in range(8):
        if os.fork() == 0:
            kept = bytearray(b'x' * 10_000_000)
            time.sleep(1000)
    time.sleep(1)
    return 'made'
`,
      );
      const baseBytes = contained.executor.usage()?.rssBytes ?? 0;
      assert.equal((await contained.call()).status, 200);
      const grown = (contained.executor.usage()?.rssBytes ?? 0) - baseBytes;
      assert.ok(grown > 60e6, `it grew by ${grown / 1e6} MB`);
      t.diagnostic(`${Math.round(grown / 1e6)} MB`);
    });

    test('ignores every signal and goes on', async () => {
      await using contained = await start(
        'python',
        `
import signal
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
def handler(event, context):
    while True:
        pass
`,
        { limits: { timeoutMs: 500 } },
      );
      assert.equal((await contained.fault()).code, 'TIMED_OUT');
      await contained.exited;
    });

    test('writes half a frame and ends', async () => {
      for (const [runtime, code] of [
        [
          'javascript',
          `import fs from 'node:fs'; export default () => { fs.writeSync(3, Buffer.from([200, 0, 0, 0, 1])); process.kill(process.pid, 'SIGKILL'); return new Promise(() => {}); }`,
        ],
        [
          'python',
          'import os\ndef handler(event, context):\n    os.write(3, bytes([200, 0, 0, 0, 1]))\n    os._exit(1)\n',
        ],
      ] as const) {
        await using contained = await start(runtime, code);
        assert.equal((await contained.fault()).code, 'SANDBOX_RECYCLED');
        await contained.exited;
      }
    });

    test('writes frames that are none', async () => {
      await using contained = await start(
        'python',
        'import os\ndef handler(event, context):\n    os.write(3, bytes([5, 0, 0, 0, 250, 1, 0, 0, 0]))\n    os.write(3, bytes([255] * 64))\n    return 1\n',
      );
      assert.match((await contained.fault()).code, /^SANDBOX_RECYCLED$/);
      assert.equal(contained.broken.length, 1);
    });

    test('closes its channel and goes on', async () => {
      await using contained = await start(
        'python',
        'import os, time\ndef handler(event, context):\n    os.close(3)\n    time.sleep(1000)\n',
        { limits: { timeoutMs: 5_000 } },
      );
      assert.match((await contained.fault()).code, /^(SANDBOX_RECYCLED|TIMED_OUT)$/);
      await contained.exited;
    });

    test('floods the output of a program that it starts', async () => {
      await withNeighbour();
      const hostBytes = process.memoryUsage().rss;
      await using contained = await start(
        'javascript',
        `import { spawnSync } from 'node:child_process';
         export default () => { spawnSync('/bin/sh', ['-c', 'echo first; while :; do echo flood; done'], { stdio: ['ignore', 'inherit', 'inherit'], timeout: 1500, killSignal: 'SIGKILL' }); return { statusCode: 200 }; }`,
        { limits: { logBytes: 10_000, timeoutMs: 20_000 } },
      );
      const answered = contained.call();
      await neighbourAnswers();
      assert.equal((await answered).status, 200);
      assert.equal(contained.logs[0], 'info: first');
      assert.ok(contained.logs.length < 2_000, `${contained.logs.length} lines`);
      assert.ok(contained.logs.some((line) => /the rest is dropped/.test(line)));
      assert.ok(process.memoryUsage().rss - hostBytes < 100e6);
    });

    test('is paused, gets no CPU, goes on where it was, and ends while it is paused', async () => {
      for (const runtime of ['javascript', 'python'] as const) {
        await using contained = await start(
          runtime,
          runtime === 'javascript'
            ? HELLO
            : `def handler(event, context):\n    return {'statusCode': 200, 'body': 'here'}\n`,
        );
        const { executor } = contained;
        await executor.pause?.();
        const answered = contained.call();
        let hasAnswered = false;
        void answered.then(() => (hasAnswered = true));
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.equal(hasAnswered, false);
        await executor.resume?.();
        assert.equal((await answered).body, 'here');
        await executor.pause?.();
        await executor.kill('the test says so');
      }
    });
  });
}
