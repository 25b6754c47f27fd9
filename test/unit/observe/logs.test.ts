import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { LogLine } from '../../../src/core/log-line.ts';
import { createLogs } from '../../../src/observe/logs.ts';
import type { Logs, LogsOptions } from '../../../src/observe/logs.ts';
import { createOutput } from '../../../src/observe/output.ts';
import type { Output } from '../../../src/observe/output.ts';
import { openSqliteStorage } from '../../../src/storage/sqlite-storage.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { makeVersion } from '../../support/calls.ts';

interface Bench {
  readonly logs: Logs;
  readonly storage: Storage;
  readonly output: Output;
  readonly stdout: PassThrough;
}

async function start(t: TestContext, options: Partial<LogsOptions> = {}): Promise<Bench> {
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-logs-'));
  const storage = await openSqliteStorage(dataDir);
  const stdout = new PassThrough();
  const output = createOutput(stdout);
  const logs = await createLogs({ store: storage.logs, stdout: output, retentionDays: 7, ...options });
  t.after(async () => {
    await logs.close();
    await storage.close();
    rmSync(dataDir, { recursive: true });
  });
  return { logs, storage, output, stdout };
}

const VERSION: FunctionVersion = makeVersion('hello', { secrets: [] });
const HELLO = { tenant: 'acme', name: 'hello' };
const entry = (message: string) => ({ level: 'info', message, timeMs: Date.now() }) as const;
const messages = (lines: readonly LogLine[]): string[] => lines.map(({ message }) => message);

test('a line is read back at once, and reaches the table', async (t) => {
  const { logs, storage } = await start(t);
  logs.write(VERSION, 'i1', entry('hello'));
  assert.deepEqual(messages(await logs.read({ ...HELLO, afterId: null, limit: 100 })), ['hello']);
  await logs.flush();
  const [line] = await storage.logs.read({ ...HELLO, afterId: 0, limit: 1 });
  assert.deepEqual([line?.invocation, line?.level], ['i1', 'info']);
  assert.equal(line?.id, await storage.logs.lastId());
});

test('each line is on stdout with its function, and only once', async (t) => {
  const { logs, output, stdout } = await start(t);
  logs.write(VERSION, null, entry('two\nlines'));
  output.flush();
  assert.equal(String(stdout.read()), '[Function] acme/hello@1 - info: two\\nlines\n');
});

test('lines of an execution go to stdout alone', async (t) => {
  const { logs, storage, output, stdout } = await start(t);
  logs.write({ ...VERSION, ephemeral: true }, 'i1', entry('once'));
  output.flush();
  assert.match(String(stdout.read()), /once/);
  await logs.flush();
  assert.equal(await storage.logs.lastId(), 0);
});

test('what the ring no longer has comes from the table', async (t) => {
  const { logs } = await start(t, { ringSize: 4 });
  for (let i = 1; i <= 100; i += 1) logs.write(VERSION, null, entry(`line ${i}`));
  const all = await logs.read({ ...HELLO, afterId: 0, limit: 1000 });
  assert.deepEqual(
    messages(all),
    Array.from({ length: 100 }, (_, i) => `line ${i + 1}`),
  );
  assert.deepEqual(messages(await logs.read({ ...HELLO, afterId: all[97]!.id, limit: 9 })), ['line 99', 'line 100']);
  assert.deepEqual(messages(await logs.read({ ...HELLO, afterId: null, limit: 2 })), ['line 99', 'line 100']);
  assert.deepEqual(await logs.read({ tenant: 'rival', name: 'hello', afterId: 0, limit: 9 }), []);
});

test('ids go on after a restart', async (t) => {
  const { logs, storage, output } = await start(t);
  logs.write(VERSION, null, entry('before'));
  await logs.close();
  const next = await createLogs({ store: storage.logs, stdout: output, retentionDays: 7 });
  next.write(VERSION, null, entry('after'));
  assert.deepEqual(messages(await next.read({ ...HELLO, afterId: 0, limit: 9 })), ['before', 'after']);
  await next.close();
});

test('a follower gets the past and the present without a gap, also when it is slow', async (t) => {
  const { logs } = await start(t, { ringSize: 8 });
  logs.write(VERSION, null, entry('1'));
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const line of logs.follow({ ...HELLO, afterId: 0 }, stop.signal)) {
    seen.push(line.message);
    if (seen.length === 1) for (let i = 2; i <= 700; i += 1) logs.write(VERSION, null, entry(String(i)));
    if (seen.length === 700) stop.abort();
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 700 }, (_, i) => String(i + 1)),
  );
});

