/**
 * The benchmarks: `npm run bench -- [name …] [--quick] [--json] [--requests N]`.
 *
 * Each starts servers of its own, compares within its own run, and says which targets it met. README.md tells how to
 * read the figures.
 */

import { availableParallelism, cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { isMet } from './benchmark.ts';
import type { Benchmark, BenchmarkOptions, Report } from './benchmark.ts';
import { churn } from './churn.ts';
import { cold } from './cold.ts';
import { container } from './container.ts';
import { control } from './control.ts';
import { egress } from './egress.ts';
import { events } from './events.ts';
import { execute } from './execute.ts';
import { memory } from './memory.ts';
import { noisy } from './noisy.ts';
import { queue } from './queue.ts';
import { remote } from './remote.ts';
import { soak } from './soak.ts';
import { textOf } from './support/print.ts';
import { warm } from './warm.ts';
import { worker } from './worker.ts';
import { wasm } from './wasm.ts';

const BENCHMARKS: readonly Benchmark[] = [
  warm,
  soak,
  churn,
  execute,
  cold,
  memory,
  control,
  egress,
  noisy,
  queue,
  events,
  remote,
  wasm,
  worker,
  container,
];

const USAGE = `Usage: npm run bench -- [name …] [--quick] [--strict] [--json] [--requests N]

${BENCHMARKS.map(({ name, summary }) => `  ${name.padEnd(9)}${summary}`).join('\n')}

  --quick        less than a minute in all; the figures are rougher
  --strict       exit code 1 where a target was not met
  --json         one JSON document on stdout, progress on stderr
  --requests N   requests of the soak (default: 1000000)
`;

/** Ends the children that a benchmark has started: their clean-up listens to the exit of this process. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options;
  try {
    options = optionsOf(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  const { benchmarks, json, strict } = options;
  const machine = machineOf();
  if (!json) process.stdout.write(`${Object.values(machine).join(', ')}\n`);
  const results = [];
  let failed = false;
  for (const benchmark of benchmarks) {
    const startedMs = performance.now();
    try {
      const report = await run(benchmark, options);
      failed ||= strict && !report.targets.every(isMet);
      const seconds = Math.round((performance.now() - startedMs) / 1000);
      if (!json) process.stdout.write(`\n${benchmark.name}: ${benchmark.summary} (${seconds} s)\n${textOf(report)}`);
      results.push({ name: benchmark.name, seconds, ...withVerdicts(report) });
    } catch (error) {
      failed = true;
      process.stderr.write(`\n${benchmark.name} failed: ${(error as Error).message}\n`);
      results.push({ name: benchmark.name, error: (error as Error).message });
    }
  }
  if (json) process.stdout.write(`${JSON.stringify({ machine, benchmarks: results }, null, 2)}\n`);
  return failed ? 1 : 0;
}

interface Options extends Omit<BenchmarkOptions, 'progress'> {
  readonly benchmarks: readonly Benchmark[];
  readonly json: boolean;
  readonly strict: boolean;
}

function optionsOf(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      requests: { type: 'string' },
    },
  });
  const benchmarks = positionals.map((name) => {
    const found = BENCHMARKS.find((benchmark) => benchmark.name === name);
    if (found === undefined) throw new Error(`There is no benchmark ${JSON.stringify(name)}`);
    return found;
  });
  const requests = values.requests === undefined ? null : Number(values.requests);
  if (requests !== null && !(Number.isInteger(requests) && requests > 0))
    throw new Error('--requests takes a whole number');
  return {
    benchmarks: benchmarks.length === 0 ? BENCHMARKS : benchmarks,
    quick: values.quick,
    json: values.json,
    strict: values.strict,
    requests,
  };
}

function run(benchmark: Benchmark, { quick, requests }: Options): Promise<Report> {
  const progress = (line: string): boolean => process.stderr.write(`${benchmark.name}: ${line}\n`);
  return benchmark.run({ quick, requests, progress });
}

function withVerdicts(report: Report): object {
  return { ...report, targets: report.targets.map((target) => ({ ...target, met: isMet(target) })) };
}

/** A figure without its machine says nothing. */
function machineOf(): Record<string, string> {
  return {
    cpu: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`,
    kernel: `Linux ${release()}`,
    node: `Node ${process.versions.node}`,
    load: `load ${loadavg()[0]?.toFixed(2)} at the start`,
    date: new Date().toISOString(),
  };
}
