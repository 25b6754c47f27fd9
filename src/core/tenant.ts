/** Tenant: who owns functions, secrets, tokens and logs. Every name below it is unique for that tenant only. */

export interface TenantQuotas {
  /** Functions that may exist. */
  readonly functions: number;
  /** Calls running and waiting. */
  readonly concurrency: number;
}

export interface TenantRecord {
  readonly name: string;
  /** Null: the operator's default. */
  readonly quotas: Readonly<{ [K in keyof TenantQuotas]: number | null }>;
  /** While suspended, nothing of the tenant runs and nothing can be deployed. */
  readonly suspendedMs: number | null;
  readonly createdMs: number;
}

/** The tenant of whoever names none; it always exists and can't be deleted. */
export const DEFAULT_TENANT = 'default';

export interface TenantStore {
  /** Rejects with CONFLICT where the name is taken. */
  create(name: string): Promise<TenantRecord>;
  /** In the order of their names. */
  list(): Promise<TenantRecord[]>;
  find(name: string): Promise<TenantRecord | null>;
  /** Null where there is none. */
  update(name: string, change: Partial<Pick<TenantRecord, 'quotas' | 'suspendedMs'>>): Promise<TenantRecord | null>;
  /** Erases all that belongs to the tenant, in one transaction; false where there is none. */
  erase(name: string): Promise<boolean>;
}
