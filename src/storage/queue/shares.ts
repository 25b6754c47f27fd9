/** Shares: how many jobs of which lane come next, so that every tenant has its turn, and every function of a tenant. */

import { tenantOf } from './jobs.ts';

export interface Share {
  readonly lane: string;
  readonly count: number;
}

/** Lanes of one statement. */
const MAX_LANES = 100;

/** In turns, one job a turn, beginning with the tenant that comes after `lastTenant`; the last share is of the last turn's tenant. */
export function shareOut(
  limit: number,
  lanes: readonly { readonly lane: string; readonly dueMs: number }[],
  lastTenant: string,
): Share[] {
  const turns = turnsOf(lanes, lastTenant);
  const counts = new Map<string, number>();
  let last = '';
  for (let given = 0; given < limit && turns.length > 0;) {
    for (const ofTenant of turns) {
      if (given === limit) break;
      const lane = ofTenant[Math.floor(given / turns.length) % ofTenant.length]!;
      if (!counts.has(lane) && counts.size === MAX_LANES) return inOrder(counts, last);
      counts.set(lane, (counts.get(lane) ?? 0) + 1);
      last = lane;
      given += 1;
    }
  }
  return inOrder(counts, last);
}

/** Of each tenant its lanes, those whose head has waited longest first. */
function turnsOf(
  lanes: readonly { readonly lane: string; readonly dueMs: number }[],
  lastTenant: string,
): readonly (readonly string[])[] {
  const tenants = new Map<string, string[]>();
  for (const { lane } of [...lanes].sort((a, b) => a.dueMs - b.dueMs)) {
    const tenant = tenantOf(lane);
    const known = tenants.get(tenant);
    if (known === undefined) tenants.set(tenant, [lane]);
    else known.push(lane);
  }
  const names = [...tenants.keys()].sort((a, b) => (a < b ? -1 : 1));
  const next = names.findIndex((name) => name > lastTenant);
  const inTurn = next === -1 ? names : [...names.slice(next), ...names.slice(0, next)];
  return inTurn.map((name) => tenants.get(name)!);
}

function inOrder(counts: ReadonlyMap<string, number>, last: string): Share[] {
  const shares = [...counts].map(([lane, count]) => ({ lane, count }));
  const index = shares.findIndex(({ lane }) => lane === last);
  return [...shares.slice(index + 1), ...shares.slice(0, index + 1)];
}
