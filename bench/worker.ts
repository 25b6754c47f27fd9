/** Worker: what a call costs in a worker thread, against an isolate, at the seam below the gateway in one process. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBuilder } from '../src/builder/builder.ts';
import type { Fault } from '../src/core/faults.ts';
import type { Artifact, FunctionVersion } from '../src/core/function.ts';
import type { Call, ResponseSink } from '../src/core/invocation.ts';
import { DEFAULT_CHOSEN, type Limits } from '../src/core/limits.ts';
import { ownVersion } from '../src/core/own-version.ts';
import { ANONYMOUS } from '../src/core/principal.ts';
import type { Executor, Sandbox, Tier } from '../src/core/tier.ts';
import { createIsolateTier } from '../src/tiers/isolate/isolate-tier.ts';
import { createWorkerTier } from '../src/tiers/worker/worker-tier.ts';
import { selectWall } from '../src/walls/select.ts';
import type { Benchmark, BenchmarkOptions, Report, Target } from './benchmark.ts';
import { inTurns } from './support/rounds.ts';
import { median } from './support/statistics.ts';

const CONCURRENCY = [1, 32, 128];
const LEAST_RATIO = 0.8;
const TIERS = ['isolate', 'worker'] as const;
/** Targets are for a sandbox that has something to do. */
const LEAST_CONCURRENCY = 32;

const SHAPES = [
  { label: 'fetch()', code: `export default { fetch() { return new Response('hello'); } };` },
  { label: 'async fetch()', code: `export default { async fetch() { return new Response('hello'); } };` },
  { label: 'async (req) => ({ … })', code: `export default async (req) => ({ statusCode: 200, body: 'hello' });` },
  {
    label: 'url and headers read',
    code: `export default { fetch: (request) => Response.json([new URL(request.url).pathname, request.headers.get('accept')]) };`,
  },
];

export const worker: Benchmark = { name: 'worker', summary: 'a call in a worker thread, against an isolate', run };

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  const durationMs = quick ? 500 : 1_000;
  const rounds = quick ? 1 : 3;
  await using bed = await layBed();
  const tables = [];
  const targets: Target[] = [];
  for (const { label, code } of SHAPES) {
    progress(label);
    const sandboxes = await Promise.all(TIERS.map((name) => bed.open(name, code)));
    for (const sandbox of sandboxes) await load(sandbox, 32, durationMs);
    const rows = [];
    for (const concurrency of CONCURRENCY) {
      const found = await inTurns(sandboxes, rounds, (sandbox) => load(sandbox, concurrency, durationMs));
      const rates = found.map((ofTier) => median(ofTier.map(({ perSecond }) => perSecond)));
      const costs = found.map((ofTier) => median(ofTier.map(({ cpuMs }) => cpuMs)));
      const [isolate, thread] = rates as [number, number];
      const ratio = thread / isolate;
      rows.push({
        label: `${concurrency} at a time`,
        cells: [
          { value: isolate, unit: 'req/s' as const },
          { value: thread, unit: 'req/s' as const },
          { value: ratio, unit: 'ratio' as const },
          ...costs.map((value) => ({ value, unit: 'ms' as const })),
        ],
      });
      if (concurrency < LEAST_CONCURRENCY) continue;
      const what = `${label}, ${concurrency} at a time, of the isolate tier`;
      targets.push({ what, value: ratio, unit: 'ratio', bound: { atLeast: LEAST_RATIO } });
    }
    for (const { sandbox } of sandboxes) sandbox.close();
    tables.push({ title: label, columns: ['isolate', 'worker', 'ratio', 'CPU, isolate', 'CPU, worker'], rows });
  }
  return {
    tables,
    targets,
    notes: [
      'No gateway and no HTTP: what is equal in both would hide the difference.',
      'CPU is that of the executor alone, for 1000 calls.',
    ],
  };
}

interface Bed extends AsyncDisposable {
  open(tier: (typeof TIERS)[number], code: string): Promise<Subject>;
}

interface Subject {
  readonly sandbox: Sandbox;
  readonly executor: Executor;
}

interface Rate {
  readonly perSecond: number;
  /** Of the executor, for 1000 calls. */
  readonly cpuMs: number;
}

async function layBed(): Promise<Bed> {
  const { wall, probes } = await selectWall({ unsafeNoOsSandbox: false, uidRange: { first: 964_000, count: 100 } });
  if (wall === null) throw new Error(`No wall stands here: ${JSON.stringify(probes)}`);
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-bench-'));
  const builder = createBuilder({ wall, cacheDir: join(cacheDir, 'builds'), maxBundleBytes: 10_000_000 });
  const options = { wall, wallProbes: probes, cacheDir };
  const tiers: Readonly<Record<string, Tier>> = {
    isolate: createIsolateTier(options),
    worker: createWorkerTier(options),
  };
  const executors = await Promise.all(TIERS.map((name) => tiers[name]!.spawn()));
  return {
    async open(name, code) {
      const { traits } = tiers[name]!;
      const artifact = await builder.build({
        files: new Map([['index.ts', Buffer.from(code)]]),
        entry: 'index.ts',
        handler: 'module',
        engine: traits.engine ?? 'web',
      });
      const events = { onSettled: () => undefined, onNotBegun: () => undefined, onGone: () => undefined };
      const executor = executors[TIERS.indexOf(name)]!;
      return { executor, sandbox: executor.open(versionOf(name, artifact), events) };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(executors.map((executor) => executor.kill('the benchmark is over')));
      await builder.close();
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}

const versionOf = (tier: (typeof TIERS)[number], artifact: Artifact): FunctionVersion =>
  ownVersion({ tenant: 'bench', name: 'hello', tier, artifact, limits: LIMITS, ephemeral: false });

/** Keeps so many calls under way. */
function load({ sandbox, executor }: Subject, concurrency: number, durationMs: number): Promise<Rate> {
  const { promise, resolve, reject } = Promise.withResolvers<Rate>();
  const cpuBeforeMs = executor.cpuMs() ?? 0;
  const startedMs = performance.now();
  let done = 0;
  let running = 0;
  const finished = (): void => {
    done++;
    running--;
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs < durationMs) start();
    else if (running === 0)
      resolve({
        perSecond: (done * 1000) / elapsedMs,
        cpuMs: (((executor.cpuMs() ?? 0) - cpuBeforeMs) * 1000) / done,
      });
  };
  const sink: ResponseSink = {
    attach: () => undefined,
    complete: finished,
    head: () => undefined,
    data: () => true,
    end: finished,
    fail: (fault: Fault) => reject(fault),
  };
  const start = (): void => {
    running++;
    sandbox.invoke({ ...CALL }, sink);
  };
  for (let i = 0; i < concurrency; i++) start();
  return promise;
}

const CALL: Call = {
  id: 'bench',
  cause: 'http',
  principal: ANONYMOUS,
  method: 'GET',
  url: 'http://localhost:3003/fn/hello?a=1',
  headers: ['host', 'localhost:3003', 'accept', '*/*', 'user-agent', 'bench'],
  clientAddress: '127.0.0.1',
  body: null,
  reply: 'http',
  attempts: 0,
};

const LIMITS: Limits = {
  timeoutMs: 30_000,
  memoryMb: 128,
  requestBytes: 1e6,
  responseBytes: 1e7,
  logBytes: 1e4,
  concurrency: 128,
  ...DEFAULT_CHOSEN,
};
