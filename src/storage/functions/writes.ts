/** What is written of functions and versions; each in a transaction of its caller's. */

import { randomUUID } from 'node:crypto';
import type { Updateable } from 'kysely';
import type { SourceFiles } from '../../core/deployment.ts';
import { Fault } from '../../core/faults.ts';
import type { FunctionChange, NewVersion } from '../../core/function-record.ts';
import { lotsOf } from '../database.ts';
import type { MainTransaction } from '../database.ts';
import type { FunctionsTable } from '../schema.ts';
import { versionRow } from './rows.ts';
import type { FunctionRow } from './rows.ts';

/** Versions of one function that stay, besides those that something points at. */
const KEPT_VERSIONS = 50;

/** Files of one insertion. */
const FILES_LOT = 64;

interface Target {
  readonly tenant: string;
  readonly name: string;
}

/**
 * The function's row with the next number given, made where there was none. It stays locked until the transaction ends, so
 * that two nodes which deploy at the same time come one after the other.
 */
export async function takeNumber(
  trx: MainTransaction,
  { tenant, name, initial }: NewVersion,
  nowMs: number,
): Promise<FunctionRow> {
  const taken = await trx
    .insertInto('functions')
    .values({ ...newFunction({ initial }, nowMs), tenant, name, last_number: (await numberFloor(trx, tenant)) + 1 })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'name']).doUpdateSet((e) => ({ last_number: e('functions.last_number', '+', 1) })),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
  if (taken.id !== null) return taken;
  // A name that comes back after it was deleted begins anew, but for its numbers.
  return trx
    .updateTable('functions')
    .set({ ...newFunction({ initial }, nowMs), revision: taken.revision })
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .returningAll()
    .executeTakeFirstOrThrow();
}

function newFunction(
  { initial }: Pick<NewVersion, 'initial'>,
  nowMs: number,
): Omit<FunctionRow, 'last_number' | keyof Target> {
  return {
    id: randomUUID(),
    live_number: null,
    previous_number: null,
    active: Number(initial.active),
    trigger_kind: initial.trigger.kind,
    trigger_pattern: initial.trigger.pattern,
    public_domain: null,
    public_domain_approved: 0,
    canary_number: null,
    canary_weight: null,
    canary_started_ms: null,
    revision: 0,
    created_ms: nowMs,
    updated_ms: nowMs,
  };
}

/** The largest number that a tenant of this name had before it was erased. */
async function numberFloor(trx: MainTransaction, tenant: string): Promise<number> {
  const erased = await trx
    .selectFrom('erased_tenants')
    .select('last_number')
    .where('name', '=', tenant)
    .executeTakeFirst();
  return erased?.last_number ?? 0;
}

export async function insertVersion(
  trx: MainTransaction,
  version: NewVersion,
  files: SourceFiles,
  number: number,
  nowMs: number,
): Promise<void> {
  const { tenant, name, artifact } = version;
  await trx
    .insertInto('versions')
    .values(versionRow(version, number, nowMs))
    .execute();
  await trx
    .insertInto('artifacts')
    .values({ tenant, name, number, code: artifact.code, cache: artifact.cache, map: artifact.map ?? null })
    .execute();
  for (const lot of lotsOf([...files], FILES_LOT)) {
    await trx
      .insertInto('sources')
      .values(lot.map(([path, content]) => ({ tenant, name, number, path, content })))
      .execute();
  }
}

/** Every change goes by here, so that each has a revision. The function's row is locked already. */
export async function applyChange(
  trx: MainTransaction,
  before: FunctionRow,
  change: FunctionChange,
  nowMs: number,
): Promise<void> {
  await requireVersions(trx, before, change);
  if (change.publicDomain !== undefined && change.publicDomain !== null)
    await requireFreeDomain(trx, before, change.publicDomain);
  await trx
    .updateTable('functions')
    .set({ ...changedColumns(before, change), revision: before.revision + 1, updated_ms: nowMs })
    .where('tenant', '=', before.tenant)
    .where('name', '=', before.name)
    .execute();
  for (const [alias, number] of Object.entries(change.aliases ?? {})) await pointAlias(trx, before, alias, number);
}

