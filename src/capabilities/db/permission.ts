/**
 * Permission: what a principal may do with the items of a collection. The one answer for `ctx.db`, `/api/items` and both
 * backends: the embedded one asks {@link resolvePermission}, in PostgreSQL the standing decides the role, and the role's
 * grants and policies the rest.
 */

import type { ItemRule, Subject } from '../../core/items.ts';

/** `trusted`: admins, service_role and the system, which may always. */
export type Standing = 'anonymous' | 'user' | 'trusted';

const TRUSTED: ReadonlySet<string> = new Set(['admin', 'service_role', 'system']);

/** A principal of another tenant is nobody here. */
export function standingOf({ tenant, principal }: Subject): Standing {
  if (principal.tenant !== null && principal.tenant !== tenant) return 'anonymous';
  if (TRUSTED.has(principal.role)) return 'trusted';
  return principal.role === 'user' ? 'user' : 'anonymous';
}

/** `own`: of the items that the user created. */
export type Permission = 'all' | 'own' | 'none';

export function resolvePermission(subject: Subject, rule: ItemRule): Permission {
  const standing = standingOf(subject);
  if (standing === 'trusted') return 'all';
  const { id, roles } = subject.principal;
  switch (rule) {
    case 'public':
      return 'all';
    case 'none':
      return 'none';
    case 'authenticated':
      return standing === 'user' ? 'all' : 'none';
    case 'owner':
      return standing === 'user' && id !== null ? 'own' : 'none';
    default:
      return standing === 'user' && roles.includes(rule) ? 'all' : 'none';
  }
}
