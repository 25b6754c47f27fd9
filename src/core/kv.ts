/** Kv: small values by key. A tenant has one keyspace, which all its functions share. */

import type { DataQuota } from './data-quota.ts';

export const MAX_KEY_BYTES = 512;
export const MAX_VALUE_BYTES: number = 64 * 1024;
/** Keys of one page. */
export const MAX_KEYS_LISTED = 1_000;

export interface KvKey {
  readonly key: string;
  /** Grows with every write; no two writes of a tenant have the same. */
  readonly revision: number;
  /** Null: it stays. */
  readonly expiresMs: number | null;
}

export interface KvEntry extends KvKey {
  /** JSON. */
  readonly value: string;
}

export interface KvWrite {
  readonly tenant: string;
  readonly key: string;
  /** JSON. */
  readonly value: string;
  readonly expiresMs: number | null;
  /** The revision that it must have; 0: it must not be there; null: whatever there is. */
  readonly ifRevision: number | null;
  readonly quota: DataQuota;
  readonly nowMs: number;
}

export interface KvQuery {
  readonly tenant: string;
  readonly prefix: string;
  /** The key after which the page begins; null: the first. */
  readonly after: string | null;
  readonly limit: number;
  readonly nowMs: number;
}

/** What has expired is not there, also while it still takes room. */
export interface KvStore {
  get(tenant: string, key: string, nowMs: number): Promise<KvEntry | null>;
  /** Its new revision; durable when it resolves. Rejects with CONFLICT where the revision is another, with QUOTA_EXCEEDED. */
  set(write: KvWrite): Promise<number>;
  /** False where there was none. Rejects with CONFLICT where the revision is another. */
  delete(tenant: string, key: string, ifRevision: number | null, nowMs: number): Promise<boolean>;
  /** In the order of the keys' bytes. */
  list(query: KvQuery): Promise<KvKey[]>;
  /** Removes what has expired. Returns how much. */
  prune(nowMs: number): Promise<number>;
}
