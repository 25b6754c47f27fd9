/** Preconditions: `ETag` and `If-Match`, so that nobody changes what somebody else has changed since it was read. */

import type { Context } from 'hono';
import { Fault } from '../core/faults.ts';
import type { FunctionRecord, FunctionStore } from '../core/function-record.ts';
import { requireFunction } from './shared.ts';

export const etagOf = ({ revision }: Pick<FunctionRecord, 'revision'>): string => `"${revision}"`;

/** The revision that the function must still have when it is changed; null: any. Rejects with PRECONDITION_FAILED, NOT_FOUND. */
export async function expectedRevision(
  c: Context,
  deps: { readonly functions: Pick<FunctionStore, 'find'> },
  tenant: string,
  name: string,
): Promise<number | null> {
  const header = c.req.header('if-match');
  if (header === undefined) return null;
  const record = await requireFunction(deps, tenant, name);
  if (header.trim() === '*') return null;
  const tags = header.split(',').map((tag) => tag.trim());
  if (tags.includes(etagOf(record))) return record.revision;
  throw new Fault(
    'PRECONDITION_FAILED',
    `The function ${name} has changed since it was read: it is ${etagOf(record)} now`,
  );
}
