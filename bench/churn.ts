/**
 * Churn: what a server keeps of functions that were retired and of executors that died. Nothing should stay: no memory, no
 * descriptor, no process, no cgroup, no file.
 */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Benchmark, BenchmarkOptions, Report } from './benchmark.ts';
import { Client, type ClientRequest } from './support/client.ts';
import { ADMIN_TOKEN, startCordon, type CordonServer } from './support/cordon-server.ts';
import { executorsOf, processesOf, rssMb } from './support/processes.ts';

interface Scale {
  readonly retirements: number;
  readonly deaths: number;
}

const FULL: Scale = { retirements: 100_000, deaths: 1_000 };
const QUICK: Scale = { retirements: 2_000, deaths: 20 };
/** What is there after so much is compared with what is there at the end: by then heaps have found their size. */
const FULL_WARM: Scale = { retirements: 10_000, deaths: 100 };
const QUICK_WARM: Scale = { retirements: 1_000, deaths: 10 };
/** Executors that nobody calls end soon, so that at rest there are those of the pool and no others. */
const IDLE_MS = 3_000;
const CLIENTS = 4;
/** One in so many is a deployment that is deleted again; the rest are executions. */
const DEPLOYMENT_EVERY = 100;
const STEPS = 20;
const MOST_GROWTH_MB = 30;
const MAX_ATTEMPTS = 8;
const RETRY_MS = 50;
const NOTICE_MS = 100;
const SETTLE_MS = 60_000;
const SETTLE_STEP_MS = 1_000;
/** Together longer than {@link IDLE_MS}. */
const SETTLED_READINGS = 6;

interface Left {
  readonly hostMb: number;
  readonly descriptors: number;
  readonly processes: number;
  readonly cgroups: number;
  readonly files: number;
}

export const churn: Benchmark = {
  name: 'churn',
  summary: 'what retired functions and dead executors leave behind',
  run,
};

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  const [scale, warm] = quick ? [QUICK, QUICK_WARM] : [FULL, FULL_WARM];
  const temporary = mkdtempSync(join(tmpdir(), 'cordon-churn-'));
  try {
    await using cordon = await startCordon({
      TMPDIR: temporary,
      CORDON_ACCESS_LOG: '0',
      CORDON_IDLE_MS: String(IDLE_MS),
    });
    await cordon.deploy('steady', `export default { fetch() { return new Response('steady'); } };`);
    await wear(cordon, warm, progress);
    const before = await settled(cordon.pid, temporary, null);
    await wear(
      cordon,
      { retirements: scale.retirements - warm.retirements, deaths: scale.deaths - warm.deaths },
      progress,
    );
    const after = await settled(cordon.pid, temporary, before);
    return reportOf(scale, warm, before, after);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** In steps of both, so that each meets what the other has left. */
async function wear(
  cordon: CordonServer,
  { retirements, deaths }: Scale,
  progress: (line: string) => void,
): Promise<void> {
  let retired = 0;
  let died = 0;
  for (let step = 1; step <= STEPS; step++) {
    const upTo = (all: number): number => Math.round((all * step) / STEPS);
    await retire(cordon, retired, upTo(retirements));
    retired = upTo(retirements);
    for (; died < upTo(deaths); died++) await killOne(cordon);
    progress(
      `${retired.toLocaleString('en')} retired, ${died.toLocaleString('en')} died, host ${Math.round(rssMb(cordon.pid))} MB`,
    );
  }
}

async function retire(cordon: CordonServer, from: number, to: number): Promise<void> {
  let next = from;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      using client = new Client(cordon.url);
      for (let i = next++; i < to; i = next++)
        await (i % DEPLOYMENT_EVERY === 0 ? deployOnce(cordon, client, i) : executeOnce(client, i));
    }),
  );
}

async function executeOnce(client: Client, i: number): Promise<void> {
  const code = `module.exports.handler = () => ({ statusCode: 200, body: '${i}' });`;
  const headers = { 'content-type': 'application/json' };
  await send(client, { path: '/execute', method: 'POST', headers, body: JSON.stringify({ code }) });
}

