/**
 * Items: JSON documents in collections, which functions read and write by `ctx.db` and applications by `/api/items`. Who
 * asks is a {@link Subject}; what it may do is decided in one place for both.
 */

import type { DataQuota } from './data-quota.ts';
import type { Principal } from './principal.ts';

export const ITEM_ACTIONS = ['read', 'create', 'update', 'delete'] as const;
export type ItemAction = (typeof ITEM_ACTIONS)[number];

/**
 * `public`: everybody; `authenticated`: every user; `owner`: the user who created the item; `none`: nobody; any other word
 * is a role of the application's (`ctx.user.roles`). Admins, service_role and the system may always.
 */
export type ItemRule = string;
export type ItemPermissions = Readonly<Record<ItemAction, ItemRule>>;

export interface Collection {
  readonly tenant: string;
  readonly slug: string;
  readonly permissions: ItemPermissions;
  readonly createdMs: number;
  readonly updatedMs: number;
}

/** On whose behalf, as the host knows it. */
export interface Subject {
  readonly tenant: string;
  readonly principal: Principal;
  /** How many events lie behind what is done here. */
  readonly hops: number;
}

/** With `id`, and (embedded) `owner`, `created_at` and `updated_at` beside its own fields. */
export type Item = Readonly<Record<string, unknown>>;

/**
 * The seam between `ctx.db`, `/api/items` and what keeps the items. `slug`, `id`, `query` and `data` are hostile: parsed JSON
 * that nobody has looked at. Rejects with BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, QUOTA_EXCEEDED, THROTTLED, OVERLOADED.
 */
export interface Items {
  list(subject: Subject, slug: unknown, query: unknown): Promise<readonly Item[]>;
  /** Null where there is none that the subject may read. */
  one(subject: Subject, slug: unknown, id: unknown): Promise<Item | null>;
  create(subject: Subject, slug: unknown, data: unknown): Promise<Item>;
  /** Changes the fields that are named. Null where there is none that the subject may change. */
  update(subject: Subject, slug: unknown, id: unknown, data: unknown): Promise<Item | null>;
  /** False where there is none that the subject may delete. */
  delete(subject: Subject, slug: unknown, id: unknown): Promise<boolean>;
}

export type Scalar = string | number | boolean;
export type Comparison = '=' | '<>' | '>' | '>=' | '<' | '<=';

/**
 * A checked filter: names of fields are letters, digits and _, and its size is bounded. What is null, or not there, meets
 * `null` alone.
 */
export type ItemFilter =
  | { readonly kind: 'all' | 'any'; readonly filters: readonly ItemFilter[] }
  | { readonly kind: 'compare'; readonly field: string; readonly comparison: Comparison; readonly value: Scalar }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly Scalar[]; readonly negated: boolean }
  | { readonly kind: 'contains'; readonly field: string; readonly text: string }
  | { readonly kind: 'null'; readonly field: string; readonly isNull: boolean };

export interface ItemOrder {
  readonly field: string;
  readonly descending: boolean;
}

export interface ItemQuery {
  readonly filter: ItemFilter;
  readonly sort: readonly ItemOrder[];
  /** Null: all. */
  readonly fields: readonly string[] | null;
  readonly limit: number;
  readonly offset: number;
}

export interface StoredItem {
  /** UUID. */
  readonly id: string;
  /** The id of the user who created it; null: nobody in particular. */
  readonly owner: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly createdMs: number;
  readonly updatedMs: number;
}

/** Which items of a collection are meant. */
export interface ItemScope {
  readonly tenant: string;
  readonly slug: string;
  /** Only this user's; null: everybody's. */
  readonly owner: string | null;
}

export interface NewItem extends StoredItem {
  readonly tenant: string;
  readonly slug: string;
}

/** JSON of one item's own fields. */
export const MAX_ITEM_BYTES: number = 64 * 1024;

/** The embedded backend's storage. Writes are durable when they resolve. */
export interface ItemStore {
  collection(tenant: string, slug: string): Promise<Collection | null>;
  /** In the order of their slugs. */
  collections(tenant: string): Promise<Collection[]>;
  /** Makes it, or gives it other permissions. Rejects with QUOTA_EXCEEDED. */
  putCollection(
    wanted: Pick<Collection, 'tenant' | 'slug' | 'permissions'>,
    maxCollections: number,
    nowMs: number,
  ): Promise<Collection>;
  /** With all its items; false where there is none. */
  removeCollection(tenant: string, slug: string): Promise<boolean>;
  /** Null where they have more than `maxBytes` of JSON. Rejects with BAD_REQUEST for a time that is none. */
  select(scope: ItemScope, query: ItemQuery, maxBytes: number): Promise<StoredItem[] | null>;
  find(scope: ItemScope, id: string): Promise<StoredItem | null>;
  /** Rejects with NOT_FOUND where the collection is gone, with QUOTA_EXCEEDED. */
  insert(item: NewItem, quota: DataQuota): Promise<void>;
  /** Null where there is none. Rejects with BAD_REQUEST where it would be too large, with QUOTA_EXCEEDED. */
  update(
    scope: ItemScope,
    id: string,
    changes: Readonly<Record<string, unknown>>,
    quota: DataQuota,
    nowMs: number,
  ): Promise<StoredItem | null>;
  /** What was there; null where there is none. */
  remove(scope: ItemScope, id: string): Promise<StoredItem | null>;
}
