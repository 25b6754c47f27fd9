/** Noisy: what a tenant at full load costs another one, whose requests come at a steady pace. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Benchmark, BenchmarkOptions, Report, Table, Target } from './benchmark.ts';
import { Client } from './support/client.ts';
import { hostOf, startCordon } from './support/cordon-server.ts';
import { runLoad } from './support/load.ts';
import { median, percentile } from './support/statistics.ts';

const REQUESTS_A_SECOND = 50;
const CONNECTIONS = 64;
const MOST_MS = 250;
const LEAST_SHARE = 0.999;
const VICTIM = 'quiet';
const CLIENTS = 8;

const HELLO = `export default { fetch() { return new Response('hello'); } };`;
/** A few milliseconds of computing for each request. */
const BUSY = `export default { fetch() { let n = 0; for (let i = 0; i < 2e6; i++) n += i % 7; return new Response(String(n)); } };`;

const NOISES = [
  { label: 'alone', name: null },
  { label: 'beside a flood of small requests', name: 'hello' },
  { label: 'beside a tenant that computes', name: 'busy' },
] as const;

export const noisy: Benchmark = { name: 'noisy', summary: 'a steady tenant beside one at full load', run };

interface Steady {
  readonly sent: number;
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  await using cordon = await startCordon();
  await cordon.deploy('hello', HELLO);
  await cordon.deploy('busy', BUSY);
  await cordon.deploy('victim', HELLO, VICTIM);
  const durationMs = quick ? 3_000 : 15_000;
  const rows: Table['rows'][number][] = [];
  const targets: Target[] = [];
  for (const { label, name } of NOISES) {
    progress(label);
    const load = { url: `${cordon.url}/fn/${name}`, connections: CONNECTIONS, durationMs: durationMs + 1_000 };
    const noise = name === null ? null : runLoad(load);
    const steady = await steadily(cordon.url, durationMs);
    const rate = (await noise)?.requestsPerSecond ?? 0;
    rows.push({
      label,
      cells: [
        { value: rate, unit: 'req/s' },
        { value: steady.answered / steady.sent, unit: 'ratio' },
        { value: steady.p50Ms, unit: 'ms' },
        { value: steady.p99Ms, unit: 'ms' },
      ],
    });
    const share = steady.answered / steady.sent;
    targets.push({ what: `answered, ${label}`, value: share, unit: 'ratio', bound: { atLeast: LEAST_SHARE } });
    targets.push({ what: `p99, ${label}`, value: steady.p99Ms, unit: 'ms', bound: { atMost: MOST_MS } });
  }
  const columns = ['noise', 'answered', 'p50', 'p99'];
  const notes = [`The noise comes over ${CONNECTIONS} connections; client and server share this machine.`];
  return { tables: [{ title: `${REQUESTS_A_SECOND} requests a second`, columns, rows }], targets, notes };
}

/** Each request is sent when its time has come, whether or not those before were answered. */
async function steadily(url: string, durationMs: number): Promise<Steady> {
  const clients = Array.from({ length: CLIENTS }, () => new Client(url));
  const times: number[] = [];
  const sent: Promise<void>[] = [];
  const headers = { host: hostOf(VICTIM) };
  const startedMs = performance.now();
  while (performance.now() - startedMs < durationMs) {
    const client = clients[sent.length % CLIENTS]!;
    const one = client.send({ path: '/fn/victim', headers });
    sent.push(
      one.then(
        ({ totalMs }) => void times.push(totalMs),
        () => undefined,
      ),
    );
    await delay(Math.max(0, startedMs + (sent.length * 1000) / REQUESTS_A_SECOND - performance.now()));
  }
  await Promise.all(sent);
  for (const client of clients) client[Symbol.dispose]();
  return { sent: sent.length, answered: times.length, p50Ms: median(times), p99Ms: percentile(times, 99) };
}
