/** Principal: who calls. The host decides it from the request's credentials; nothing a guest says can change it. */

export type Role = 'anonymous' | 'user' | 'admin' | 'service_role' | 'system';

export interface Principal {
  readonly role: Role;
  /** The tenant whose resources the principal may name; `null` for the operator, who may name any. */
  readonly tenant: string | null;
  readonly id: string | null;
}

export const ANONYMOUS: Principal = Object.freeze({ role: 'anonymous', tenant: null, id: null });
export const OPERATOR: Principal = Object.freeze({ role: 'admin', tenant: null, id: 'operator' });

/** A compromised executor can use every live principal of its cordon, so these two never share one with the rest. */
export const isPrivileged = (principal: Principal): boolean =>
  principal.role === 'admin' || principal.role === 'service_role';
