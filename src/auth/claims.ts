/**
 * Claims: what a verified JWT says of its bearer, as a principal.
 *
 * A JWT never makes an administrator, whatever it claims: who may manage functions is decided by tokens of Cordon's own,
 * which can be listed and revoked. And its bearer belongs to one tenant, so that the users of one are nobody to another.
 */

import { Fault } from '../core/faults.ts';
import { requireName } from '../core/function.ts';
import type { Principal, Role } from '../core/principal.ts';
import { DEFAULT_TENANT } from '../core/tenant.ts';

export type Claims = Readonly<Record<string, unknown>>;

const ROLES: ReadonlyMap<unknown, Role> = new Map([
  ['anon', 'anonymous'],
  ['authenticated', 'user'],
  ['service_role', 'service_role'],
]);
const MAX_ROLES = 100;
const MAX_ROLE_CHARS = 100;
const MAX_ID_CHARS = 255;
const MAX_EMAIL_CHARS = 320;

/**
 * `tenantClaim` is a path as in `app_metadata.tenant`; null: everybody is of the tenant `default`. Throws UNAUTHORIZED for
 * a token that says nothing of its tenant.
 */
export function principalOf(claims: Claims, tenantClaim: string | null): Principal {
  return Object.freeze({
    role: ROLES.get(own(claims, 'role')) ?? 'user',
    tenant: tenantClaim === null ? DEFAULT_TENANT : tenantOf(claims, tenantClaim),
    id: boundedText(own(claims, 'sub'), MAX_ID_CHARS),
    email: boundedText(own(claims, 'email'), MAX_EMAIL_CHARS),
    roles: Object.freeze(rolesOf(claims)),
    claims: Object.freeze(claims),
  });
}

function tenantOf(claims: Claims, path: string): string {
  const value = path.split('.').reduce<unknown>(own, claims);
  if (typeof value !== 'string') throw new Fault('UNAUTHORIZED', `The JWT has no claim ${path} that names its tenant`);
  try {
    return requireName('tenant', value);
  } catch {
    throw new Fault('UNAUTHORIZED', `The claim ${path} of the JWT is not the name of a tenant`);
  }
}

/** `app_metadata` is the provider's to write; `user_metadata` is the user's own, and counts for nothing. */
function rolesOf(claims: Claims): string[] {
  const listed = [own(own(claims, 'app_metadata'), 'roles'), own(claims, 'roles')].flatMap((value) =>
    Array.isArray(value) ? value.slice(0, MAX_ROLES) : [],
  );
  return [...new Set(listed.filter((role) => boundedText(role, MAX_ROLE_CHARS) !== null))].slice(0, MAX_ROLES);
}

/** Never what an object inherits. */
function own(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function boundedText(value: unknown, maxChars: number): string | null {
  return typeof value === 'string' && value !== '' && value.length <= maxChars ? value : null;
}
