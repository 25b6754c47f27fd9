/** Variable store: values of functions' environments, and the keys that seal the secret ones. */

import type { Insertable, Selectable } from 'kysely';
import type { StoredKey, StoredVariable, VariableStore } from '../core/variable.ts';
import { holdTenant, inTransaction, lotsOf } from './database.ts';
import type { Database, MainTransaction } from './database.ts';
import type { DataKeysTable, VariablesTable } from './schema.ts';
import type { Change } from './storage.ts';

/** Of all functions; see {@link VariablesTable}. */
const EVERY_FUNCTION = '';

/** Names that one statement can ask for. */
const LOT = 500;

export function createVariableStore(database: Database): VariableStore {
  const { main } = database;
  return {
    async put(variables) {
      await inTransaction(database, (trx) => putVariables(database, trx, variables));
    },
    remove: (tenant, functionName, names) =>
      inTransaction(database, (trx) => removeVariables(database, trx, tenant, functionName, names)),
    async list(tenant, functionName) {
      const rows = await main
        .selectFrom('variables')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('function_name', 'in', [EVERY_FUNCTION, functionName ?? EVERY_FUNCTION])
        .orderBy('function_name')
        .orderBy('name')
        .execute();
      return rows.map(variableOf);
    },
    async owners(tenant) {
      const rows = await main
        .selectFrom('variables')
        .select('function_name')
        .distinct()
        .where('tenant', '=', tenant)
        .where('function_name', '!=', EVERY_FUNCTION)
        .execute();
      return rows.map((row) => row.function_name);
    },
    async sealedBy(keyId, limit) {
      const rows = await main
        .selectFrom('variables')
        .selectAll()
        .where('key_id', '=', keyId)
        .orderBy('tenant')
        .orderBy('function_name')
        .orderBy('name')
        .limit(limit)
        .execute();
      return rows.map(variableOf);
    },
    reseal: (pairs) => inTransaction(database, (trx) => resealVariables(database, trx, pairs)),
    async keys() {
      const rows = await main.selectFrom('data_keys').selectAll().orderBy('created_ms').orderBy('id').execute();
      return rows.map(keyOf);
    },
    async putKey(key) {
      const { id: _id, ...rest } = keyRow(key);
      await main
        .insertInto('data_keys')
        .values(keyRow(key))
        .onConflict((conflict) => conflict.column('id').doUpdateSet(rest))
        .execute();
    },
    async removeKey(id) {
      await main.deleteFrom('data_keys').where('id', '=', id).execute();
    },
  };
}

async function putVariables(
  database: Database,
  trx: MainTransaction,
  variables: readonly StoredVariable[],
): Promise<void> {
  for (const tenant of new Set(variables.map((variable) => variable.tenant))) {
    await holdTenant(database, trx, tenant);
  }
  for (const row of inOrder(variables).map(rowOf)) {
    const { tenant: _tenant, function_name: _function, name: _name, ...rest } = row;
    await trx
      .insertInto('variables')
      .values(row)
      .onConflict((conflict) => conflict.columns(['tenant', 'function_name', 'name']).doUpdateSet(rest))
      .execute();
  }
  await database.announce(trx, changesOf(variables));
}

async function removeVariables(
  database: Database,
  trx: MainTransaction,
  tenant: string,
  functionName: string | null,
  names: readonly string[],
): Promise<string[]> {
  const removed: string[] = [];
  for (const lot of lotsOf([...names].sort(), LOT)) {
    const rows = await trx
      .deleteFrom('variables')
      .where('tenant', '=', tenant)
      .where('function_name', '=', functionName ?? EVERY_FUNCTION)
      .where('name', 'in', lot)
      .returning('name')
      .execute();
    removed.push(...rows.map(({ name }) => name));
  }
  if (removed.length > 0) await database.announce(trx, [{ kind: 'variables', tenant, name: functionName }]);
  return names.filter((name) => removed.includes(name));
}

async function resealVariables(
  database: Database,
  trx: MainTransaction,
  pairs: Parameters<VariableStore['reseal']>[0],
): Promise<number> {
  const resealed: StoredVariable[] = [];
  for (const { before, after } of pairs) {
    const { key_id, value } = rowOf(after);
    const { numUpdatedRows } = await trx
      .updateTable('variables')
      .set({ key_id, value })
      .where('tenant', '=', before.tenant)
      .where('function_name', '=', before.functionName ?? EVERY_FUNCTION)
      .where('name', '=', before.name)
      .where('key_id', 'is not distinct from', before.keyId)
      .where('value', '=', before.value)
      .executeTakeFirst();
    if (numUpdatedRows > 0n) resealed.push(after);
  }
  await database.announce(trx, changesOf(resealed));
  return resealed.length;
}

/** One order for all, so that two nodes which put the same variables can't stand in each other's way. */
function inOrder(variables: readonly StoredVariable[]): StoredVariable[] {
  return [...variables].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

/** Names of tenants and functions have no slash. */
const placeOf = ({ tenant, functionName, name }: StoredVariable): string =>
  `${tenant}/${functionName ?? EVERY_FUNCTION}/${name}`;

function changesOf(variables: readonly StoredVariable[]): Change[] {
  const places = new Map<string, Change>();
  for (const { tenant, functionName } of variables) {
    places.set(`${tenant}/${functionName ?? EVERY_FUNCTION}`, { kind: 'variables', tenant, name: functionName });
  }
  return [...places.values()];
}

function rowOf(variable: StoredVariable): Insertable<VariablesTable> {
  return {
    tenant: variable.tenant,
    function_name: variable.functionName ?? EVERY_FUNCTION,
    name: variable.name,
    is_secret: Number(variable.isSecret),
    hosts: JSON.stringify(variable.hosts),
    key_id: variable.keyId,
    value: variable.value,
    updated_ms: variable.updatedMs,
  };
}

function variableOf(row: Selectable<VariablesTable>): StoredVariable {
  return {
    tenant: row.tenant,
    functionName: row.function_name === EVERY_FUNCTION ? null : row.function_name,
    name: row.name,
    isSecret: row.is_secret === 1,
    hosts: JSON.parse(row.hosts) as string[],
    updatedMs: row.updated_ms,
    keyId: row.key_id,
    value: row.value,
  };
}

const keyRow = (key: StoredKey): Insertable<DataKeysTable> => ({
  id: key.id,
  master_key_id: key.masterKeyId,
  sealed: key.sealed,
  created_ms: key.createdMs,
  retired_ms: key.retiredMs,
});

const keyOf = (row: Selectable<DataKeysTable>): StoredKey => ({
  id: row.id,
  masterKeyId: row.master_key_id,
  sealed: row.sealed,
  createdMs: row.created_ms,
  retiredMs: row.retired_ms,
});
