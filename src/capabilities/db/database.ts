/** Database: what keeps items, behind checked queries. Two stand behind it: Cordon's own, and a PostgreSQL of the user's. */

import type { Item, ItemQuery, Subject } from '../../core/items.ts';
import type { Document } from './document.ts';

/** What came of a write. */
export interface Written {
  /** All of it, for the event. */
  readonly item: Item;
  /** What the subject may see of it. */
  readonly shown: Item;
}

/** Each decides for itself what the subject may do. Rejects as `Items` does. */
export interface Database {
  /** Fields that are the host's to set. */
  readonly reservedFields: readonly string[];
  list(subject: Subject, slug: string, query: ItemQuery): Promise<readonly Item[]>;
  one(subject: Subject, slug: string, id: string): Promise<Item | null>;
  create(subject: Subject, slug: string, data: Document): Promise<Written>;
  update(subject: Subject, slug: string, id: string, changes: Document): Promise<Written | null>;
  delete(subject: Subject, slug: string, id: string): Promise<Written | null>;
}
