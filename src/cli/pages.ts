/** Pages: all items of a list that the server gives out in pages. */

import type { Client } from './client.ts';

const PAGE_ITEMS = 1000;

/** `key`: where in the answer the items are. */
export async function allPages<T>(
  client: Client,
  path: string,
  key: string,
  query: Readonly<Record<string, string | number | undefined>>,
): Promise<T[]> {
  const items: T[] = [];
  for (let after: string | undefined; ;) {
    const page: Readonly<Record<string, unknown>> = await client.api('GET', path, {
      query: { ...query, after, limit: query['limit'] ?? PAGE_ITEMS },
    });
    items.push(...(page[key] as T[]));
    if (typeof page['next'] !== 'string' || page['next'] === after) return items;
    after = page['next'];
  }
}
