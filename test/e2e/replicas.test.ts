/** Functions with a whole process each, under the real supervisor: how many there are, and what ends them. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Artifact, FunctionVersion } from '../../src/core/function.ts';
import type { Limits } from '../../src/core/limits.ts';
import { packFiles } from '../../src/lib/packed-files.ts';
import { Supervisor, type SupervisorSettings } from '../../src/supervisor/supervisor.ts';
import { createContainerTier } from '../../src/tiers/container/container-tier.ts';
import { createEmbeddedEngine } from '../../src/tiers/container/embedded/embedded-engine.ts';
import { createWorkerTier } from '../../src/tiers/worker/worker-tier.ts';
import { makeCall, makeVersion, RecordingSink } from '../support/calls.ts';
import { startWalledTier, type TierUnderTest } from '../support/walled-tier.ts';

const TIERS = ['worker', 'container'] as const;
type WholeTier = (typeof TIERS)[number];

let worker: TierUnderTest;
let container: TierUnderTest;
const supervisors: Supervisor[] = [];
const reports: string[] = [];

before(async () => {
  [worker, container] = await Promise.all([
    startWalledTier({
      wallName: 'bwrap',
      uids: { first: 966_000, count: 200 },
      capabilities: undefined,
      create: createWorkerTier,
    }),
    startWalledTier({
      wallName: 'bwrap',
      uids: { first: 966_200, count: 200 },
      capabilities: undefined,
      create: (options) => createContainerTier({ engine: createEmbeddedEngine(options) }),
    }),
  ]);
  const probe = await container.tier.probe();
  assert.ok(probe.works, JSON.stringify(probe));
});
after(async () => {
  await Promise.all(supervisors.map((supervisor) => supervisor.close(0)));
  await Promise.all([worker?.close(), container?.close()]);
});

async function supervised(settings: Partial<SupervisorSettings> = {}): Promise<Supervisor> {
  const supervisor = new Supervisor({
    tiers: [worker.tier, container.tier],
    logs: { write: () => undefined },
    whyNot: () => 'it is not there',
    poolSize: 1,
    executorMemoryMb: 256,
    hostMemoryMb: 4096,
    tenantConcurrency: () => 100,
    report: (line) => void reports.push(line),
    ...settings,
  });
  supervisors.push(supervisor);
  await supervisor.start();
  return supervisor;
}

async function versionOf(
  tier: WholeTier,
  name: string,
  code: string,
  limits: Partial<Limits> = {},
): Promise<FunctionVersion> {
  const artifact = await { worker, container }[tier].build(code);
  return makeVersion(name, { tier, artifact, limits: { timeoutMs: 60_000, memoryMb: 128, ...limits } });
}

function call(supervisor: Supervisor, version: FunctionVersion): RecordingSink {
  const sink = new RecordingSink();
  supervisor.invoke(version, makeCall(), sink);
  return sink;
}

async function called(supervisor: Supervisor, version: FunctionVersion): Promise<RecordingSink> {
  const sink = call(supervisor, version);
  await sink.outcome;
  return sink;
}

const pythonOf = (code: string): Artifact => ({
  format: 'files',
  code: packFiles(new Map([['main.py', Buffer.from(code)]]), 'main.py'),
  cache: null,
  interleaves: false,
});

/** Each process has a name of its own, and a call takes long enough for another to come meanwhile. */
const SLOW = `const own = crypto.randomUUID(); export default { async fetch() { await new Promise((r) => setTimeout(r, 1_500)); return new Response(own); } };`;
const OWN = `const own = crypto.randomUUID(); export default { fetch: () => new Response(own) };`;
const SPIN = `export default { fetch() { for (;;); } };`;
const HOARD = `const all = []; export default { async fetch() { for (;;) { all.push(Buffer.alloc(16e6, 1)); await new Promise((r) => setTimeout(r, 1)); } } };`;

test('requests side by side have a container each, one at a time, and no more than are allowed', async () => {
  const supervisor = await supervised();
  const version = await versionOf('container', 'slow', SLOW, { maxReplicas: 2 });
  const sinks = Array.from({ length: 4 }, () => call(supervisor, version));
  await Promise.all(sinks.map(({ outcome }) => outcome));
  assert.deepEqual(
    sinks.map(({ status }) => status),
    [200, 200, 200, 200],
  );
  const owns = sinks.map(({ text }) => text);
  assert.equal(new Set(owns).size, 2, owns.join());
});

test('a container stands ready without a request, and answers the first one', async () => {
  const supervisor = await supervised({ poolSize: 0 });
  const live = await versionOf('container', 'standing', OWN, { minReplicas: 1 });
  supervisor.standing.set({ tenant: live.tenant, name: live.name, live, active: true });
  let standing = supervisor.cordons[0]?.executor ?? null;
  while (standing === null) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    standing = supervisor.cordons[0]?.executor ?? null;
  }
  assert.equal((await called(supervisor, live)).status, 200);
  assert.equal(supervisor.cordons[0]?.executor, standing);
});

test('a container that has waited paused serves like any other', async () => {
  const supervisor = await supervised({ poolSize: 2 });
  const version = await versionOf('container', 'thawed', OWN);
  assert.ok(supervisor.state().spareExecutors >= 2);
  assert.equal((await called(supervisor, version)).status, 200);
});

test('Python containers start once somebody wants one, and not before', async () => {
  const supervisor = await supervised({ poolSize: 1 });
  const version = makeVersion('python', {
    tier: 'container',
    runtime: 'python',
    handlerName: 'handler',
    artifact: pythonOf('def handler(event, context):\n    return {"statusCode": 200, "body": "hello"}\n'),
    limits: { timeoutMs: 60_000, memoryMb: 128 },
  });
  assert.equal(supervisor.state().spareExecutors, 2);
  assert.equal((await called(supervisor, version)).text, 'hello');
});

for (const tier of TIERS) {
  test(`${tier}: CPU time is held for one call, and the limit is named`, async () => {
    const supervisor = await supervised();
    const spin = await versionOf(tier, 'spin', SPIN, { cpuMs: 300 });
    const bystander = await versionOf(tier, 'beside', OWN);
    const { text } = await called(supervisor, bystander);
    const { fault } = await called(supervisor, spin);
    assert.deepEqual([fault?.code, fault?.details.limit], ['TIMED_OUT', 'cpu-ms=300']);
    assert.equal((await called(supervisor, bystander)).text, text);
  });

  test(`${tier}: who takes more memory than it may is told so, and nobody else notices`, async () => {
    const supervisor = await supervised();
    const hoard = await versionOf(tier, 'hoard', HOARD);
    const bystander = await versionOf(tier, 'beside', OWN);
    const { text } = await called(supervisor, bystander);
    assert.equal((await called(supervisor, hoard)).fault?.code, 'OUT_OF_MEMORY');
    assert.equal(supervisor.quarantineOf('acme', 'hoard')[0]?.state, 'alone');
    assert.equal((await called(supervisor, bystander)).text, text);
  });

  test(`${tier}: a process is replaced after so many calls, and none of them fails`, async () => {
    const supervisor = await supervised({ recycleAfterCalls: 3 });
    const version = await versionOf(tier, 'worn', OWN);
    const owns: string[] = [];
    for (let i = 0; i < 6; i++) owns.push((await called(supervisor, version)).text);
    assert.equal(new Set(owns).size, 2, owns.join());
    assert.ok(reports.some((line) => line.includes('replaced, because it has served 3 calls')));
  });
}
