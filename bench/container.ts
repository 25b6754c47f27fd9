/** Container: how soon a container of its own answers for a function, and how much of the bare runtime's server is left. */

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '../src/core/faults.ts';
import type { Artifact, FunctionVersion } from '../src/core/function.ts';
import type { Call, ResponseSink } from '../src/core/invocation.ts';
import { DEFAULT_CHOSEN } from '../src/core/limits.ts';
import { ownVersion } from '../src/core/own-version.ts';
import { ANONYMOUS } from '../src/core/principal.ts';
import type { Runtime } from '../src/core/runtime.ts';
import type { Executor, Sandbox, Tier } from '../src/core/tier.ts';
import { packFiles } from '../src/lib/packed-files.ts';
import { createContainerTier } from '../src/tiers/container/container-tier.ts';
import { createEmbeddedEngine } from '../src/tiers/container/embedded/embedded-engine.ts';
import { selectWall } from '../src/walls/select.ts';
import type { Benchmark, BenchmarkOptions, Report, Target } from './benchmark.ts';
import { startChild } from './support/child.ts';
import { loadInTurns } from './support/rounds.ts';
import { percentile } from './support/statistics.ts';

const CONNECTIONS = 32;
const MOST_POOL_MS = 15;
const MOST_WARM_MS = 1.5;
const LEAST_RATIO = 0.3;

const SUBJECTS: readonly Subject[] = [
  {
    runtime: 'javascript',
    bare: 'peers/bare-http.ts',
    mostColdMs: 120,
    artifact: {
      format: 'source',
      code: Buffer.from(`export default () => ({ statusCode: 200, body: 'hello' })`),
      cache: null,
      interleaves: false,
    },
  },
  {
    runtime: 'python',
    bare: 'peers/bare-python.ts',
    mostColdMs: 90,
    artifact: {
      format: 'files',
      code: packFiles(
        new Map([
          ['main.py', Buffer.from(`def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello'}\n`)],
        ]),
        'main.py',
      ),
      cache: null,
      interleaves: false,
    },
  },
];

export const container: Benchmark = {
  name: 'container',
  summary: 'cold, pooled and warm containers, Node and Python',
  run,
};

interface Subject {
  readonly runtime: Runtime;
  /** The server of the bare runtime. */
  readonly bare: string;
  readonly mostColdMs: number;
  readonly artifact: Artifact;
}

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  await using bed = await layBed();
  const rows = [];
  const throughput = [];
  const targets: Target[] = [];
  for (const { runtime, bare, mostColdMs, artifact } of SUBJECTS) {
    const version = versionOf(runtime, artifact);
    progress(`${runtime}: cold`);
    const cold = await times(quick ? 7 : 40, () => fromNothing(bed.tier, version));
    progress(`${runtime}: from a pool`);
    const pooled = await times(quick ? 7 : 40, () => fromPool(bed.tier, version));
    progress(`${runtime}: warm`);
    const executor = await bed.tier.spawn(runtime);
    const sandbox = executor.open(version, NO_EVENTS);
    await times(quick ? 200 : 1_000, () => timed(() => call(sandbox)));
    const warm = await times(quick ? 300 : 3_000, () => timed(() => call(sandbox)));
    progress(`${runtime}: against its own server`);
    const { medians, ratios } = await againstBare(bare, sandbox, quick);
    await executor.kill('the benchmark is over');

    const figures = [cold, pooled, warm].map((all) => ({ p50: percentile(all, 50), p99: percentile(all, 99) }));
    rows.push({
      label: runtime,
      cells: figures.flatMap(({ p50, p99 }) => [p50, p99].map((value) => ({ value, unit: 'ms' as const }))),
    });
    throughput.push({
      label: runtime,
      cells: [
        ...medians.map(({ requestsPerSecond }) => ({ value: requestsPerSecond, unit: 'req/s' as const })),
        { value: ratios[1]!, unit: 'ratio' as const },
      ],
    });
    const most = [mostColdMs, MOST_POOL_MS, MOST_WARM_MS];
    for (const [index, what] of ['cold', 'from a pool', 'warm'].entries())
      targets.push({
        what: `${runtime}, ${what}, p50`,
        value: figures[index]!.p50,
        unit: 'ms',
        bound: { atMost: most[index]! },
      });
    const ofBare = `${runtime}, requests a second, of its own server`;
    targets.push({ what: ofBare, value: ratios[1]!, unit: 'ratio', bound: { atLeast: LEAST_RATIO } });
  }
  return {
    tables: [
      {
        title: 'to the first byte',
        columns: ['cold p50', 'cold p99', 'pool p50', 'pool p99', 'warm p50', 'warm p99'],
        rows,
      },
      { title: `${CONNECTIONS} connections`, columns: ['bare', 'container', 'ratio'], rows: throughput },
    ],
    targets,
    notes: [
      'At the seam of the tiers. Cold: no container is there. Pool: one waits, paused. Warm: one call at a time.',
      'For requests a second a plain node:http server in this process stands before the container, with no gateway.',
    ],
  };
}

