/** Grants: which host services a version may call, beside `fetch`, which egress rules decide about. */

/** `db` reads; `db:write` creates, updates and deletes; `vm` starts virtual machines on the tenant's account. */
export const CAPABILITY_NAMES = ['db', 'db:write', 'email', 'kv', 'publish', 'vm'] as const;
export type CapabilityName = (typeof CAPABILITY_NAMES)[number];

/** What a function may call unless its deployment says otherwise; what costs or changes more is asked for by name. */
export const DEFAULT_CAPABILITIES: readonly CapabilityName[] = Object.freeze(['db', 'email', 'kv', 'publish']);