test('a follower without a cursor gets only what is to come, and nothing of another function', async (t) => {
  const { logs } = await start(t);
  logs.write(VERSION, null, entry('past'));
  const next = logs.follow({ ...HELLO, afterId: null }, new AbortController().signal).next();
  logs.write({ ...VERSION, tenant: 'rival' }, null, entry('not ours'));
  logs.write(VERSION, null, entry('present'));
  assert.equal((await next).value.message, 'present');
});

test('closing ends the followers', async (t) => {
  const { logs } = await start(t);
  const next = logs.follow({ ...HELLO, afterId: null }, new AbortController().signal).next();
  await logs.close();
  assert.equal((await next).done, true);
});

test('a function that logs without end loses lines, is told so, and leaves the others alone', async (t) => {
  const { logs } = await start(t, { rate: { perSecond: 1, burst: 50 } });
  for (let i = 0; i < 10_000; i += 1) logs.write(VERSION, null, entry('x'));
  const quiet = { ...VERSION, name: 'quiet' };
  logs.write(quiet, null, entry('heard'));
  const all = { afterId: 0, limit: 1000 };
  const before = await logs.read({ ...HELLO, ...all });
  assert.ok(before.length < 51);
  const follower = logs.follow({ ...HELLO, afterId: before.at(-1)!.id }, new AbortController().signal);
  assert.match((await follower.next()).value.message, /^99\d\d lines were dropped/);
  assert.deepEqual(messages(await logs.read({ tenant: 'acme', name: 'quiet', ...all })), ['heard']);
});

test('a long message is cut', async (t) => {
  const { logs } = await start(t);
  logs.write(VERSION, null, entry('x'.repeat(100_000)));
  const [line] = await logs.read({ ...HELLO, afterId: 0, limit: 1 });
  assert.ok(line!.message.length < 9_000 && line!.message.endsWith('(91808 more characters)'));
});

test('a secret of the version is in no line: not read, not followed, not in the table, not on stdout', async (t) => {
  const { logs, storage, output, stdout } = await start(t);
  const version = { ...VERSION, secrets: ['hunter2-hunter2'] };
  const follower = logs.follow({ ...HELLO, afterId: 0 }, new AbortController().signal);
  logs.write(version, 'i1', entry('the password is hunter2-hunter2!'));
  assert.equal((await follower.next()).value.message, 'the password is [redacted]!');
  assert.deepEqual(messages(await logs.read({ ...HELLO, afterId: 0, limit: 9 })), ['the password is [redacted]!']);
  await logs.flush();
  assert.deepEqual(messages(await storage.logs.read({ ...HELLO, afterId: 0, limit: 9 })), [
    'the password is [redacted]!',
  ]);
  output.flush();
  assert.equal(String(stdout.read()), '[Function] acme/hello@1 i1 info: the password is [redacted]!\n');
});

test('a secret that lies across the place where a long message is cut is not half there', async (t) => {
  const { logs } = await start(t);
  const secrets = ['hunter2-hunter2', 'x'.repeat(64)];
  const version = { ...VERSION, secrets };
  for (let at = 8_100; at < 8_240; at += 1) {
    const early = at % 2 === 0 ? '' : secrets[1]!;
    logs.write(version, null, entry(`${early.padEnd(at, '.')}${secrets[0]}${'.'.repeat(200)}`));
  }
  const lines = await logs.read({ ...HELLO, afterId: 0, limit: 1000 });
  assert.equal(lines.length, 140);
  for (const { message } of lines) assert.doesNotMatch(message, /hunt|hunter|xx/);
});

test('a deleted function leaves nothing in memory', async (t) => {
  const { logs, storage } = await start(t);
  logs.write(VERSION, null, entry('secret'));
  logs.forget(HELLO);
  await storage.logs.remove('acme', 'hello');
  await logs.flush();
  assert.deepEqual(await logs.read({ ...HELLO, afterId: 0, limit: 9 }), []);
});

test('a table that fails costs its lines, not the server', async (t) => {
  const { logs, storage, output, stdout } = await start(t);
  await storage.close();
  logs.write(VERSION, null, entry('hello'));
  await logs.flush();
  output.flush();
  assert.match(String(stdout.read()), /\[cordon\] 1 lines of functions can't be kept/);
  assert.deepEqual(messages(await logs.read({ ...HELLO, afterId: 0, limit: 9 })), ['hello']);
});