function changedColumns(before: FunctionRow, change: FunctionChange): Updateable<FunctionsTable> {
  const { active, trigger, publicDomain, publicDomainApproved } = change;
  return {
    ...(active === undefined ? {} : { active: Number(active) }),
    ...(trigger === undefined ? {} : { trigger_kind: trigger.kind, trigger_pattern: trigger.pattern }),
    // What was approved was the domain before.
    ...(publicDomain === undefined || publicDomain === before.public_domain
      ? {}
      : { public_domain: publicDomain, public_domain_approved: 0 }),
    ...(publicDomainApproved === undefined ? {} : { public_domain_approved: Number(publicDomainApproved) }),
    ...liveColumns(before, change),
  };
}

function liveColumns(before: FunctionRow, { live, canary }: FunctionChange): Updateable<FunctionsTable> {
  if (live === undefined) return canary === undefined ? {} : canaryColumns(canary);
  const isSwitch = before.live_number !== null && before.live_number !== live;
  return {
    live_number: live,
    ...(isSwitch ? { previous_number: before.live_number } : {}),
    ...canaryColumns(null),
  };
}

const canaryColumns = (canary: NonNullable<FunctionChange['canary']> | null): Updateable<FunctionsTable> => ({
  canary_number: canary?.number ?? null,
  canary_weight: canary?.weight ?? null,
  canary_started_ms: canary?.startedMs ?? null,
});

async function requireVersions(
  trx: MainTransaction,
  { tenant, name }: Target,
  { live, canary, aliases = {} }: FunctionChange,
): Promise<void> {
  const wanted = [live, canary?.number, ...Object.values(aliases)].filter((number) => number != null);
  if (wanted.length === 0) return;
  const found = await trx
    .selectFrom('versions')
    .select('number')
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where('number', 'in', wanted)
    .execute();
  const missing = wanted.find((number) => !found.some((row) => row.number === number));
  if (missing !== undefined) throw new Fault('NOT_FOUND', `The function ${name} has no version ${missing}`);
}

async function requireFreeDomain(trx: MainTransaction, { tenant, name }: Target, domain: string): Promise<void> {
  const owner = await trx
    .selectFrom('functions')
    .select(['tenant', 'name'])
    .where('public_domain', '=', domain)
    .executeTakeFirst();
  if (owner !== undefined && (owner.tenant !== tenant || owner.name !== name)) throw takenDomain();
}

/** Does not say whose it is: that may be another tenant. */
export const takenDomain = (): Fault => new Fault('CONFLICT', "The public domain is another function's already");

async function pointAlias(
  trx: MainTransaction,
  { tenant, name }: Target,
  alias: string,
  number: number | null,
): Promise<void> {
  if (number !== null) {
    await trx
      .insertInto('aliases')
      .values({ tenant, name, alias, number })
      .onConflict((conflict) => conflict.columns(['tenant', 'name', 'alias']).doUpdateSet({ number }))
      .execute();
    return;
  }
  await trx
    .deleteFrom('aliases')
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where('alias', '=', alias)
    .execute();
}

/** Old versions go with their code and sources, but for those that something points at. */
export async function pruneVersions(trx: MainTransaction, { tenant, name }: Target): Promise<void> {
  const oldest = await trx
    .selectFrom('versions')
    .select('number')
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .orderBy('number', 'desc')
    .offset(KEPT_VERSIONS - 1)
    .limit(1)
    .executeTakeFirst();
  if (oldest === undefined) return;
  const row = await trx
    .selectFrom('functions')
    .select(['live_number', 'canary_number', 'previous_number'])
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  const aliased = trx.selectFrom('aliases').select('number').where('tenant', '=', tenant).where('name', '=', name);
  const pointedAt = Object.values(row).filter((number) => number !== null);
  await trx
    .deleteFrom('versions')
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where('number', '<', oldest.number)
    .where('number', 'not in', aliased)
    .$if(pointedAt.length > 0, (query) => query.where('number', 'not in', pointedAt))
    .execute();
}

/** All that is the function's own; its row stays for its numbers and its revision. */
export async function deleteFunction(trx: MainTransaction, { tenant, name }: Target, nowMs: number): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('functions')
    .set((e) => ({
      ...newFunction({ initial: { active: false, trigger: { kind: 'http', pattern: null } } }, nowMs),
      id: null,
      revision: e('revision', '+', 1),
    }))
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .where('id', 'is not', null)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await trx.deleteFrom('versions').where('tenant', '=', tenant).where('name', '=', name).execute();
  for (const table of ['variables', 'deployments', 'services', 'results'] as const) {
    await trx.deleteFrom(table).where('tenant', '=', tenant).where('function_name', '=', name).execute();
  }
  return true;
}
