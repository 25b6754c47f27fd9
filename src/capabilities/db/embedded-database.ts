/** Embedded database: collections in Cordon's own storage, each with its permissions. */

import { randomUUID } from 'node:crypto';
import type { DataQuota } from '../../core/data-quota.ts';
import { Fault } from '../../core/faults.ts';
import type { Collection, Item, ItemAction, ItemScope, ItemStore, StoredItem, Subject } from '../../core/items.ts';
import { MAX_RESULT_BYTES } from '../rpc-capability.ts';
import { TenantTurns } from '../turns.ts';
import type { Database, Written } from './database.ts';
import { HOST_FIELDS } from './document.ts';
import { resolvePermission, standingOf } from './permission.ts';

export interface EmbeddedOptions {
  readonly store: ItemStore;
  /** Of each tenant. */
  readonly quota: DataQuota;
  readonly nowMs: () => number;
}

/** An answer has each item's own fields of the host beside its JSON. */
const MAX_READ_BYTES = MAX_RESULT_BYTES * 0.9;

/** A tenant that lists without end has a quarter of the time. */
const REST = 3;

export function createEmbeddedDatabase({ store, quota, nowMs }: EmbeddedOptions): Database {
  const reads = new TenantTurns(REST);
  const writes = new TenantTurns(0);
  return {
    reservedFields: HOST_FIELDS,
    list: (subject, slug, query) =>
      reads.take(subject.tenant, async () => {
        const { scope } = await allowed(store, subject, slug, 'read');
        const found = await store.select(scope, query, MAX_READ_BYTES);
        if (found === null)
          throw new Fault('BAD_REQUEST', `The items have more than ${MAX_READ_BYTES} bytes: ask for less with limit`);
        const shown = found.map(shownOf);
        return query.fields === null ? shown : shown.map((item) => only(item, query.fields!));
      }),
    async one(subject, slug, id) {
      const { scope } = await allowed(store, subject, slug, 'read');
      const found = await store.find(scope, id);
      return found === null ? null : shownOf(found);
    },
    async create(subject, slug, data) {
      const { scope, collection } = await allowed(store, subject, slug, 'create');
      const ms = nowMs();
      const owner = standingOf(subject) === 'user' ? subject.principal.id : null;
      const item: StoredItem = { id: randomUUID(), owner, data, createdMs: ms, updatedMs: ms };
      await writes.take(scope.tenant, () => store.insert({ ...item, tenant: scope.tenant, slug }, quota));
      return writtenOf(item, subject, collection);
    },
    async update(subject, slug, id, changes) {
      const { scope, collection } = await allowed(store, subject, slug, 'update');
      const item = await writes.take(scope.tenant, () => store.update(scope, id, changes, quota, nowMs()));
      return item === null ? null : writtenOf(item, subject, collection);
    },
    async delete(subject, slug, id) {
      const { scope, collection } = await allowed(store, subject, slug, 'delete');
      const item = await writes.take(scope.tenant, () => store.remove(scope, id));
      return item === null ? null : writtenOf(item, subject, collection);
    },
  };
}

interface Allowed {
  readonly collection: Collection;
  readonly scope: ItemScope;
}

/** Throws NOT_FOUND, FORBIDDEN. */
async function allowed(store: ItemStore, subject: Subject, slug: string, action: ItemAction): Promise<Allowed> {
  const { tenant, principal } = subject;
  const collection = await store.collection(tenant, slug);
  if (collection === null) throw new Fault('NOT_FOUND', `There is no collection ${slug}`);
  const permission = resolvePermission(subject, collection.permissions[action]);
  if (permission === 'none')
    throw new Fault('FORBIDDEN', `The ${standingOf(subject)} caller may not ${action} items of ${slug}`);
  // Who creates an item is its owner, whoever else has items there.
  const owner = permission === 'own' && action !== 'create' ? principal.id : null;
  return { collection, scope: { tenant, slug, owner } };
}

/** Who may write an item and not read it learns its id and no more. */
function writtenOf(item: StoredItem, subject: Subject, { permissions }: Collection): Written {
  const whole = shownOf(item);
  const permission = resolvePermission(subject, permissions.read);
  const isReadable = permission === 'all' || (permission === 'own' && item.owner === subject.principal.id);
  return { item: whole, shown: isReadable ? whole : { id: item.id } };
}

function shownOf({ id, owner, data, createdMs, updatedMs }: StoredItem): Item {
  return {
    ...data,
    id,
    owner,
    created_at: new Date(createdMs).toISOString(),
    updated_at: new Date(updatedMs).toISOString(),
  };
}

function only(item: Item, fields: readonly string[]): Item {
  return Object.fromEntries(fields.filter((name) => Object.hasOwn(item, name)).map((name) => [name, item[name]]));
}
