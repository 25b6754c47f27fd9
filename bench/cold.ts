/** Cold: from the request to the first byte of a function that is deployed and was never loaded. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { NODE_FLAGS } from '../src/lib/v8-flags.ts';
import type { Benchmark, BenchmarkOptions, Report } from './benchmark.ts';
import { hostOf, startCordon } from './support/cordon-server.ts';
import type { CordonServer } from './support/cordon-server.ts';
import { becameQuiet } from './support/processes.ts';
import { percentile } from './support/statistics.ts';

const MOST_P50_MS = 4;
const MOST_P99_MS = 15;
const MOST_RICH_P50_MS = 10;
const WARM_UP_CALLS = 300;
/** Executors that nobody uses any more end soon: a hundred of them would disturb what is measured. */
const FEW_EXECUTORS_MB = '256';
const BARE_ISOLATE = fileURLToPath(new URL('peers/bare-isolate.ts', import.meta.url));

export const cold: Benchmark = { name: 'cold', summary: 'deployed and never loaded, to the first byte', run };

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  const count = quick ? 15 : 100;
  progress('bare isolates');
  const bareMs = await bareIsolates(count);
  progress(`${count} functions of a tenant that has an executor`);
  const { spacedMs, burstMs, richMs } = await inKnownTenants(count);
  progress(`the first functions of ${count} tenants`);
  const newTenantMs = await inNewTenants(count);

  const rows = [
    { label: 'bare isolate + context', durationsMs: bareMs },
    { label: 'new function, known tenant', durationsMs: spacedMs },
    { label: 'the same, no pause between', durationsMs: burstMs },
    { label: 'one with URL, streams and crypto', durationsMs: richMs },
    { label: 'first function of a tenant', durationsMs: newTenantMs },
  ].map(({ label, durationsMs }) => ({ label, p50: percentile(durationsMs, 50), p99: percentile(durationsMs, 99) }));
  const bareP50 = rows[0]!.p50;
  return {
    tables: [
      {
        title: `${count} functions each`,
        columns: ['p50', 'p99', 'of a bare isolate'],
        rows: rows.map(({ label, p50, p99 }) => ({
          label,
          cells: [
            { value: p50, unit: 'ms' },
            { value: p99, unit: 'ms' },
            { value: p50 / bareP50, unit: 'ratio' },
          ],
        })),
      },
    ],
    targets: [
      ...[rows[1]!, rows[4]!].flatMap(({ label, p50, p99 }) => [
        { what: `${label}, p50`, value: p50, unit: 'ms' as const, bound: { atMost: MOST_P50_MS } },
        { what: `${label}, p99`, value: p99, unit: 'ms' as const, bound: { atMost: MOST_P99_MS } },
      ]),
      { what: `${rows[3]!.label}, p50`, value: rows[3]!.p50, unit: 'ms', bound: { atMost: MOST_RICH_P50_MS } },
    ],
    notes: [
      'The connection is open and the gateway warm; every function has its own code and its own name.',
      'Before each call the server has become quiet, so its pools are full, but where it says "no pause between".',
      `For the first functions of tenants, CORDON_HOST_MEMORY_MB is ${FEW_EXECUTORS_MB}: idle executors end.`,
    ],
  };
}

/** Milliseconds to the first byte: with a pause before each call, and without. */
async function inKnownTenants(count: number): Promise<Record<'spacedMs' | 'burstMs' | 'richMs', number[]>> {
  await using cordon = await startCordon();
  await warmUp(cordon);
  for (const tenant of ['spaced', 'burst', 'rich']) {
    // The first function of a tenant brings its executor.
    await cordon.deploy('first', codeOf('first'), tenant);
    await call(cordon, 'first', tenant);
  }
  const spacedMs = await firstCalls(cordon, count, () => 'spaced', becameQuiet);
  const burstMs = await firstCalls(
    cordon,
    count,
    () => 'burst',
    () => Promise.resolve(),
  );
  const richMs = await firstCalls(cordon, count, () => 'rich', becameQuiet, richCodeOf);
  return { spacedMs, burstMs, richMs };
}

async function inNewTenants(count: number): Promise<number[]> {
  await using cordon = await startCordon({ CORDON_HOST_MEMORY_MB: FEW_EXECUTORS_MB });
  await warmUp(cordon);
  return await firstCalls(cordon, count, (index) => `new-${index}`, becameQuiet);
}

/** Deploys them all, then calls each for the first time. */
async function firstCalls(
  cordon: CordonServer,
  count: number,
  tenantOf: (index: number) => string,
  pause: (serverPid: number) => Promise<void>,
  code: (name: string) => string = codeOf,
): Promise<number[]> {
  const names = Array.from({ length: count }, (_, index) => `cold-${index}`);
  for (const [index, name] of names.entries()) await cordon.deploy(name, code(name), tenantOf(index));
  await becameQuiet(cordon.pid);
  const durationsMs: number[] = [];
  for (const [index, name] of names.entries()) {
    await pause(cordon.pid);
    durationsMs.push(await call(cordon, name, tenantOf(index)));
  }
  return durationsMs;
}

async function call(cordon: CordonServer, name: string, tenant: string): Promise<number> {
  const { body, firstByteMs } = await cordon.client.send({ path: `/fn/${name}`, headers: { host: hostOf(tenant) } });
  if (body !== `I am ${name}`) throw new Error(`${name} answered ${JSON.stringify(body)}`);
  return firstByteMs;
}

function codeOf(name: string): string {
  return `export default { fetch(request) { return new Response(${JSON.stringify(`I am ${name}`)}); } };`;
}

/** As much of the web API as a function of some size touches. */
function richCodeOf(name: string): string {
  return `export default { fetch(request) {
    const id = new URL(request.url).pathname + crypto.randomUUID();
    const source = new ReadableStream({ pull(controller) {
      if (id.length > 36) controller.enqueue(${JSON.stringify(`I am ${name}`)});
      controller.close();
    } });
    return new Response(source.pipeThrough(new TextEncoderStream()));
  } };`;
}

/** The gateway and this client are compiled; only the function is cold. */
async function warmUp(cordon: CordonServer): Promise<void> {
  await cordon.deploy('warm-up', codeOf('warm-up'));
  for (let times = 0; times < WARM_UP_CALLS; times++) await call(cordon, 'warm-up', 'default');
}

/** In a process with the executor's own V8 flags. Milliseconds each. */
async function bareIsolates(count: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [...NODE_FLAGS, BARE_ISOLATE, String(count)]);
  return JSON.parse(stdout) as number[];
}