/** Duration until the answer of a function in a container that isn't there yet. */
async function fromNothing(tier: Tier, version: FunctionVersion): Promise<number> {
  let executor: Executor | null = null;
  const ms = await timed(async () => {
    executor = await tier.spawn(version.runtime);
    await call(executor.open(version, NO_EVENTS));
  });
  await (executor as Executor | null)?.kill('it was measured');
  return ms;
}

async function fromPool(tier: Tier, version: FunctionVersion): Promise<number> {
  const executor = await tier.spawn(version.runtime);
  await executor.pause?.();
  const ms = await timed(async () => {
    await executor.resume?.();
    await call(executor.open(version, NO_EVENTS));
  });
  await executor.kill('it was measured');
  return ms;
}

async function againstBare(bare: string, sandbox: Sandbox, quick: boolean): ReturnType<typeof loadInTurns> {
  await using peer = await startChild({ script: bare });
  const front = createServer((_request, response) => {
    void call(sandbox).then(
      (body) => response.end(body),
      (fault: Fault) => response.writeHead(500).end(fault.message),
    );
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}/`;
  const durationMs = quick ? 1_000 : 3_000;
  const loads = [`${peer.url}/`, url].map((each) => ({ url: each, connections: CONNECTIONS, durationMs }));
  try {
    return await loadInTurns(loads, quick ? 1 : 3);
  } finally {
    front.closeAllConnections();
    front.close();
  }
}

interface Bed extends AsyncDisposable {
  readonly tier: Tier;
}

async function layBed(): Promise<Bed> {
  const { wall, probes } = await selectWall({ unsafeNoOsSandbox: false, uidRange: { first: 966_000, count: 200 } });
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-bench-'));
  const tier = createContainerTier({ engine: createEmbeddedEngine({ wall, wallProbes: probes, cacheDir }) });
  const probe = await tier.probe();
  if (!probe.works) throw new Error(probe.reason);
  return {
    tier,
    async [Symbol.asyncDispose]() {
      await tier.close();
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}

async function times(count: number, measure: () => Promise<number>): Promise<number[]> {
  const found = [];
  for (let i = 0; i < count; i++) found.push(await measure());
  return found;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** Resolves to the body. */
function call(sandbox: Sandbox): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Uint8Array[] = [];
  const sink: ResponseSink = {
    attach: () => undefined,
    complete: (_status, _headers, body) => resolve(body),
    head: () => undefined,
    data: (chunk) => (chunks.push(chunk), true),
    end: () => resolve(Buffer.concat(chunks)),
    fail: (fault: Fault) => reject(fault),
  };
  sandbox.invoke({ ...CALL }, sink);
  return promise;
}

const NO_EVENTS = { onSettled: () => undefined, onNotBegun: () => undefined, onGone: () => undefined };

const versionOf = (runtime: Runtime, artifact: Artifact): FunctionVersion =>
  ownVersion({
    tenant: 'bench',
    name: 'hello',
    tier: 'container',
    runtime,
    artifact,
    ephemeral: false,
    limits: {
      timeoutMs: 30_000,
      memoryMb: 128,
      requestBytes: 1e6,
      responseBytes: 1e7,
      logBytes: 1e4,
      concurrency: CONNECTIONS,
      ...DEFAULT_CHOSEN,
    },
  });

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
