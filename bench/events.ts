/** Events: the whole path, from `POST /api/events` to a function that has run, on both databases. */

import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { processCpuMs } from '../src/lib/process-cpu.ts';
import { startPostgres } from '../test/support/postgres.ts';
import type { Benchmark, BenchmarkOptions, Report, Target } from './benchmark.ts';
import { Client } from './support/client.ts';
import { ADMIN_TOKEN, startCordon, type CordonServer } from './support/cordon-server.ts';
import { becameQuiet } from './support/processes.ts';
import { median, percentile } from './support/statistics.ts';

const PUBLISHERS = 32;
const MOST_START_MS = 15;
const MOST_IDLE_CPU = 0.01;
const POLL_MS = 50;
const DEADLINE_MS = 120_000;

export const events: Benchmark = { name: 'events', summary: 'events published, and delivered to a function', run };

interface Subject {
  readonly name: string;
  readonly leastPerSecond: number;
  readonly env: Readonly<Record<string, string>>;
}

interface Figures {
  readonly perSecond: number;
  /** Of the host, for each event. */
  readonly cpuMs: number;
  readonly startsMs: readonly number[];
  /** Of one processor, with nothing to do. */
  readonly idleCpu: number;
}

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  const postgres = await startPostgres({ fsync: true });
  try {
    const subjects: Subject[] = [{ name: 'SQLite', leastPerSecond: 1_500, env: {} }];
    if (postgres !== null)
      subjects.push({ name: 'PostgreSQL', leastPerSecond: 700, env: { CORDON_DATABASE_URL: postgres.url } });
    const results: Figures[] = [];
    for (const subject of subjects) results.push(await measure(subject, quick, progress));
    return reportOf(subjects, results, postgres === null);
  } finally {
    await postgres?.stop();
  }
}

function reportOf(subjects: readonly Subject[], results: readonly Figures[], isWithoutPostgres: boolean): Report {
  const each = subjects.map((subject, index) => ({ subject, figures: results[index]! }));
  return {
    tables: [
      {
        title: `events from POST /api/events, ${PUBLISHERS} at a time, to a hello function; one at a time, until it starts`,
        columns: ['events', 'CPU of the host', 'start p50', 'start p99', 'idle CPU'],
        rows: each.map(({ subject, figures }) => ({
          label: subject.name,
          cells: [
            { value: figures.perSecond, unit: 'req/s' },
            { value: figures.cpuMs, unit: 'ms' },
            { value: median(figures.startsMs), unit: 'ms' },
            { value: percentile(figures.startsMs, 99), unit: 'ms' },
            { value: figures.idleCpu, unit: 'ratio' },
          ],
        })),
      },
    ],
    targets: each.flatMap(({ subject: { name, leastPerSecond }, figures }): Target[] => [
      { what: `events on ${name}`, value: figures.perSecond, unit: 'req/s', bound: { atLeast: leastPerSecond } },
      { what: `start on ${name}, p50`, value: median(figures.startsMs), unit: 'ms', bound: { atMost: MOST_START_MS } },
      { what: `idle CPU on ${name}`, value: figures.idleCpu, unit: 'ratio', bound: { atMost: MOST_IDLE_CPU } },
    ]),
    notes: [
      'the rate is over the whole time, from the first request until the meter has counted the last run, which it does once a second',
      'the start is when a fetch that the function makes first arrives here, so that the fetch is in it',
      ...(isWithoutPostgres ? ['PostgreSQL is not installed, so SQLite stands alone'] : []),
    ],
  };
}

async function measure({ name, env }: Subject, quick: boolean, progress: (line: string) => void): Promise<Figures> {
  await using listener = await startListener();
  await using server = await startCordon({ ...env, CORDON_EGRESS_ALLOW_PRIVATE: listener.address });
  await deploy(server, 'hello', 'bench:hello', 'export default () => null');
  await deploy(server, 'tells', 'bench:tells', `export default () => fetch('http://${listener.address}/')`);
  progress(`${name}: warming up`);
  await publishMany(server, PUBLISHERS * 10);
  progress(`${name}: ${PUBLISHERS} publishers`);
  const count = quick ? 3_000 : 20_000;
  const cpuBefore = processCpuMs(server.pid) ?? 0;
  const perSecond = await publishMany(server, count);
  const cpuMs = ((processCpuMs(server.pid) ?? 0) - cpuBefore) / count;
  progress(`${name}: one at a time`);
  const startsMs: number[] = [];
  for (let i = 0; i < (quick ? 30 : 200); i++) startsMs.push(await publishOne(server.client, listener));
  progress(`${name}: idle`);
  await becameQuiet(server.pid);
  return { perSecond, cpuMs, startsMs, idleCpu: await idleCpu(server.pid, quick ? 3_000 : 10_000) };
}

async function deploy(server: CordonServer, name: string, pattern: string, code: string): Promise<void> {
  const body = JSON.stringify({ code, tenant: 'default', trigger: { kind: 'event', pattern } });
  await server.client.send({ path: `/api/v1/functions/${name}`, method: 'PUT', headers: HEADERS, body });
}

const HEADERS = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };

const publish = async (client: Client, channel: string): Promise<void> =>
  void (await client.send({
    path: '/api/events',
    method: 'POST',
    headers: HEADERS,
    body: JSON.stringify({ channel, data: { title: 'hello' } }),
  }));

/** Events a second, until all of them have been delivered. */
async function publishMany(server: CordonServer, count: number): Promise<number> {
  const before = await delivered(server);
  const clients = Array.from({ length: PUBLISHERS }, () => new Client(server.url));
  const startedMs = performance.now();
  let left = count;
  await Promise.all(
    clients.map(async (client) => {
      while (left-- > 0) await publish(client, 'bench:hello');
      client[Symbol.dispose]();
    }),
  );
  while ((await delivered(server)) < before + count) {
    if (performance.now() - startedMs > DEADLINE_MS) throw new Error(`Not all of ${count} events were delivered`);
    await delay(POLL_MS);
  }
  return (1_000 * count) / (performance.now() - startedMs);
}

async function delivered({ client }: CordonServer): Promise<number> {
  const { body } = await client.send({ path: '/metrics', headers: HEADERS });
  const line = /^cordon_function_invocations_total\{[^}]*function="hello"[^}]*\} (\d+)/m.exec(body);
  return Number(line?.[1] ?? 0);
}

async function publishOne(client: Client, listener: Listener): Promise<number> {
  const startedMs = performance.now();
  const heard = listener.next();
  await publish(client, 'bench:tells');
  await heard;
  return performance.now() - startedMs;
}

async function idleCpu(pid: number, durationMs: number): Promise<number> {
  const before = processCpuMs(pid) ?? 0;
  await delay(durationMs);
  return ((processCpuMs(pid) ?? 0) - before) / durationMs;
}

interface Listener extends AsyncDisposable {
  readonly address: string;
  /** Resolves at the next request. */
  next(): Promise<void>;
}

async function startListener(): Promise<Listener> {
  let heard: () => void = () => undefined;
  const server: Server = createServer((_request, response) => {
    heard();
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: () => new Promise((resolve) => (heard = resolve)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
