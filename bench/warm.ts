/** Warm: how much of bare node:http is left when a request crosses the gateway, a socket and two walls. */

import type { Benchmark, BenchmarkOptions, Report, Target } from './benchmark.ts';
import { startChild } from './support/child.ts';
import { startCordon } from './support/cordon-server.ts';
import type { CordonServer } from './support/cordon-server.ts';
import { runLoad } from './support/load.ts';
import { loadInTurns } from './support/rounds.ts';

const CONNECTIONS = [32, 128];
const LEAST_RATIO = 0.55;

const SHAPES = [
  { name: 'hello', label: 'fetch()', code: `export default { fetch() { return new Response('hello'); } };` },
  {
    name: 'hello-async',
    label: 'async fetch()',
    code: `export default { async fetch() { return new Response('hello'); } };`,
  },
  {
    name: 'hello-object',
    label: 'async (req) => ({ … })',
    code: `export default async (req) => ({ statusCode: 200, body: 'hello' });`,
  },
];

export const warm: Benchmark = { name: 'warm', summary: 'hello through /fn, against bare node:http', run };

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  await using bare = await startChild({ script: 'peers/bare-http.ts' });
  await using cordon = await startCordon();
  const subjects = [{ label: 'bare node:http', url: bare.url }, ...(await deployShapes(cordon))];
  const durationMs = quick ? 1_000 : 4_000;

  progress('warming up');
  for (const { url } of subjects) await runLoad({ url, connections: 32, durationMs: durationMs / 2 });

  const tables = [];
  const targets: Target[] = [];
  for (const connections of CONNECTIONS) {
    progress(`${connections} connections`);
    const loads = subjects.map(({ url }) => ({ url, connections, durationMs }));
    const { medians, ratios } = await loadInTurns(loads, quick ? 1 : 3);
    tables.push({
      title: `${connections} connections`,
      columns: ['req/s', 'of bare', 'p50', 'p99'],
      rows: subjects.map(({ label }, index) => {
        const { requestsPerSecond, p50Ms, p99Ms } = medians[index]!;
        return {
          label,
          cells: [
            { value: requestsPerSecond, unit: 'req/s' as const },
            { value: ratios[index]!, unit: 'ratio' as const },
            { value: p50Ms, unit: 'ms' as const },
            { value: p99Ms, unit: 'ms' as const },
          ],
        };
      }),
    });
    for (const [index, { label }] of subjects.entries()) {
      if (index === 0) continue;
      const what = `${label}, ${connections} connections, of bare node:http`;
      targets.push({ what, value: ratios[index]!, unit: 'ratio', bound: { atLeast: LEAST_RATIO } });
    }
  }
  return { tables, targets, notes: subjects.flatMap((subject) => ('note' in subject ? [subject.note] : [])) };
}

async function deployShapes(cordon: CordonServer): Promise<{ label: string; url: string; note: string }[]> {
  const deployed = [];
  for (const { name, label, code } of SHAPES) {
    const concurrency = await cordon.deploy(name, code);
    const { body } = await cordon.client.send({ path: `/fn/${name}` });
    if (body !== 'hello') throw new Error(`${name} answered ${JSON.stringify(body)}`);
    const note = `${label}: one isolate serves ${concurrency === 1 ? 'one invocation at a time' : `up to ${concurrency} invocations side by side`}`;
    deployed.push({ label: `/fn, ${label}`, url: `${cordon.url}/fn/${name}`, note });
  }
  return deployed;
}
