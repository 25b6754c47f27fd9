/** Data usage: how much a tenant keeps of one kind of data, kept up to date by each write, in its transaction. */

import type { DataQuota } from '../core/data-quota.ts';
import { Fault } from '../core/faults.ts';
import { holdTenant } from './database.ts';
import type { Database, MainTransaction } from './database.ts';

export type DataKind = 'kv' | 'items';

export interface DataUsage {
  readonly entries: number;
  readonly bytes: number;
  /** Of this write; larger than that of every write before. */
  readonly revision: number;
}

/** Until the transaction ends, no other write of this tenant and kind goes on. Throws NOT_FOUND for a tenant that was erased. */
export async function lockUsage(
  database: Database,
  trx: MainTransaction,
  tenant: string,
  kind: DataKind,
): Promise<DataUsage> {
  await holdTenant(database, trx, tenant);
  const { entries, bytes, last_revision } = await trx
    .insertInto('data_usage')
    .values({ tenant, kind, entries: 0, bytes: 0, last_revision: 1 })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant', 'kind'])
        .doUpdateSet((e) => ({ last_revision: e('data_usage.last_revision', '+', 1) })),
    )
    .returning(['entries', 'bytes', 'last_revision'])
    .executeTakeFirstOrThrow();
  return { entries, bytes, revision: last_revision };
}

export async function setUsage(
  trx: MainTransaction,
  tenant: string,
  kind: DataKind,
  { entries, bytes }: Pick<DataUsage, 'entries' | 'bytes'>,
): Promise<void> {
  await trx
    .updateTable('data_usage')
    .set({ entries, bytes })
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .execute();
}

export const isOver = ({ entries, bytes }: Pick<DataUsage, 'entries' | 'bytes'>, quota: DataQuota): boolean =>
  entries > quota.entries || bytes > quota.bytes;

const WORDS: Readonly<Record<DataKind, string>> = { kv: 'keys', items: 'items' };

export function quotaExceeded(kind: DataKind, quota: DataQuota): Fault {
  return new Fault(
    'QUOTA_EXCEEDED',
    `The tenant may keep ${quota.entries} ${WORDS[kind]} and ${quota.bytes} bytes of them, and this would be more`,
  );
}
