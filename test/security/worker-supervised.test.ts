/** The worker tier under the real supervisor: what the executor itself can't or won't stop. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FunctionVersion } from '../../src/core/function.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { makeCall, makeVersion, RecordingSink } from '../support/calls.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';
import { startWorkerTier } from '../support/worker-tier.ts';

let subject: TierUnderTest;
let supervisor: Supervisor;
before(async () => {
  subject = await startWorkerTier('bwrap');
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
});

const versionOf = async (name: string, code: string, timeoutMs = 20_000): Promise<FunctionVersion> =>
  makeVersion(name, {
    tier: 'worker',
    artifact: await subject.build(code),
    limits: { concurrency: 8, memoryMb: 128, timeoutMs },
  });

async function call(version: FunctionVersion): Promise<RecordingSink> {
  const sink = new RecordingSink();
  supervisor.invoke(version, makeCall(), sink);
  await sink.outcome;
  return sink;
}

const HELLO = `export default { fetch: () => new Response(String(process.pid)) }`;

test('two functions of a tenant have a process each, and one function keeps its own', async () => {
  const [a, b] = await Promise.all([versionOf('a', HELLO), versionOf('b', HELLO)]);
  assert.deepEqual([(await call(a)).text !== '', (await call(b)).text !== ''], [true, true]);
  assert.equal((await call(a)).status, 200);
  const pids = supervisor.cordons.map(({ executor }) => executor?.pid);
  assert.equal(new Set(pids).size, 2);
});

test('memory outside of the heap', async () => {
  const bystander = await versionOf('beside', HELLO);
  await call(bystander);
  const hoard = await versionOf(
    'hoard',
    `const all = []; export default { async fetch() { for (;;) { all.push(Buffer.alloc(8e6, 1)); await new Promise((r) => setTimeout(r, 5)); } } }`,
  );
  assert.equal((await call(hoard)).fault?.code, 'OUT_OF_MEMORY');
  assert.equal((await call(bystander)).status, 200);
});

test('a thread that sleeps for good', async () => {
  const bystander = await versionOf('awake', HELLO);
  await call(bystander);
  const asleep = await versionOf(
    'asleep',
    `export default { fetch() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); } }`,
    500,
  );
  assert.equal((await call(asleep)).fault?.code, 'TIMED_OUT');
  assert.equal((await call(bystander)).status, 200);
});

test('a function that ends its whole process', async () => {
  const bystander = await versionOf('untouched', HELLO);
  await call(bystander);
  const version = await versionOf(
    'suicide',
    `import fs from 'node:fs'; export default { fetch() { const f = fs.openSync('/proc/self/mem', 'r+'); fs.writeSync(f, Buffer.alloc(1e5), 0, 1e5, 4194304); process.exit(0); } }`,
    2_000,
  );
  assert.notEqual((await call(version)).fault, null);
  assert.equal((await call(bystander)).status, 200);
});
