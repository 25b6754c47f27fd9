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
  const own = ownTenant(principal);
  if (own === null || own === tenant) return tenant;
  throw new Fault('NOT_FOUND', `There is no tenant ${tenant}`);
}

/** Null: every tenant. A JWT that names no tenant reaches the default one only: it was made for an application's users. */
function ownTenant(principal: Principal): string | null {
  if (principal.tenant !== null) return principal.tenant;
  return principal.claims === null || principal.role === 'admin' ? null : DEFAULT_TENANT;
}

/** `admin`: of the tenant, or the operator. */
export function requireAdmin(principal: Principal): void {
  if (principal.role !== 'admin') throw new Fault('FORBIDDEN', 'This takes a token with the role admin');
}

export const isOperator = (principal: Principal): boolean => principal.role === 'admin' && principal.tenant === null;

/** Who may name every tenant. */
export function requireOperator(principal: Principal): void {
  if (!isOperator(principal))
    throw new Fault('FORBIDDEN', 'This is for the operator: it takes an admin token that is bound to no tenant');
}

/** Invocations, and the outcome of one that was asked for asynchronously. */
const INVOKING = [
  { method: 'POST', path: /\/invoke\/?$/ },
  { method: 'GET', path: /^\/api\/v1\/invocations\/[^/]+\/?$/ },
];

/**
 * Whether the operator API is there for this principal at all: for an admin wholly; for a user, who may deploy to the own
 * tenant and read its own things, as far as each route goes; for service_role, to invoke. Throws UNAUTHORIZED or FORBIDDEN.
 */
export function requireEntry(principal: Principal, method: string, path: string): void {
  if (principal.role === 'admin') return;
  if (principal.role === 'anonymous')
    throw new Fault('UNAUTHORIZED', 'Send a token as "Authorization: Bearer <token>"');
  if (principal.role === 'service_role') {
    if (INVOKING.some((route) => route.method === method && route.path.test(path))) return;
    throw new Fault('FORBIDDEN', 'A token with the role service_role may only invoke');
  }
  if (principal.role === 'user' && principal.claims === null) return;
  throw new Fault(
    'FORBIDDEN',
    'The operator API takes tokens that `cordon tokens create` made, not those of an application',
  );
}

/** How the audit names a principal. */
export const actorOf = (principal: Principal): string => principal.id ?? principal.role;
