/** Remote: what it adds to a call that it crosses to another host, and what one stream carries. */

import type { Executor } from '../src/core/tier.ts';
import { makeVersion } from '../test/support/calls.ts';
import { startIsolateTier } from '../test/support/isolate-tier.ts';
import { remoteTierAt, startExecutorProcess } from '../test/support/remote-tier.ts';
import { OpenSandbox } from '../test/support/sandbox.ts';
import type { Benchmark, BenchmarkOptions, Report } from './benchmark.ts';
import { inTurns } from './support/rounds.ts';
import { median, percentile } from './support/statistics.ts';

const HELLO = `export default { fetch() { return new Response('hello'); } };`;
const SIDE_BY_SIDE = 64;
const MOST_ADDED_MS = 1.5;

export const remote: Benchmark = { name: 'remote', summary: 'a call in an executor of another host, on loopback', run };

interface Subject {
  readonly label: string;
  readonly sandbox: OpenSandbox;
}

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  const [local, executor] = await Promise.all([startIsolateTier('bwrap'), startExecutorProcess()]);
  const tier = remoteTierAt([executor.url]);
  let here: Executor | null = null;
  try {
    const artifact = await local.build(HELLO);
    const open = (where: Executor): OpenSandbox =>
      new OpenSandbox(where, makeVersion('hello', { artifact, limits: { concurrency: SIDE_BY_SIDE } }));
    here = await local.tier.spawn();
    const subjects: Subject[] = [
      { label: 'isolate, this host', sandbox: open(here) },
      { label: 'remote, loopback', sandbox: open(await tier.spawn()) },
    ];
    const calls = quick ? 500 : 3_000;
    progress('warming up');
    for (const { sandbox } of subjects) await oneByOne(sandbox, calls);
    progress('one call at a time');
    const rounds = await inTurns(subjects, quick ? 2 : 5, ({ sandbox }) => oneByOne(sandbox, calls));
    progress(`${SIDE_BY_SIDE} calls at a time`);
    const rates = await inTurns(subjects, quick ? 2 : 5, ({ sandbox }) => sideBySide(sandbox, calls * 4));
    const [localMs, remoteMs] = rounds.map((round) => median(round.map((times) => percentile(times, 50)))) as [
      number,
      number,
    ];
    return {
      tables: [
        {
          title: 'A hello, at the seam of the tiers',
          columns: ['p50', 'p99', `calls/s at ${SIDE_BY_SIDE}`],
          rows: subjects.map(({ label }, index) => ({
            label,
            cells: [
              { value: median(rounds[index]!.map((times) => percentile(times, 50))), unit: 'ms' },
              { value: median(rounds[index]!.map((times) => percentile(times, 99))), unit: 'ms' },
              { value: median(rates[index]!), unit: 'req/s' },
            ],
          })),
        },
      ],
      targets: [
        { what: 'p50 that remote adds', value: remoteMs - localMs, unit: 'ms', bound: { atMost: MOST_ADDED_MS } },
      ],
      notes: ['Both run the same code in the same kind of isolate; the executor service is a process of its own.'],
    };
  } finally {
    await here?.kill('the benchmark is over');
    await tier.close();
    await Promise.all([local.close(), executor.stop()]);
  }
}

async function oneByOne(sandbox: OpenSandbox, calls: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < calls; i++) {
    const startedMs = performance.now();
    await sandbox.call();
    times.push(performance.now() - startedMs);
  }
  return times;
}

async function sideBySide(sandbox: OpenSandbox, calls: number): Promise<number> {
  const startedMs = performance.now();
  let left = calls;
  const one = async (): Promise<void> => {
    while (left-- > 0) await sandbox.call();
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
  return (calls / (performance.now() - startedMs)) * 1000;
}
