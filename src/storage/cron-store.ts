/** Cron store: which ticks of each cron function were fired, and what an operator has set for it. */

import type { ExpressionBuilder, ExpressionWrapper, Selectable, SqlBool, Updateable } from 'kysely';
import type { CronKey, CronState, CronStore } from '../core/cron.ts';
import { holdsTenant, inTransaction, lotsOf } from './database.ts';
import type { Database } from './database.ts';
import type { CronTable, MainSchema } from './schema.ts';

/** Rows of one statement, which binds a few values for each. */
const LOT = 100;

export function createCronStore(database: Database): CronStore {
  const { main } = database;
  return {
    async find(keys) {
      const found: CronState[] = [];
      for (const lot of lotsOf(keys, LOT)) {
        const rows = await main
          .selectFrom('cron')
          .selectAll()
          .where((e) => e.or(lot.map((key) => isOf(e, key))))
          .execute();
        found.push(...rows.map(stateOf));
      }
      return found;
    },
    create: (states) => createStates(database, states),
    advance: (ticks) =>
      inTransaction(database, async (trx) => {
        // Always in one order, so that two nodes never wait for each other.
        for (const { tenant, name, lastTickMs } of [...ticks].sort(byKey)) {
          await trx
            .updateTable('cron')
            .set({ last_tick_ms: lastTickMs })
            .where((e) => isOf(e, { tenant, name }))
            .where('last_tick_ms', '<', lastTickMs)
            .execute();
        }
      }),
    async finish(key, finishedMs) {
      await main
        .updateTable('cron')
        .set({ finished_ms: finishedMs })
        .where((e) => isOf(e, key))
        .where((e) => e.or([e('finished_ms', 'is', null), e('finished_ms', '<', finishedMs)]))
        .execute();
    },
    async change(key, change) {
      const columns = columnsOf(change);
      if (Object.keys(columns).length === 0) return;
      await main
        .updateTable('cron')
        .set(columns)
        .where((e) => isOf(e, key))
        .execute();
    },
  };
}

async function createStates(database: Database, states: readonly CronState[]): Promise<void> {
  for (const [tenant, own] of Map.groupBy(states, (state) => state.tenant))
    for (const lot of lotsOf(own.toSorted(byKey), LOT))
      await inTransaction(database, async (trx) => {
        if (!(await holdsTenant(database, trx, tenant))) return;
        await trx
          .insertInto('cron')
          .values(lot.map(rowOf))
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      });
}

const isOf = (
  e: ExpressionBuilder<MainSchema, 'cron'>,
  { tenant, name }: CronKey,
): ExpressionWrapper<MainSchema, 'cron', SqlBool> => e.and([e('tenant', '=', tenant), e('name', '=', name)]);

const byKey = (a: CronKey, b: CronKey): number =>
  a.tenant === b.tenant ? Number(a.name > b.name) - Number(a.name < b.name) : a.tenant < b.tenant ? -1 : 1;

function columnsOf({
  paused,
  overlap,
  catchUp,
  pattern,
  lastTickMs,
}: Parameters<CronStore['change']>[1]): Updateable<CronTable> {
  return {
    ...(paused === undefined ? {} : { paused: Number(paused) }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(catchUp === undefined ? {} : { catch_up: catchUp }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(lastTickMs === undefined ? {} : { last_tick_ms: lastTickMs }),
  };
}

const rowOf = (state: CronState): Selectable<CronTable> => ({
  tenant: state.tenant,
  name: state.name,
  pattern: state.pattern,
  paused: Number(state.paused),
  overlap: state.overlap,
  catch_up: state.catchUp,
  last_tick_ms: state.lastTickMs,
  finished_ms: state.finishedMs,
});

const stateOf = (row: Selectable<CronTable>): CronState => ({
  tenant: row.tenant,
  name: row.name,
  pattern: row.pattern,
  paused: row.paused === 1,
  overlap: row.overlap as CronState['overlap'],
  catchUp: row.catch_up as CronState['catchUp'],
  lastTickMs: row.last_tick_ms,
  finishedMs: row.finished_ms,
});
