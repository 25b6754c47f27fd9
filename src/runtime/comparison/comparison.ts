/**
 * Comparison: the same functions in every tier that works on this machine, for whoever has to choose a wall. It runs in a
 * Cordon of its own, whose data is gone afterwards.
 */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config.ts';
import { OPERATOR, SYSTEM } from '../../core/principal.ts';
import { DEFAULT_TENANT } from '../../core/tenant.ts';
import type { TierName } from '../../core/tier.ts';
import type { Output } from '../../observe/output.ts';
import { startParts, type Parts } from '../parts.ts';
import type { TierStatus } from '../tiers.ts';
import { FULL_EFFORT, measure, type Bench, type Effort, type Measured } from './measure.ts';
import { builtInWorkloads, type Workload } from './workload.ts';

export interface ComparisonOptions {
  /** Takes the place of the built-in ones. */
  readonly workload?: Workload;
  /** Null: every tier that works. */
  readonly tiers: readonly TierName[] | null;
  readonly effort?: Effort;
  /** Settings as `cordon serve` has them, but for what is given. */
  config(own: { readonly dataDir: string; readonly allowPrivate: string }): Config;
  onProgress?(tier: TierName, workload: string): void;
}

export interface Comparison {
  readonly tiers: readonly TierStatus[];
  readonly rows: readonly Row[];
}

export interface Row {
  readonly tier: TierName;
  readonly workload: string;
  readonly measured: Measured | null;
  /** Why it was not measured. */
  readonly error: string | null;
}

const BYTES = 'x'.repeat(1024);
const SILENT: Output = { line: () => undefined, flush: () => undefined };

export async function compareTiers(options: ComparisonOptions): Promise<Comparison> {
  const dataDir = await mkdtemp(join(tmpdir(), 'cordon-tiers-'));
  const origin = createServer((_, response) => response.end(BYTES));
  try {
    await once(origin.listen(0, '127.0.0.1'), 'listening');
    const host = `127.0.0.1:${(origin.address() as AddressInfo).port}`;
    const parts = await startParts(options.config({ dataDir, allowPrivate: host }), SILENT);
    try {
      const workloads = options.workload === undefined ? builtInWorkloads(`http://${host}/`) : [options.workload];
      return await compare(parts, workloads, options);
    } finally {
      await parts.close();
    }
  } finally {
    close(origin);
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function compare(parts: Parts, workloads: readonly Workload[], options: ComparisonOptions): Promise<Comparison> {
  const { tiers: wanted, effort = FULL_EFFORT, onProgress } = options;
  const bench = benchOf(parts);
  const rows: Row[] = [];
  for (const { name: tier, probe } of parts.tiers) {
    if (!probe.works || (wanted !== null && !wanted.includes(tier))) continue;
    for (const workload of workloads) {
      onProgress?.(tier, workload.name);
      rows.push(await rowOf(bench, tier, workload, effort));
    }
  }
  return { tiers: parts.tiers, rows };
}

async function rowOf(bench: Bench, tier: TierName, workload: Workload, effort: Effort): Promise<Row> {
  const head = { tier, workload: workload.name };
  try {
    return { ...head, measured: await measure(bench, tier, workload, effort), error: null };
  } catch (error) {
    return { ...head, measured: null, error: (error as Error).message };
  }
}

function benchOf({ deployer, routes, invocations, supervisor }: Parts): Bench {
  const tenant = DEFAULT_TENANT;
  return {
    async deploy(tier, name, { files, entry }) {
      await deployer.deploy({ tenant, name, tier, files, entry, egress: { allow: ['*'] } }, OPERATOR);
    },
    async call(name, fresh) {
      const version = routes.find(tenant, name)?.live;
      if (version === undefined || version === null) throw new Error(`${name} is not live`);
      const { outcome } = invocations.run(version, {
        principal: SYSTEM,
        cause: 'invoke',
        method: 'GET',
        url: `http://localhost/fn/${name}`,
        headers: [],
        body: null,
        reply: 'http',
        fresh,
      });
      const { response, fault } = await outcome;
      if (response?.status !== 200) throw fault ?? new Error(`it answered ${response?.status}, not 200`);
    },
    async remove(name) {
      await deployer.remove(tenant, name, OPERATOR);
    },
    memoryMb() {
      const bytes = supervisor.cordons
        .map(({ executor }) => executor?.usage()?.rssBytes ?? 0)
        .reduce((a, b) => a + b, 0);
      return bytes === 0 ? null : bytes / 2 ** 20;
    },
  };
}

function close(server: Server): void {
  server.close();
  server.closeAllConnections();
}
