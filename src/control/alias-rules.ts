/** Alias rules: which names a version may be given beside its number. */

import { Fault } from '../core/faults.ts';
import type { FunctionRecord } from '../core/function-record.ts';
import { requireName } from '../core/function.ts';

/** Each one keeps a version in memory. */
const MAX_ALIASES = 32;

/** Throws BAD_REQUEST, and CONFLICT where the function has enough of them. */
export function requireAlias(alias: string, before: Pick<FunctionRecord, 'aliases'> | null): string {
  requireName('alias', alias);
  if (/^\d+$/.test(alias))
    throw new Fault('BAD_REQUEST', `alias: ${alias} would be taken for the number of a version; it needs a letter`);
  const aliases = before?.aliases ?? {};
  if (!Object.hasOwn(aliases, alias) && Object.keys(aliases).length >= MAX_ALIASES)
    throw new Fault('CONFLICT', `A function may have ${MAX_ALIASES} aliases; remove one first`);
  return alias;
}
