/** Soak: whether memory grows with the number of requests served, in the host or in an executor. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Benchmark, BenchmarkOptions, Report } from './benchmark.ts';
import { startCordon } from './support/cordon-server.ts';
import { runLoad } from './support/load.ts';
import { becameQuiet, executorsOf, rssMb } from './support/processes.ts';
import { median } from './support/statistics.ts';

const REQUESTS = 1_000_000;
const QUICK_REQUESTS = 150_000;
const CONNECTIONS = 32;
const SLICE_MS = 2_000;
const SAMPLE_MS = 100;
/** Shares of all requests at which memory is read. */
const MARKS = [0.1, 0.5, 1];
/** A heap under load grows into its size for about so many requests: a middle before that is not judged. */
const SETTLED_REQUESTS = 400_000;
/** From the middle to the end: heaps have found their size by then, and still swing by some of it. */
const MOST_GROWTH = 1.1;

interface Memory {
  readonly hostMb: number;
  /** By process id. */
  readonly executorsMb: ReadonlyMap<number, number>;
}

interface Mark extends Memory {
  readonly requests: number;
}

export const soak: Benchmark = {
  name: 'soak',
  summary: 'memory of the host and of every executor under many requests',
  run,
};

async function run({ quick, requests, progress }: BenchmarkOptions): Promise<Report> {
  await using cordon = await startCordon();
  await cordon.deploy('hello', `export default { fetch() { return new Response('hello'); } };`);
  await cordon.client.send({ path: '/fn/hello' });
  await becameQuiet(cordon.pid);
  const marks = await soakUntil(requests ?? (quick ? QUICK_REQUESTS : REQUESTS), cordon, progress);

  const executors = [...new Set(marks.flatMap(({ executorsMb }) => [...executorsMb.keys()]))];
  const idle = executors.filter((pid) => !marks.every(({ executorsMb }) => executorsMb.has(pid)));
  const [, , middle, last] = marks as [Mark, Mark, Mark, Mark];
  const grown = (before: number, after: number): number => after / before;
  return {
    tables: [
      {
        title: `${last.requests.toLocaleString('en')} requests over ${CONNECTIONS} connections`,
        columns: marks.map(({ requests: served }) => `after ${served.toLocaleString('en')}`),
        rows: [
          { label: 'host', cells: marks.map(({ hostMb }) => ({ value: hostMb, unit: 'MB' as const })) },
          ...executors.map((pid, index) => ({
            label: `executor ${index + 1}`,
            cells: marks.map(({ executorsMb }) => ({ value: executorsMb.get(pid) ?? 0, unit: 'MB' as const })),
          })),
        ],
      },
    ],
    targets:
      middle.requests < SETTLED_REQUESTS
        ? []
        : [
            { what: 'host: the end against the middle', value: grown(middle.hostMb, last.hostMb) },
            ...executors
              .filter((pid) => !idle.includes(pid))
              .map((pid, index) => ({
                what: `executor ${index + 1}: the end against the middle`,
                value: grown(middle.executorsMb.get(pid)!, last.executorsMb.get(pid)!),
              })),
          ].map((target) => ({ ...target, unit: 'ratio' as const, bound: { atMost: MOST_GROWTH } })),
    notes: [
      'Resident memory, shared pages included; after the first mark, the median of the samples under load.',
      ...(middle.requests < SETTLED_REQUESTS
        ? ['Too few requests to judge: heaps are still growing into their size.']
        : []),
      'One executor serves the function, the others wait in the pool.',
      ...(idle.length === 0
        ? []
        : [`${idle.length} executors came or went meanwhile: a 0 is a process that was not there.`]),
    ],
  };
}

/** Memory before, and at each mark. */
async function soakUntil(
  total: number,
  { url, pid }: { readonly url: string; readonly pid: number },
  progress: (line: string) => void,
): Promise<Mark[]> {
  const marks: Mark[] = [{ requests: 0, ...memoryOf(pid) }];
  let served = 0;
  let rate = Infinity;
  for (const share of MARKS) {
    let memory = memoryOf(pid);
    while (served < total * share) {
      const durationMs = Math.min(SLICE_MS, ((total * share - served) / rate) * 1_000);
      const load = runLoad({ url: `${url}/fn/hello`, connections: CONNECTIONS, durationMs });
      memory = await memoryDuring(load, pid);
      const { requests, requestsPerSecond } = await load;
      served += requests;
      rate = requestsPerSecond;
      progress(`${served.toLocaleString('en')} of ${total.toLocaleString('en')} requests`);
    }
    marks.push({ requests: served, ...memory });
  }
  return marks;
}

async function memoryDuring(load: Promise<unknown>, pid: number): Promise<Memory> {
  const ended = load.then(() => true);
  const samples: Memory[] = [];
  do samples.push(memoryOf(pid));
  while (!(await Promise.race([ended, delay(SAMPLE_MS, false)])));
  const last = samples.at(-1)!;
  return {
    hostMb: median(samples.map(({ hostMb }) => hostMb)),
    executorsMb: new Map(
      [...last.executorsMb.keys()].map((id) => [
        id,
        median(samples.flatMap(({ executorsMb }) => executorsMb.get(id) ?? [])),
      ]),
    ),
  };
}

function memoryOf(pid: number): Memory {
  return { hostMb: rssMb(pid), executorsMb: new Map(executorsOf(pid).map((id) => [id, rssMb(id)])) };
}
