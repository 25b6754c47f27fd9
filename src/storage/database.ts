/** Database: what the stores need of an engine, and the few things in which the two engines differ. */

import type { Kysely, Transaction } from 'kysely';
import { Fault } from '../core/faults.ts';
import type { LogSchema, MainSchema } from './schema.ts';
import type { Change, ChangeFeed } from './storage.ts';

export type MainTransaction = Transaction<MainSchema>;

/** Nodes are numbered below; PostgreSQL's advisory locks take no more. */
export const MAX_NODE: number = 2 ** 31 - 1;

export interface Database {
  readonly engine: 'sqlite' | 'postgres';
  /** For messages: a path, or a URL without its password. */
  readonly place: string;
  /** A random number that names this process among those that share the database. */
  readonly node: number;
  readonly main: Kysely<MainSchema>;
  /** The same as `main` on PostgreSQL; a file of its own on SQLite. */
  readonly logs: Kysely<LogSchema>;
  /**
   * Runs one statement of something that is made up for when it is lost: on SQLite its commit survives the death of this
   * process, and not the loss of power, for which it would have to wait. Not within a transaction.
   */
  relaxed<T>(work: (on: Kysely<MainSchema>) => Promise<T>): Promise<T>;
  readonly changes: ChangeFeed;
  /** Tells the other nodes when the transaction commits. */
  announce(trx: MainTransaction, changes: readonly Change[]): Promise<void>;
  /** Tells the other nodes, when the transaction commits, that the queue has something to do. */
  announceWork(on: Kysely<MainSchema>): Promise<void>;
  /** Told what {@link announceWork} of other nodes says, and now and then in case it was lost. The listener must not throw. */
  onWork(listener: () => void): void;
  /** The nodes that run now, this one included; read on this connection, since a transaction that waits for another may wait forever. */
  liveNodes(on: Kysely<MainSchema>): Promise<readonly number[]>;
  /** {@link Storage.backup} */
  backup(directory: string): Promise<void>;
  close(): Promise<void>;
}

/** Of which PostgreSQL takes back one of two transactions that hinder each other; it can simply run again. */
const HINDERED = new Set(['40001', '40P01']);
const MAX_ATTEMPTS = 5;

/** All of `work`, or nothing. */
export async function inTransaction<T>(
  { main }: Pick<Database, 'main'>,
  work: (trx: MainTransaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await main.transaction().execute(work);
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !isHindered(error)) throw error;
    }
  }
}

/** Whether PostgreSQL took it back for another's sake, and it can simply run again. */
export const isHindered = (error: unknown): boolean => HINDERED.has(codeOf(error));

/** All that `read` reads is of one moment. */
export async function inSnapshot<Schema, T>(
  { engine }: Pick<Database, 'engine'>,
  db: Kysely<Schema>,
  read: (trx: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  // SQLite has one connection, which the transaction keeps for itself.
  const transaction = db.transaction();
  return (engine === 'sqlite' ? transaction : transaction.setIsolationLevel('repeatable read')).execute(read);
}

/** Whether a row with the same key was there; SQLite's codes are 1555 (primary key) and 2067 (another unique index). */
export function isDuplicate(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: number };
  return codeOf(error) === '23505' || errcode === 1555 || errcode === 2067;
}

const codeOf = (error: unknown): string => String((error as { readonly code?: unknown }).code);

/**
 * Every write of something that belongs to a tenant comes by here, and the row stays locked until the transaction ends: of
 * a tenant that is erased meanwhile nothing can be left. A tenant that was never made is made, so that all have a row.
 * Throws NOT_FOUND for one that was erased.
 */
export async function holdTenant(database: Database, trx: MainTransaction, tenant: string): Promise<void> {
  if (await holdsTenant(database, trx, tenant)) return;
  throw new Fault('NOT_FOUND', `There is no tenant ${JSON.stringify(tenant.slice(0, 80))}`);
}

/** False for a tenant that was erased. */
export async function holdsTenant(database: Database, trx: MainTransaction, tenant: string): Promise<boolean> {
  const find = trx
    .selectFrom('tenants')
    .select('name')
    .where('name', '=', tenant)
    .$if(database.engine === 'postgres', (query) => query.forKeyShare());
  if ((await find.executeTakeFirst()) !== undefined) return true;
  const erased = await trx.selectFrom('erased_tenants').select('name').where('name', '=', tenant).executeTakeFirst();
  if (erased !== undefined) return false;
  await trx
    .insertInto('tenants')
    .values({ ...NO_QUOTAS, name: tenant, suspended_ms: null, created_ms: Date.now() })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await database.announce(trx, [{ kind: 'tenants' }]);
  return true;
}

export const NO_QUOTAS: { readonly quota_functions: null; readonly quota_concurrency: null } = {
  quota_functions: null,
  quota_concurrency: null,
};

/** A list of unknown length, in lots that stay under what a statement can bind. */
export function* lotsOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
