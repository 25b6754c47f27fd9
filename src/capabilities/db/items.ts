/**
 * Items: the way to every item, for `ctx.db` and `/api/items` alike: reads what is hostile, asks the tenant's database, and
 * tells of what was written, once it is durable.
 */

import type { Events } from '../../core/event.ts';
import type { Items, Subject } from '../../core/items.ts';
import { seldom } from '../../lib/seldom.ts';
import { bad, textOf } from '../params.ts';
import type { Database, Written } from './database.ts';
import { documentOf } from './document.ts';
import { queryOf, slugOf } from './query.ts';

export interface ItemsOptions {
  databaseOf(tenant: string): Database;
  /** Null: nobody is told. */
  readonly events: Events | null;
  /** Hears of what could not be told. */
  report(error: unknown): void;
  readonly nowMs?: () => number;
}

const MAX_ID_BYTES = 255;

export function createItems({ databaseOf, events, nowMs = Date.now, ...options }: ItemsOptions): Items {
  const report = seldom(options.report);
  return {
    async list(subject, slug, query) {
      return databaseOf(subject.tenant).list(subject, slugOf(slug), queryOf(query, nowMs()));
    },
    async one(subject, slug, id) {
      return databaseOf(subject.tenant).one(subject, slugOf(slug), idOf(id));
    },
    async create(subject, given, data) {
      const slug = slugOf(given);
      const database = databaseOf(subject.tenant);
      const written = await database.create(subject, slug, documentOf(data, database.reservedFields));
      await tell(subject, slug, 'created', written);
      return written.shown;
    },
    async update(subject, given, id, data) {
      const slug = slugOf(given);
      const database = databaseOf(subject.tenant);
      const changes = documentOf(data, database.reservedFields);
      if (Object.keys(changes).length === 0) throw bad('data', 'a field to change', data);
      const written = await database.update(subject, slug, idOf(id), changes);
      if (written === null) return null;
      await tell(subject, slug, 'updated', written);
      return written.shown;
    },
    async delete(subject, given, id) {
      const slug = slugOf(given);
      const written = await databaseOf(subject.tenant).delete(subject, slug, idOf(id));
      if (written === null) return false;
      await tell(subject, slug, 'deleted', written);
      return true;
    },
  };

  /** What is written stays so, though nobody could be told: a caller that wrote it again would have it twice. */
  async function tell(subject: Subject, slug: string, what: string, { item }: Written): Promise<void> {
    if (events === null) return;
    try {
      await events.publish({
        tenant: subject.tenant,
        channel: `items:${slug}:${what}`,
        data: item,
        hops: subject.hops,
        source: `/items/${slug}`,
      });
    } catch (error) {
      report(
        new Error(`items:${slug}:${what} of the tenant ${subject.tenant} was not published: ${messageOf(error)}`, {
          cause: error,
        }),
      );
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function idOf(value: unknown): string {
  const id = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  const text = textOf('id', id, MAX_ID_BYTES);
  if (text === '') throw bad('id', 'at least one character', value);
  return text;
}
