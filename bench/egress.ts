/** Egress: what the one way out costs a fetch, against undici's own fetch to the same server on this machine. */

import { createEgress } from '../src/egress/egress.ts';
import type { Egress } from '../src/egress/egress.ts';
import type { CapabilityCaller } from '../src/core/capability.ts';
import { DEFAULT_EGRESS } from '../src/core/egress.ts';
import type { FunctionVersion } from '../src/core/function.ts';
import type { Call } from '../src/core/invocation.ts';
import { Agent, fetch as undiciFetch } from 'undici';
import type { Benchmark, BenchmarkOptions, Report } from './benchmark.ts';
import { startChild } from './support/child.ts';
import { inTurns, medianRatio } from './support/rounds.ts';
import { median, percentile } from './support/statistics.ts';

const CONNECTIONS = 32;
const LEAST_RATIO = 0.6;
const MOST_ADDED_MS = 0.3;

export const egress: Benchmark = { name: 'egress', summary: 'a fetch through egress, against undici’s own', run };

/** Fetches a URL and reads its body to the end. */
type Fetch = (url: string) => Promise<void>;

interface Subject {
  readonly label: string;
  readonly fetch: Fetch;
}

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  await using server = await startChild({ script: 'peers/bare-http.ts' });
  const agent = new Agent({ connections: CONNECTIONS });
  const out = createEgress({
    defaultAllow: () => null,
    allowPrivate: [new URL(server.url).host],
    refused: () => undefined,
    limits: { requestsPerInvocation: CONNECTIONS, subrequestsPerInvocation: Infinity },
  });
  const subjects: readonly Subject[] = [
    { label: 'undici’s fetch', fetch: bareFetch(agent) },
    { label: 'through egress', fetch: fetchThrough(out) },
  ];
  try {
    progress('warming up');
    for (const { fetch } of subjects) await load(fetch, server.url, CONNECTIONS, 1_000);
    progress(`${CONNECTIONS} at once`);
    const durationMs = quick ? 1_000 : 3_000;
    const rates = await inTurns(subjects, quick ? 3 : 5, ({ fetch }) =>
      load(fetch, server.url, CONNECTIONS, durationMs),
    );
    progress('one at a time');
    const times = await inTurns(subjects, quick ? 3 : 5, ({ fetch }) => load(fetch, server.url, 1, durationMs));
    return reportOf(subjects, rates, times);
  } finally {
    out.close();
    await agent.close();
  }
}

function reportOf(
  subjects: readonly Subject[],
  rates: readonly (readonly Load[])[],
  times: readonly (readonly Load[])[],
): Report {
  const perSecond = rates.map((rounds) => rounds.map(({ requestsPerSecond }) => requestsPerSecond));
  const p50Ms = times.map((rounds) => median(rounds.map((round) => round.p50Ms)));
  const ratios = perSecond.map((rounds) => medianRatio(rounds, perSecond[0]!));
  return {
    tables: [
      {
        title: `${CONNECTIONS} at once, and one at a time`,
        columns: ['req/s', 'of undici', 'p50, alone'],
        rows: subjects.map(({ label }, index) => ({
          label,
          cells: [
            { value: median(perSecond[index]!), unit: 'req/s' },
            { value: ratios[index]!, unit: 'ratio' },
            { value: p50Ms[index]!, unit: 'ms' },
          ],
        })),
      },
    ],
    targets: [
      {
        what: 'requests a second, of undici’s fetch',
        value: ratios[1]!,
        unit: 'ratio',
        bound: { atLeast: LEAST_RATIO },
      },
      { what: 'added p50', value: p50Ms[1]! - p50Ms[0]!, unit: 'ms', bound: { atMost: MOST_ADDED_MS } },
    ],
    notes: ['in one process, without the wall: the capability’s own seam against undici’s fetch()'],
  };
}

interface Load {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
}

async function load(fetch: Fetch, url: string, atOnce: number, durationMs: number): Promise<Load> {
  const tookMs: number[] = [];
  const startedMs = performance.now();
  const untilMs = startedMs + durationMs;
  const worker = async (): Promise<void> => {
    for (let nowMs = performance.now(); nowMs < untilMs;) {
      await fetch(url);
      const endedMs = performance.now();
      tookMs.push(endedMs - nowMs);
      nowMs = endedMs;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const seconds = (performance.now() - startedMs) / 1000;
  return { requestsPerSecond: tookMs.length / seconds, p50Ms: percentile(tookMs, 50) };
}

function bareFetch(dispatcher: Agent): Fetch {
  return async (url) => {
    const response = await undiciFetch(url, { dispatcher });
    await response.arrayBuffer();
  };
}

/** Egress reads no more of a version and a call than this. */
function fetchThrough(out: Egress): Fetch {
  const version = { tenant: 'bench', name: 'bench', number: 1, egress: DEFAULT_EGRESS, boundSecrets: [] };
  const caller = {
    version: version as unknown as FunctionVersion,
    call: { id: 'bench' } as Call,
  } satisfies CapabilityCaller;
  return (url) =>
    new Promise((resolve, reject) => {
      const meta = { method: 'GET', url, headers: [], redirect: 'follow' };
      out.fetch.start(
        caller,
        { kind: 'fetch', meta, hasBody: false },
        {
          head: () => undefined,
          data: () => true,
          end: resolve,
          fail: ({ code, message }) => reject(new Error(`${code}: ${message}`)),
        },
      );
    });
}
