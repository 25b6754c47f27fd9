/** Wasm: what a fresh instance for every call costs, against a bare engine that does nothing but add one and one. */

import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import variantModule from '@jitl/quickjs-wasmfile-release-sync';
import { newQuickJSWASMModuleFromVariant, type QuickJSSyncVariant } from 'quickjs-emscripten-core';
import { QuickJS } from 'quickjs-wasi';
import type { Artifact } from '../src/core/function.ts';
import type { Executor } from '../src/core/tier.ts';
import { imageBytes, readBase } from '../src/guest/quickjs/base-file.ts';
import { limitMemory } from '../src/guest/quickjs/memory-limit.ts';
import { Guest, loadProgram, SEED_BYTES, type Program } from '../src/guest/quickjs/program.ts';
import { restoreQuickJs } from '../src/guest/quickjs/quickjs.ts';
import { makeWasmGuestFiles } from '../src/tiers/wasm/guest-files.ts';
import { startWasmTier } from '../test/support/wasm-tier.ts';
import { findWall } from '../test/support/builder.ts';
import { makeVersion } from '../test/support/calls.ts';
import { OpenSandbox } from '../test/support/sandbox.ts';
import type { Benchmark, BenchmarkOptions, Report, Table } from './benchmark.ts';
import { median, percentile } from './support/statistics.ts';

/** Its types say that it is a CommonJS module. */
const variant = variantModule as unknown as QuickJSSyncVariant;
const MB = 1024 * 1024;
const MOST_FRESH_MS = 5;
const MOST_IMAGE_MS = 1.5;
const MOST_MEMORY_MB = 3;
const HELLO = `() => ({ default: { fetch: (request) => new Response('hello ' + request.url) } })`;
const HELLO_SOURCE = `export default { fetch: (request) => new Response('hello ' + request.url) }`;
const WAITING = `export default { fetch: () => (console.log('begun'), new Promise(() => {})) }`;

export const wasm: Benchmark = { name: 'wasm', summary: 'a fresh QuickJS for every call, against bare engines', run };

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'cordon-bench-wasm-'));
  try {
    progress('engines in one process');
    const engines = await compareEngines(cacheDir, quick ? 40 : 200);
    progress('through the executor');
    const tier = await measureTier(quick ? 100 : 500, quick ? 20 : 50);
    return {
      tables: [engineTable(engines), tableOf('through the executor', tier.times), tier.memory],
      targets: [
        target('a new instance with the web guest → hello, CPU time', 'ours, a new instance', engines, MOST_FRESH_MS),
        target('an instance reset to its image → hello, CPU time', 'ours, reset to the image', engines, MOST_IMAGE_MS),
        { what: 'memory of one call that waits', value: tier.callMb, unit: 'MB', bound: { atMost: MOST_MEMORY_MB } },
      ],
      notes: [
        'bare engines evaluate 1 + 1; ours has the web API, resolves a handler, builds a Request and a Response',
        'memory is what the executor grew by, for each version with a call of its own; its threads were up before',
      ],
    };
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}

type Times = ReadonlyMap<string, readonly number[]>;
/** `cpuMs` is the mean: the kernel counts too coarsely for one. */
type EngineTimes = ReadonlyMap<string, { readonly wallMs: readonly number[]; readonly cpuMs: number }>;

function target(what: string, label: string, engines: EngineTimes, atMost: number): Report['targets'][number] {
  return { what, value: engines.get(label)?.cpuMs ?? Infinity, unit: 'ms', bound: { atMost } };
}

function engineTable(engines: EngineTimes): Table {
  const rows = [...engines].map(([label, { wallMs, cpuMs }]) => ({
    label,
    cells: [
      { value: cpuMs, unit: 'ms' },
      { value: median(wallMs), unit: 'ms' },
    ] as const,
  }));
  return { title: 'an instance and its first result', columns: ['CPU, mean', 'p50'], rows };
}

function tableOf(title: string, times: Times): Table {
  const rows = [...times].map(([label, ms]) => ({
    label,
    cells: [
      { value: median([...ms]), unit: 'ms' },
      { value: percentile([...ms], 99), unit: 'ms' },
    ] as const,
  }));
  return { title, columns: ['p50', 'p99'], rows };
}

/** In turns, so that all meet the same machine; CPU time, since what others do there delays it and costs it little. */
async function compareEngines(cacheDir: string, rounds: number): Promise<EngineTimes> {
  const files = await makeWasmGuestFiles(cacheDir);
  const bytes = await readFile(files.engine);
  const module = new WebAssembly.Module(bytes);
  const emscripten = await newQuickJSWASMModuleFromVariant(variant);
  const hello = await helloOf(bytes, await readFile(files.base));
  const subjects: readonly (readonly [string, () => unknown])[] = [
    ['quickjs-wasi, bare', async () => (await QuickJS.create({ wasm: module })).evalCode('1 + 1').dispose()],
    ['quickjs-emscripten, bare, a module each', async () => evaluate(await newQuickJSWASMModuleFromVariant(variant))],
    ['quickjs-emscripten, bare, a context each', () => evaluate(emscripten)],
    ['ours, a new instance', hello.fresh],
    ['ours, reset to the image', hello.reset],
  ];
  const times = new Map(subjects.map(([label]) => [label, { wallMs: [] as number[], cpuMs: 0 }]));
  for (let round = 0; round < rounds; round++) {
    for (const [label, act] of subjects) {
      const time = times.get(label)!;
      const startedMs = performance.now();
      const before = process.threadCpuUsage();
      await act();
      const { user, system } = process.threadCpuUsage(before);
      time.wallMs.push(performance.now() - startedMs);
      time.cpuMs += (user + system) / 1_000 / rounds;
    }
  }
  return times;
}

