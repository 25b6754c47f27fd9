/** Token: a credential for the operator API, scoped to a tenant and a role. Only its SHA-256 is kept. */

/** `admin` manages; `user` deploys what an admin has to activate; `service_role` invokes only. */
export type TokenRole = 'admin' | 'user' | 'service_role';

export interface TokenRecord {
  /** Public, for lists and revocation. */
  readonly id: string;
  readonly name: string;
  /** Null: every tenant. */
  readonly tenant: string | null;
  readonly role: TokenRole;
  readonly createdMs: number;
  /** Null: never. */
  readonly expiresMs: number | null;
  readonly revokedMs: number | null;
  /** To the minute. */
  readonly lastUsedMs: number | null;
}

export interface StoredToken extends TokenRecord {
  /** SHA-256 of the token, in hex. */
  readonly hash: string;
}

export interface TokenStore {
  add(token: StoredToken): Promise<void>;
  /** All of them, revoked ones too, newest first; null: of every tenant. */
  list(tenant: string | null): Promise<StoredToken[]>;
  /** False where there is none that is not revoked already. */
  revoke(id: string, timeMs: number): Promise<boolean>;
  touch(uses: ReadonlyMap<string, number>): Promise<void>;
}
