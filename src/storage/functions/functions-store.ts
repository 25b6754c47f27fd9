/** Functions store: functions, their versions, code, sources and aliases. */

import { Fault } from '../../core/faults.ts';
import type { FunctionChange, FunctionStore, NewVersion } from '../../core/function-record.ts';
import type { SourceFiles } from '../../core/deployment.ts';
import { holdTenant, inSnapshot, inTransaction, isDuplicate } from '../database.ts';
import type { Database, MainTransaction } from '../database.ts';
import { deleteLogs, logsOf } from '../log-store.ts';
import {
  countFunctions,
  domainOwner,
  findFunction,
  findVersion,
  functionRow,
  listFunctions,
  listVersions,
  readRouted,
  readSources,
} from './reads.ts';
import type { FunctionRow } from './rows.ts';
import { applyChange, deleteFunction, insertVersion, pruneVersions, takeNumber, takenDomain } from './writes.ts';

export function createFunctionStore(database: Database): FunctionStore {
  const { main } = database;
  return {
    addVersion: (version, files) => writing(database, (trx) => addVersion(database, trx, version, files)),
    change: (tenant, name, change, revision) =>
      writing(database, (trx) => changeFunction(database, trx, { tenant, name }, change, revision)),
    list: (query) => inSnapshot(database, main, (trx) => listFunctions(trx, query)),
    find: (tenant, name) => inSnapshot(database, main, (trx) => findFunction(trx, { tenant, name })),
    domainOwner: (domain) => domainOwner(main, domain),
    versions: (tenant, name, before, limit) => listVersions(main, { tenant, name }, before, limit),
    version: (tenant, name, number) => findVersion(main, { tenant, name }, number),
    routed: (only) => inSnapshot(database, main, (trx) => readRouted(trx, only)),
    sources: (tenant, name, number) => readSources(main, { tenant, name }, number),
    remove: (tenant, name) => removeFunction(database, { tenant, name }),
    count: (tenant) => countFunctions(main, tenant),
  };
}

async function writing<T>(database: Database, work: (trx: MainTransaction) => Promise<T>): Promise<T> {
  try {
    return await inTransaction(database, work);
  } catch (error) {
    // Two nodes asked for one domain at the same moment; no other key is another function's.
    if (isDuplicate(error) && (error as Error).message.includes('domain')) throw takenDomain();
    throw error;
  }
}

async function addVersion(
  database: Database,
  trx: MainTransaction,
  version: NewVersion,
  files: SourceFiles,
): ReturnType<FunctionStore['addVersion']> {
  const nowMs = Date.now();
  await holdTenant(database, trx, version.tenant);
  const row = await takeNumber(trx, version, nowMs);
  const number = row.last_number;
  await insertVersion(trx, version, files, number, nowMs);
  const { live, alias, ...change } = version.change;
  await applyChange(
    trx,
    row,
    { ...change, ...(live ? { live: number } : {}), ...(alias === null ? {} : { aliases: { [alias]: number } }) },
    nowMs,
  );
  await pruneVersions(trx, version);
  await database.announce(trx, [{ kind: 'function', tenant: row.tenant, name: row.name }]);
  const record = (await findFunction(trx, version))!;
  const added = (await listVersions(trx, version, number + 1, 1)).items[0]!;
  return { ...record, added };
}

async function changeFunction(
  database: Database,
  trx: MainTransaction,
  target: { readonly tenant: string; readonly name: string },
  change: FunctionChange,
  revision: number | null,
): ReturnType<FunctionStore['change']> {
  const row = await lockedRow(database, trx, target);
  if (row === undefined) throw new Fault('NOT_FOUND', `There is no function ${target.name}`);
  if (revision !== null && row.revision !== revision) {
    throw new Fault('PRECONDITION_FAILED', `The function ${row.name} has changed since it was read; read it again`);
  }
  await applyChange(trx, row, change, Date.now());
  await database.announce(trx, [{ kind: 'function', ...target }]);
  return (await findFunction(trx, target))!;
}

async function lockedRow(
  { engine }: Database,
  trx: MainTransaction,
  target: { readonly tenant: string; readonly name: string },
): Promise<FunctionRow | undefined> {
  if (engine === 'postgres') {
    await trx
      .selectFrom('functions')
      .select('name')
      .where('tenant', '=', target.tenant)
      .where('name', '=', target.name)
      .forUpdate()
      .execute();
  }
  return functionRow(trx, target);
}

async function removeFunction(
  database: Database,
  target: { readonly tenant: string; readonly name: string },
): Promise<boolean> {
  const { tenant, name } = target;
  const wasThere = await inTransaction(database, async (trx) => {
    if (!(await deleteFunction(trx, target, Date.now()))) return false;
    await trx.deleteFrom('cron').where('tenant', '=', tenant).where('name', '=', name).execute();
    await database.announce(trx, [
      { kind: 'function', ...target },
      { kind: 'variables', tenant, name },
    ]);
    return true;
  });
  await deleteLogs(database.logs, (query) => logsOf(query, tenant, name));
  return wasThere;
}
