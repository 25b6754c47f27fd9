/** Principal: who calls. The host decides it from the request's credentials; nothing a guest says can change it. */

export type Role = 'anonymous' | 'user' | 'admin' | 'service_role' | 'system';

export interface Principal {
  readonly role: Role;
  /** The tenant whose resources the principal may name; `null` for the operator, who may name any. */
  readonly tenant: string | null;
  /** The `sub` of a JWT or the id of a token. */
  readonly id: string | null;
  readonly email: string | null;
  /** The application's own roles, as `ctx.user.roles` shows them. */
  readonly roles: readonly string[];
  /** The verified claims of a JWT; null for every other credential. */
  readonly claims: Readonly<Record<string, unknown>> | null;
}

const principal = (role: Role, id: string | null): Principal =>
  Object.freeze({ role, tenant: null, id, email: null, roles: Object.freeze([]), claims: null });

export const ANONYMOUS: Principal = principal('anonymous', null);
export const OPERATOR: Principal = principal('admin', 'operator');
/** Event and cron runs: no user, no roles (CONTRACTS.md). */
export const SYSTEM: Principal = principal('system', null);

/** A compromised executor can use every live principal of its cordon, so these two never share one with the rest. */
export const isPrivileged = (caller: Principal): boolean => caller.role === 'admin' || caller.role === 'service_role';