async function deployOnce({ deploy }: CordonServer, client: Client, i: number): Promise<void> {
  const name = `churned-${i}`;
  await deploy(name, `export default { fetch() { return new Response('${i}'); } };`);
  await send(client, { path: `/fn/${name}` });
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  await client.send({ path: `/api/v1/functions/${name}`, method: 'DELETE', headers });
}

/** One that serves nobody at this moment: who dies with calls in it is held against its functions. */
async function killOne({ client, pid }: CordonServer): Promise<void> {
  await send(client, { path: '/fn/steady' });
  for (;;) {
    const [oldest] = executorsOf(pid);
    if (oldest === undefined) await delay(10);
    else {
      process.kill(oldest, 'SIGKILL');
      return untilNoticed(pid, oldest);
    }
  }
}

/** A call that came before the server knows would be taken for what ended it. */
async function untilNoticed(pid: number, killed: number): Promise<void> {
  while (processesOf(pid).includes(killed)) await delay(5);
  await delay(NOTICE_MS);
}

/** Whoever comes to an executor that has just died is told to come again. */
async function send(client: Client, request: ClientRequest): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return void (await client.send(request));
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !/: 503 /.test((error as Error).message)) throw error;
      await delay(RETRY_MS * attempt);
    }
  }
}

/** What is there once it changes no more; with `before`, once it is no more than that, if it comes to that. */
async function settled(pid: number, temporary: string, before: Left | null): Promise<Left> {
  let last = leftOf(pid, temporary);
  let same = 0;
  for (let waitedMs = 0; waitedMs < SETTLE_MS && same < SETTLED_READINGS; waitedMs += SETTLE_STEP_MS) {
    await delay(SETTLE_STEP_MS);
    const now = leftOf(pid, temporary);
    const isSame = before === null ? now.processes === last.processes : isNoMore(now, before);
    same = isSame ? same + 1 : 0;
    last = now;
  }
  return last;
}

const COUNTED = ['descriptors', 'processes', 'cgroups', 'files'] as const satisfies readonly (keyof Left)[];

const isNoMore = (now: Left, before: Left): boolean =>
  COUNTED.every((what) => now[what] <= before[what]) && now.hostMb <= before.hostMb + MOST_GROWTH_MB;

function leftOf(pid: number, temporary: string): Left {
  return {
    hostMb: rssMb(pid),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    processes: processesOf(pid).length,
    cgroups: cgroupsOf(pid),
    files: readdirSync(temporary, { recursive: true }).length,
  };
}

/** Folders of this server in every hierarchy. */
function cgroupsOf(pid: number): number {
  const own = new RegExp(`(?:^|/)cordon-${pid}-\\d+(?:/|$)`);
  try {
    return readdirSync('/sys/fs/cgroup', { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && own.test(join(entry.parentPath, entry.name)),
    ).length;
  } catch {
    // Another's cgroup went while it was listed.
    return cgroupsOf(pid);
  }
}

function reportOf({ retirements, deaths }: Scale, warm: Scale, before: Left, after: Left): Report {
  const row = (label: string, { hostMb, ...counts }: Left): Report['tables'][number]['rows'][number] => ({
    label,
    cells: [{ value: hostMb, unit: 'MB' }, ...COUNTED.map((what) => ({ value: counts[what], unit: 'count' as const }))],
  });
  return {
    tables: [
      {
        title: `${retirements.toLocaleString('en')} functions retired, ${deaths.toLocaleString('en')} executors died`,
        columns: ['host', ...COUNTED],
        rows: [
          row(`after ${warm.retirements.toLocaleString('en')} and ${warm.deaths}`, before),
          row('at the end', after),
        ],
      },
    ],
    targets: [
      { what: 'host: growth', value: after.hostMb - before.hostMb, unit: 'MB', bound: { atMost: MOST_GROWTH_MB } },
      ...COUNTED.map((what) => ({
        what: `${what}: left behind`,
        value: after[what] - before[what],
        unit: 'count' as const,
        bound: { atMost: 0 },
      })),
    ],
    notes: [
      'Descriptors are the host’s own; processes, cgroups and temporary files are all that it has made.',
      `CORDON_IDLE_MS=${IDLE_MS}`,
    ],
  };
}
