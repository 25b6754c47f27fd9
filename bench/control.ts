/** Control: what the control plane costs when there are many functions: start-up, a page of the list, a deployment. */

import { DatabaseSync } from 'node:sqlite';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Routes } from '../src/gateway/routes.ts';
import type { Route } from '../src/core/route.ts';
import type { Benchmark, BenchmarkOptions, Report } from './benchmark.ts';
import { ADMIN_TOKEN, startCordon } from './support/cordon-server.ts';
import type { CordonServer } from './support/cordon-server.ts';
import { percentile } from './support/statistics.ts';

const MOST_PAGE_MS = 50;
const MOST_LOOKUP_MS = 0.005;
const MOST_START_MS = 1_000;
const MOST_DEPLOY_MS = 60;
/** Each deployment is built by a builder that is used once; in this time the next one is ready. */
const PAUSE_MS = 500;
const LOOKUPS = 200_000;
const PAGES = 20;
const SMALL = `export default { fetch() { return new Response('hello'); } };`;

export const control: Benchmark = { name: 'control', summary: 'the control plane with many functions', run };

async function run({ quick, progress }: BenchmarkOptions): Promise<Report> {
  const count = quick ? 1_000 : 10_000;
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-bench-control-'));
  try {
    const emptyStartMs = await seedFunction(dataDir);
    progress(`${count} functions`);
    copyFunction(dataDir, count);
    const full = await measure(dataDir, quick ? 10 : 50);
    const lookupMs = measureLookups(count);
    const deployP50 = percentile(full.deploysMs, 50);
    const pageP50 = percentile(full.pagesMs, 50);
    // What the walls and the executors take is the same with one function.
    const loadMs = Math.max(0, full.startMs - emptyStartMs);
    return {
      tables: [
        {
          title: `${count} functions, SQLite`,
          columns: ['p50', 'p99'],
          rows: [
            row('a page of 100 of the list', full.pagesMs),
            row('a deployment of a small function', full.deploysMs),
            row('the same, no pause between', full.burstMs),
            row('start-up, over that with one function', [loadMs]),
            row('a route look-up', [lookupMs]),
          ],
        },
      ],
      targets: [
        { what: 'a page of 100 of the list, p50', value: pageP50, unit: 'ms', bound: { atMost: MOST_PAGE_MS } },
        { what: 'a route look-up', value: lookupMs, unit: 'ms', bound: { atMost: MOST_LOOKUP_MS } },
        { what: 'start-up for the functions', value: loadMs, unit: 'ms', bound: { atMost: MOST_START_MS } },
        { what: 'a deployment, p50', value: deployP50, unit: 'ms', bound: { atMost: MOST_DEPLOY_MS } },
      ],
      notes: [
        `the whole start-up took ${full.startMs.toFixed(0)} ms, and ${emptyStartMs.toFixed(0)} ms with one function`,
      ],
    };
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const row = (label: string, values: readonly number[]) => ({
  label,
  cells: [percentile(values, 50), percentile(values, 99)].map((value) => ({ value, unit: 'ms' as const })),
});

/** Returns how long a start takes when the guest's files are there already. */
async function seedFunction(dataDir: string): Promise<number> {
  {
    await using first = await startCordon({ CORDON_DATA_DIR: dataDir, CORDON_TENANT_FUNCTIONS: '20000' });
    await first.deploy('seed', SMALL);
  }
  const startedMs = performance.now();
  await using again = await startCordon({ CORDON_DATA_DIR: dataDir });
  await again.client.send({ path: '/health' });
  return performance.now() - startedMs;
}

/** Row by row in SQL: ten thousand deployments would say nothing more and take minutes. */
function copyFunction(dataDir: string, count: number): void {
  const db = new DatabaseSync(join(dataDir, 'cordon.db'));
  for (const table of ['functions', 'versions', 'artifacts', 'sources']) {
    const columns = db
      .prepare(`pragma table_info(${table})`)
      .all()
      .map(({ name }) => String(name));
    const values = columns.map((column) =>
      column === 'name' ? `printf('copy-%06d', n.i)` : column === 'id' ? `s.id || '-' || n.i` : `s.${column}`,
    );
    db.exec(`with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
      insert into ${table} (${columns.join(', ')}) select ${values.join(', ')} from ${table} s, n where s.name = 'seed'`);
  }
  db.close();
}

async function measure(dataDir: string, deploys: number) {
  const startedMs = performance.now();
  await using server = await startCordon({ CORDON_DATA_DIR: dataDir, CORDON_TENANT_FUNCTIONS: '20000' });
  const startMs = performance.now() - startedMs;
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const pagesMs: number[] = [];
  let after = '';
  for (let page = 0; page < PAGES; page++) {
    const { body, totalMs } = await server.client.send({ path: `/api/v1/functions?limit=100${after}`, headers });
    pagesMs.push(totalMs);
    after = `&after=${(JSON.parse(body) as { next: string | null }).next ?? ''}`;
  }
  const deploysMs = await timeDeploys(server, 'spaced', deploys, PAUSE_MS);
  const burstMs = await timeDeploys(server, 'burst', deploys, 0);
  return { startMs, pagesMs, deploysMs, burstMs };
}

async function timeDeploys(server: CordonServer, name: string, count: number, pauseMs: number): Promise<number[]> {
  const durationsMs: number[] = [];
  for (let i = 0; i < count; i++) {
    if (pauseMs > 0) await delay(pauseMs);
    const startedMs = performance.now();
    await server.deploy(`${name}-${i}`, `${SMALL} // ${name} ${i}`);
    durationsMs.push(performance.now() - startedMs);
  }
  return durationsMs;
}

/** Of one look-up, in ms. */
function measureLookups(count: number): number {
  const routes = new Routes();
  const names = Array.from({ length: count }, (_, i) => `copy-${i}`);
  routes.load(names.map((name) => ({ tenant: 'default', name, publicDomain: null }) as Route));
  const startedMs = performance.now();
  let found = 0;
  for (let i = 0; i < LOOKUPS; i++) if (routes.find('default', names[(i * 7919) % count]!) !== undefined) found++;
  if (found !== LOOKUPS) throw new Error('a route was not found');
  return (performance.now() - startedMs) / LOOKUPS;
}
