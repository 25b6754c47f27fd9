/** Usage store: what functions took, by the hour. Nodes that share a database add to the same rows. */

import { sql } from 'kysely';
import type { Insertable } from 'kysely';
import type { FunctionUsage, HourUsage, UsageHour, UsageStore, UsageTotals } from '../core/usage.ts';
import { inSnapshot, inTransaction, lotsOf } from './database.ts';
import type { Database, MainTransaction } from './database.ts';
import type { UsageFaultsTable, UsageHoursTable } from './schema.ts';

/** Rows of one statement. */
const LOT = 200;

const COUNTS = [
  'invocations',
  'cold_starts',
  'wall_ms',
  'cpu_ms',
  'mb_seconds',
  'sent_bytes',
  'received_bytes',
  'faults',
] as const satisfies readonly (keyof UsageHoursTable)[];
type CountColumns = Pick<UsageHoursTable, (typeof COUNTS)[number]>;

export function createUsageStore(database: Database): UsageStore {
  const { main } = database;
  return {
    add: (hours) => inTransaction(database, async (trx) => addHours(trx, await kept(database, trx, hours))),
    read: (tenant, hoursSinceMs) =>
      inSnapshot(database, main, async (trx) => {
        const totals = await totalsOf(trx, tenant);
        const faults = await faultsOf(trx, tenant);
        const hours = await hoursOf(trx, tenant, hoursSinceMs);
        const sinceMs = totals.reduce<number | null>((first, row) => Math.min(first ?? Infinity, row.since_ms), null);
        const of = { faults: byName(faults), hours: byName(hours) };
        return { sinceMs, functions: totals.map((row) => usageOf(tenant, row, of)) };
      }),
    async prune(beforeMs) {
      await main.deleteFrom('usage_faults').where('hour_ms', '<', beforeMs).execute();
      const { numDeletedRows } = await main
        .deleteFrom('usage_hours')
        .where('hour_ms', '<', beforeMs)
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}

/** Without those of erased tenants; the others can't be erased until the transaction ends. */
async function kept(database: Database, trx: MainTransaction, hours: readonly UsageHour[]): Promise<UsageHour[]> {
  const names = [...new Set(hours.map(({ tenant }) => tenant))].sort();
  const erased = new Set<string>();
  for (const lot of lotsOf(names, LOT)) {
    await trx
      .selectFrom('tenants')
      .select('name')
      .where('name', 'in', lot)
      .orderBy('name')
      .$if(database.engine === 'postgres', (query) => query.forKeyShare())
      .execute();
    const rows = await trx.selectFrom('erased_tenants').select('name').where('name', 'in', lot).execute();
    for (const { name } of rows) erased.add(name);
  }
  return hours.filter(({ tenant }) => !erased.has(tenant));
}

/** In the order of their keys, so that two nodes don't wait for each other. */
async function addHours(trx: MainTransaction, hours: readonly UsageHour[]): Promise<void> {
  const sorted = [...hours].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  for (const lot of lotsOf(sorted.map(hourRow), LOT))
    await trx
      .insertInto('usage_hours')
      .values(lot)
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'name', 'hour_ms'])
          .doUpdateSet((eb) =>
            Object.fromEntries(
              COUNTS.map((count) => [count, eb(`usage_hours.${count}`, '+', eb.ref(`excluded.${count}`))]),
            ),
          ),
      )
      .execute();
  for (const lot of lotsOf(sorted.flatMap(faultRows), LOT))
    await trx
      .insertInto('usage_faults')
      .values(lot)
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'name', 'hour_ms', 'code'])
          .doUpdateSet((eb) => ({ times: eb('usage_faults.times', '+', eb.ref('excluded.times')) })),
      )
      .execute();
}

const keyOf = ({ tenant, name, hourMs }: UsageHour): string => `${tenant}\0${name}\0${hourMs}`;

const hourRow = ({ tenant, name, hourMs, totals }: UsageHour): Insertable<UsageHoursTable> => ({
  tenant,
  name,
  hour_ms: hourMs,
  invocations: totals.invocations,
  cold_starts: totals.coldStarts,
  wall_ms: totals.wallMs,
  cpu_ms: totals.cpuMs,
  mb_seconds: totals.mbSeconds,
  sent_bytes: totals.sentBytes,
  received_bytes: totals.receivedBytes,
  faults: totals.faults,
});

const faultRows = ({ tenant, name, hourMs, faultsByCode }: UsageHour): Insertable<UsageFaultsTable>[] =>
  Object.entries(faultsByCode)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, times]) => ({ tenant, name, hour_ms: hourMs, code, times }));

type TotalsRow = CountColumns & { readonly name: string; readonly since_ms: number };

async function totalsOf(trx: MainTransaction, tenant: string): Promise<TotalsRow[]> {
  const rows = await trx
    .selectFrom('usage_hours')
    .select(({ fn }) => [
      'name',
      fn.min<number>('hour_ms').as('since_ms'),
      ...COUNTS.map((count) => fn.sum<number>(count).as(count)),
    ])
    .where('tenant', '=', tenant)
    .groupBy('name')
    .orderBy('name')
    .execute();
  return rows;
}

type ByName<T> = ReadonlyMap<string, readonly T[]>;

const byName = <T extends { readonly name: string }>(rows: readonly T[]): ByName<T> =>
  Map.groupBy(rows, ({ name }) => name);

type FaultRow = Pick<UsageFaultsTable, 'name' | 'code' | 'times'>;

const faultsOf = (trx: MainTransaction, tenant: string): Promise<FaultRow[]> =>
  trx
    .selectFrom('usage_faults')
    .select(['name', 'code', sql<number>`sum(times)`.as('times')])
    .where('tenant', '=', tenant)
    .groupBy(['name', 'code'])
    .execute();

const hoursOf = (trx: MainTransaction, tenant: string, sinceMs: number): Promise<UsageHoursTable[]> =>
  trx
    .selectFrom('usage_hours')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('hour_ms', '>=', sinceMs)
    .orderBy('hour_ms')
    .execute();

function usageOf(
  tenant: string,
  totals: TotalsRow,
  of: { readonly faults: ByName<FaultRow>; readonly hours: ByName<UsageHoursTable> },
): FunctionUsage {
  const { name } = totals;
  return {
    tenant,
    name,
    ...totalsIn(totals),
    faultsByCode: Object.fromEntries((of.faults.get(name) ?? []).map(({ code, times }) => [code, times])),
    hours: (of.hours.get(name) ?? []).map((row): HourUsage => ({ timeMs: row.hour_ms, ...totalsIn(row) })),
  };
}

const totalsIn = (row: CountColumns): UsageTotals => ({
  invocations: row.invocations,
  coldStarts: row.cold_starts,
  wallMs: row.wall_ms,
  cpuMs: row.cpu_ms,
  mbSeconds: row.mb_seconds,
  sentBytes: row.sent_bytes,
  receivedBytes: row.received_bytes,
  faults: row.faults,
});