function evaluate(module: Awaited<ReturnType<typeof newQuickJSWASMModuleFromVariant>>): void {
  const context = module.newContext();
  context.unwrapResult(context.evalCode('1 + 1')).dispose();
  context.dispose();
}

async function helloOf(wasmBytes: Uint8Array, base: Uint8Array): Promise<{ fresh(): void; reset(): void }> {
  const { image, port } = readBase(base, imageBytes);
  const module = new WebAssembly.Module(limitMemory(wasmBytes, 128 * MB));
  const hooks = { now: () => Date.now(), isOver: () => false };
  const parser = restoreQuickJs(module, image, hooks);
  const start = loadProgram(parser, port, { format: 'script', code: HELLO, spec: SPEC });
  const program: Program = { image: parser.image(imageBytes, image), port, start };
  const engine = restoreQuickJs(module, program.image, hooks);
  const answer = (guest: Guest): void => {
    guest.start(randomBytes(SEED_BYTES), start);
    guest.turn(CALL, []);
    if (!String(guest.drain()[0]).includes('hello http')) throw new Error('It did not say hello');
  };
  return Promise.resolve({
    fresh: () => answer(new Guest(restoreQuickJs(module, program.image, hooks), port)),
    reset() {
      if (!engine.restore(program.image)) throw new Error('A hello grew the memory');
      answer(new Guest(engine, port));
    },
  });
}

const SPEC = JSON.stringify({
  interleaves: true,
  codeGeneration: false,
  functionName: 'hello',
  kind: 'module',
  name: 'handler',
  memoryMb: 128,
  responseBytes: 1e6,
  logBytes: 1e5,
  cpuMs: 1e4,
  pendingTimers: 100,
  env: {},
});
const CALL = JSON.stringify([
  [0, 1, null, [1, 0, 1_000, 'GET', 'http://localhost/', ['a', 'b'], 'http', '127.0.0.1', 'i', null, null]],
]);

interface TierFigures {
  readonly times: Times;
  readonly memory: Table;
  readonly callMb: number;
}

async function measureTier(calls: number, sandboxes: number): Promise<TierFigures> {
  const wall = await findWall();
  const subject = await startWasmTier(wall?.name ?? 'none');
  const spawned = subject.tier.spawn();
  try {
    const executor = await spawned;
    executor.listen({
      onExit: () => undefined,
      onBroken: () => undefined,
      onOverrun: () => undefined,
      onLog: () => undefined,
    });
    const warm = open(executor, 'warm', HELLO_SOURCE);
    for (let i = 0; i < calls / 2; i++) await warm.call();
    const times = {
      warm: await timesOf(calls, () => warm.call()),
      cold: await timesOf(sandboxes, (i) => open(executor, `cold${i}`, HELLO_SOURCE).call()),
    };
    // The first of them start threads, which the others share.
    await startWaiting(executor, 'first', sandboxes);
    const before = rssMb(executor);
    await startWaiting(executor, 'second', sandboxes);
    const callMb = (rssMb(executor) - before) / sandboxes;
    return {
      times: new Map([
        ['a version’s next call', times.warm],
        ['a new version’s first call', times.cold],
      ]),
      memory: {
        title: `memory, of ${sandboxes}`,
        columns: ['each'],
        rows: [{ label: 'a version with a call that waits', cells: [{ value: callMb, unit: 'MB' }] }],
      },
      callMb,
    };
  } finally {
    await spawned.then(
      (executor) => executor.kill('the benchmark is over'),
      () => undefined,
    );
    await subject.close();
  }
}

async function startWaiting(executor: Executor, name: string, count: number): Promise<void> {
  const waiting = Array.from({ length: count }, (_, i) => open(executor, `${name}${i}`, WAITING));
  const begun = waiting.map(async (one) => {
    const sink = one.start({});
    while (sink.logs.length === 0) await new Promise<void>((resolve) => (sink.onHeard = resolve));
  });
  await Promise.all(begun);
}

function open(executor: Executor, name: string, code: string): OpenSandbox {
  const artifact: Artifact = { format: 'source', code: Buffer.from(code), cache: null, interleaves: false };
  return new OpenSandbox(
    executor,
    makeVersion(name, { artifact, tier: 'wasm', limits: { memoryMb: 128, concurrency: 8 } }),
  );
}

async function timesOf(count: number, act: (i: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startedMs = performance.now();
    await act(i);
    times.push(performance.now() - startedMs);
  }
  return times;
}

const rssMb = (executor: Executor): number => (executor.usage()?.rssBytes ?? 0) / MB;
