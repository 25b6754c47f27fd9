/** The container tier under the real supervisor, which takes containers from its pools and ends them. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { Runtime } from '../../src/core/runtime.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { artifactOf, leftBehind, startBareContainerTier, type BareTier } from '../support/containers.ts';
import { makeCall, makeVersion, RecordingSink } from '../support/calls.ts';

const HELLO: Readonly<Record<Runtime, string>> = {
  javascript: `export default () => ({ statusCode: 200, body: 'here' })`,
  python: `def handler(event, context):\n    return {'statusCode': 200, 'body': 'here'}\n`,
};

let subject: BareTier;
let supervisor: Supervisor;
before(async () => {
  subject = await startBareContainerTier('bwrap');
  supervisor = new Supervisor({
    tiers: [subject.tier],
    logs: { write: () => undefined },
    whyNot: () => 'it is not there',
    poolSize: 1,
    executorMemoryMb: 256,
    hostMemoryMb: 4096,
    tenantConcurrency: () => 100,
    report: () => undefined,
  });
  await supervisor.start();
});
after(async () => {
  await supervisor?.close(0);
  await subject?.close();
  assert.deepEqual(leftBehind(), []);
});

const versionOf = (name: string, runtime: Runtime, code: string, timeoutMs = 20_000): FunctionVersion =>
  makeVersion(name, {
    tier: 'container',
    runtime,
    artifact: artifactOf(runtime, code),
    limits: { memoryMb: 64, timeoutMs },
  });

async function call(version: FunctionVersion): Promise<RecordingSink> {
  const sink = new RecordingSink();
  supervisor.invoke(version, makeCall(), sink);
  await sink.outcome;
  return sink;
}

test('functions in both languages answer from containers of their own', async () => {
  for (const runtime of ['javascript', 'python'] as const) {
    const version = versionOf(`hello-${runtime}`, runtime, HELLO[runtime]);
    assert.equal((await call(version)).text, 'here');
    assert.equal((await call(version)).text, 'here');
  }
});

test('a function that takes more memory than it may is told so, and others answer', async () => {
  const hoard = versionOf(
    'hoard',
    'python',
    'def handler(event, context):\n    kept = []\n    while True:\n        kept.append(bytearray(b"x" * 4000000))\n',
  );
  assert.equal((await call(hoard)).fault?.code, 'OUT_OF_MEMORY');
  assert.equal((await call(versionOf('beside', 'python', HELLO.python))).text, 'here');
});

test('a function over its time is ended with its container, and the next request has another', async () => {
  const spin = versionOf(
    'spin',
    'python',
    'def handler(event, context):\n    while event["path"] != "/fn/ok":\n        pass\n    return "here"\n',
    1_000,
  );
  assert.equal((await call(spin)).fault?.code, 'TIMED_OUT');
  const sink = new RecordingSink();
  supervisor.invoke(spin, makeCall({ url: 'http://localhost/fn/ok' }), sink);
  await sink.outcome;
  assert.match(sink.fault?.code ?? 'answered', /^(answered|QUARANTINED)$/);
});
