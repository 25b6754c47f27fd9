/** Memory: what one more warm function costs in an executor. */

import type { Benchmark, BenchmarkOptions, Report } from './benchmark.ts';
import { startCordon } from './support/cordon-server.ts';
import type { CordonServer } from './support/cordon-server.ts';
import { becameQuiet, executorsOf, rssMb } from './support/processes.ts';

const FEW = 20;
const MANY = 100;
const QUICK_MANY = 35;
const CALLS_EACH = 5;
const MOST_MB_EACH = 3;

export const memory: Benchmark = { name: 'memory', summary: 'what each further warm function of a tenant costs', run };

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  await using cordon = await startCordon();
  const waiting = new Set(executorsOf(cordon.pid));
  const many = quick ? QUICK_MANY : MANY;
  progress(`${FEW} functions`);
  await warmFunctions(cordon, 0, FEW);
  const fewMb = servingMb(cordon, waiting);
  progress(`${many} functions`);
  await warmFunctions(cordon, FEW, many);
  const manyMb = servingMb(cordon, waiting);
  const eachMb = (manyMb - fewMb) / (many - FEW);
  return {
    tables: [
      {
        title: 'The executor of one tenant',
        columns: ['RSS'],
        rows: [
          { label: `${FEW} warm functions`, cells: [{ value: fewMb, unit: 'MB' }] },
          { label: `${many} warm functions`, cells: [{ value: manyMb, unit: 'MB' }] },
          { label: 'each further one', cells: [{ value: eachMb, unit: 'MB' }] },
        ],
      },
    ],
    targets: [
      { what: 'RSS of each further warm function', value: eachMb, unit: 'MB', bound: { atMost: MOST_MB_EACH } },
    ],
    notes: [`Different functions in one executor, each called ${CALLS_EACH} times; no garbage collection is forced.`],
  };
}

async function warmFunctions(cordon: CordonServer, from: number, to: number): Promise<void> {
  const names = Array.from({ length: to - from }, (_, index) => `warm-${from + index}`);
  for (const name of names) {
    await cordon.deploy(name, `export default { fetch() { return new Response('I am ${name}'); } };`);
    for (let times = 0; times < CALLS_EACH; times++) await cordon.client.send({ path: `/fn/${name}` });
  }
  await becameQuiet(cordon.pid);
}

/** Of the executors that waited at the start, the one that grew: it serves the tenant. */
function servingMb(cordon: CordonServer, waiting: ReadonlySet<number>): number {
  return Math.max(
    ...executorsOf(cordon.pid)
      .filter((pid) => waiting.has(pid))
      .map(rssMb),
  );
}
