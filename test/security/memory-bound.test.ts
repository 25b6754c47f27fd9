/**
 * Memory attacks on the whole process: functions of one tenant fill their memory at the same time, in one executor, as fast
 * as they can. Neither the kernel, where it holds a cgroup, nor the host's own watch lets the process grow far past its bound.
 */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { test, type TestContext } from 'node:test';
import { DEFAULT_BOUNDS } from '../../src/supervisor/supervisor-options.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { createIsolateTier } from '../../src/tiers/isolate/isolate-tier.ts';
import { createBwrapWall } from '../../src/walls/bwrap.ts';
import { openCgroups } from '../../src/walls/cgroup/select.ts';
import type { Cgroups } from '../../src/walls/cgroup/cgroup.ts';
import { createLandlockWall } from '../../src/walls/landlock.ts';
import { UidAllocator } from '../../src/walls/uids.ts';
import type { Wall } from '../../src/walls/wall.ts';
import { makeCall, makeVersion, RecordingSink } from '../support/calls.ts';

const MB = 1024 * 1024;
const EXECUTOR_MB = 128;
const FUNCTIONS = 6;
const UID_RANGE = { first: 963_000, count: 50 };

/** How each fills 64 MB; six of them want three times what their process may have. */
const ALLOCATORS: readonly (readonly [name: string, body: string])[] = [
  ['buffers', `for (let i = 0; i < 15; i++) keep.push(new Uint8Array(4_000_000).fill(i));`],
  [
    'strings',
    `for (let i = 0; i < 25; i++) keep.push(('' + i).padEnd(2_000_000, 'xy' + i).split('').reverse().join(''));`,
  ],
  ['arrays', `for (let i = 0; i < 60; i++) keep.push(new Array(100_000).fill(i + 0.5));`],
];

/** The wall that uses cgroups where they are to be had, and one that never does. */
async function walls(): Promise<readonly (readonly [how: string, mostOverMb: number, wall: Wall | string])[]> {
  const cgroups = openCgroups();
  const held = cgroups?.limits.includes('memory') === true;
  return [
    ['by the kernel', 64, held ? await wallWith(cgroups) : 'no cgroup that holds memory can be written here'],
    ['by watching alone', 128, await wallWith(null)],
  ];
}

async function wallWith(cgroups: Cgroups | null): Promise<Wall | string> {
  const uids = process.getuid?.() === 0 ? new UidAllocator(UID_RANGE) : null;
  const parts = { nodePath: process.execPath, uids, cgroups };
  for (const create of [createBwrapWall, createLandlockWall]) {
    try {
      return await create(parts);
    } catch {
      // The next one, perhaps.
    }
  }
  return 'no wall stands here';
}

for (const [how, mostOverMb, wall] of await walls()) {
  for (const [name, body] of ALLOCATORS) {
    const skip = typeof wall === 'string' && wall;
    test(
      `a process that fills with ${name} and is held ${how} stays within its bound and ${mostOverMb} MB`,
      { skip },
      (t) => (typeof wall === 'string' ? undefined : attack(t, wall, body, mostOverMb)),
    );
  }
}

async function attack(t: TestContext, wall: Wall, body: string, mostOverMb: number): Promise<void> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-memory-'));
  const tier = createIsolateTier({ wall, wallProbes: [], cacheDir });
  const reports: string[] = [];
  const supervisor = new Supervisor({
    ...DEFAULT_BOUNDS,
    tiers: [tier],
    whyNot: () => '',
    logs: { write: () => undefined },
    poolSize: 1,
    executorMemoryMb: EXECUTOR_MB,
    hostMemoryMb: 4_096,
    tenantConcurrency: () => 100,
    report: (line) => void reports.push(line),
  });
  t.after(async () => {
    await supervisor.close(0);
    await tier.close();
    await rm(cacheDir, { recursive: true, force: true });
  });
  const warm = makeVersion('warm', { limits: { memoryMb: 64 }, artifact: artifactOf('return 1') });
  const first = new RecordingSink();
  supervisor.invoke(warm, makeCall(), first);
  assert.equal(await first.outcome, 'complete');
  const [cordon] = [...supervisor.cordons];
  const pid = cordon!.executor!.pid as number;
  const boundBytes = cordon!.memory.bytes;
  const peak = watchPeak(pid);
  const sinks = Array.from({ length: FUNCTIONS }, (_, i) => {
    const sink = new RecordingSink();
    const artifact = artifactOf(`const keep = globalThis.keep = []; ${body} await new Promise(() => {})`);
    const limits = { memoryMb: 64, timeoutMs: 30_000 };
    supervisor.invoke(makeVersion(`hog${i}`, { limits, artifact }), makeCall(), sink);
    return sink;
  });
  const answered = Promise.all(sinks.map(({ outcome }) => outcome)).then(() => true);
  // All that run in an executor that is killed are answered; whoever was retried elsewhere is answered by its deadline.
  while (!cordon!.ended) {
    const isOver = await Promise.race([answered, delay(10, false)]);
    assert.ok(!isOver || cordon!.ended, 'every function was answered, and the executor lives');
  }
  const peakBytes = await peak();
  const overMb = (peakBytes - boundBytes) / MB;
  t.diagnostic(
    `bound ${Math.round(boundBytes / MB)} MB, peak ${Math.round(peakBytes / MB)} MB, over by ${Math.round(overMb)} MB`,
  );
  assert.ok(peakBytes > boundBytes * 0.8, `the attack did not come near its bound: ${Math.round(peakBytes / MB)} MB`);
  assert.ok(overMb <= mostOverMb, `${Math.round(overMb)} MB over the bound: ${reports.join('; ')}`);
}

const artifactOf = (body: string): { format: 'source'; code: Buffer; cache: null; interleaves: false } => ({
  format: 'source',
  code: Buffer.from(`export default { async fetch() { ${body} } }`),
  cache: null,
  interleaves: false,
});

/** Reads the process's high-water mark on a thread of its own, as often as it can; resolves with the last when it is gone. */
function watchPeak(pid: number): () => Promise<number> {
  const worker = new Worker(
    `const { readFileSync } = require('node:fs'); const { workerData: pid, parentPort } = require('node:worker_threads');
     let peak = 0;
     const look = () => {
       let text = '';
       try { text = readFileSync('/proc/' + pid + '/status', 'latin1'); } catch {}
       const found = /^VmHWM:\\s+(\\d+) kB$/m.exec(text);
       if (found === null) return parentPort.postMessage(peak * 1024);
       peak = Math.max(peak, Number(found[1]));
       setTimeout(look, 1);
     };
     look();`,
    { eval: true, workerData: pid },
  );
  const ended = new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  return () => ended;
}
