/** Access: what a principal of the operator API may do, and to which tenant. */

import type { Context } from 'hono';
import { Fault } from '../core/faults.ts';
import { requireName } from '../core/function.ts';
import type { Principal } from '../core/principal.ts';
import { DEFAULT_TENANT } from '../core/tenant.ts';

/** Every route of the operator API finds who called under `principal`; the app puts it there. */
export interface ControlEnv {
  Variables: { principal: Principal };
}

export function principalOf(c: Context<ControlEnv>): Principal {
  return c.get('principal');
}

/** The tenant that is meant: the one that was named, else the principal's own, else the default. Another's is NOT_FOUND. */
export function tenantFor(principal: Principal, named: string | undefined): string {
  const tenant = requireName('tenant', named ?? principal.tenant ?? DEFAULT_TENANT);
  if (principal.tenant === null || principal.tenant === tenant) return tenant;
  throw new Fault('NOT_FOUND', `There is no tenant ${tenant}`);
}

/** `admin`: of the tenant, or the operator. */
export function requireAdmin(principal: Principal): void {
  if (principal.role !== 'admin') throw new Fault('FORBIDDEN', 'This takes a token with the role admin');
}

/** Who may name every tenant. */
export function requireOperator(principal: Principal): void {
  if (principal.role !== 'admin' || principal.tenant !== null)
    throw new Fault('FORBIDDEN', 'This is for the operator: it takes an admin token that is bound to no tenant');
}

/** How the audit names a principal. */
export const actorOf = (principal: Principal): string => principal.id ?? principal.role;
