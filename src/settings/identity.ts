/** Who callers are: the operator's token, and what verifies the tokens of users. */

import { webUrl } from './parsers.ts';
import { read } from './setting.ts';
import type { Environment, Setting, SettingTable } from './setting.ts';

export interface IdentityConfig {
  /** Null: the token file of the data directory. */
  readonly adminToken: string | null;
  readonly jwt: JwtConfig;
}

export interface JwtConfig {
  /** For HS256; null: such tokens are refused. */
  readonly secret: string | null;
  /** For RS256, ES256, EdDSA; null: such tokens are refused. */
  readonly jwksUrl: string | null;
  /** Null: any. */
  readonly issuer: string | null;
  /** Null: any. */
  readonly audience: string | null;
  /** The claim that names a user's tenant; null: users are of the tenant `default`. */
  readonly tenantClaim: string | null;
}

export interface IdentityOptions {
  readonly adminToken?: string;
  readonly jwt?: Partial<JwtConfig>;
}

/** Throws a {@link StartError}. */
export function readIdentity(options: IdentityOptions, env: Environment): IdentityConfig {
  const { secret, jwksUrl, issuer, audience, tenantClaim } = options.jwt ?? {};
  return {
    adminToken: readAdminTokenSetting(options.adminToken, env),
    jwt: Object.freeze({
      secret: read(TABLE.jwtSecret, secret ?? undefined, env) ?? read(TABLE.supabaseJwtSecret, undefined, env),
      jwksUrl: read(TABLE.jwksUrl, jwksUrl ?? undefined, env),
      issuer: read(TABLE.jwtIssuer, issuer ?? undefined, env),
      audience: read(TABLE.jwtAudience, audience ?? undefined, env),
      tenantClaim: read(TABLE.jwtTenantClaim, tenantClaim ?? undefined, env),
    }),
  };
}

export function readAdminTokenSetting(option: string | undefined, env: Environment): string | null {
  return read(TABLE.adminToken, option, env);
}

const TABLE = {
  adminToken: {
    name: 'CORDON_ADMIN_TOKEN',
    fallback: null,
    fallbackMeaning: 'made at first start, kept in the data directory',
    meaning: 'The token of the operator API',
    expected: 'at least 16 printable ASCII characters without spaces',
    secret: true,
    parse: (text) => (/^[\x21-\x7e]{16,512}$/.test(text) ? text : undefined),
  },
  jwtSecret: {
    name: 'CORDON_JWT_SECRET',
    fallback: null,
    fallbackMeaning: 'SUPABASE_JWT_SECRET, else none',
    meaning: 'Verifies the JWTs of users that are signed with HS256',
    expected: 'at least 32 bytes',
    secret: true,
    parse: longSecret,
  },
  supabaseJwtSecret: {
    name: 'SUPABASE_JWT_SECRET',
    fallback: null,
    fallbackMeaning: 'none',
    meaning: 'The same, by the name that Supabase gives it',
    expected: 'at least 32 bytes',
    secret: true,
    parse: longSecret,
  },
  jwksUrl: {
    name: 'CORDON_JWKS_URL',
    fallback: null,
    fallbackMeaning: 'none',
    meaning: 'Where the keys are that verify RS256, ES256 and EdDSA',
    expected: 'an http or https URL',
    parse: webUrl,
  },
  jwtIssuer: {
    name: 'CORDON_JWT_ISSUER',
    fallback: null,
    fallbackMeaning: 'any',
    meaning: 'The `iss` that a JWT must have',
    expected: 'a text',
    parse: (text) => text,
  },
  jwtAudience: {
    name: 'CORDON_JWT_AUDIENCE',
    fallback: null,
    fallbackMeaning: 'any',
    meaning: 'The `aud` that a JWT must have',
    expected: 'a text',
    parse: (text) => text,
  },
  jwtTenantClaim: {
    name: 'CORDON_JWT_TENANT_CLAIM',
    fallback: null,
    fallbackMeaning: 'none: users are of the tenant `default`',
    meaning: 'The claim of a JWT that names its user’s tenant, as in `app_metadata.tenant`',
    expected: 'names of letters, digits, - and _, with dots between them',
    parse: (text) => (/^[\w-]+(\.[\w-]+){0,4}$/.test(text) ? text : undefined),
  },
} as const satisfies SettingTable;

export const IDENTITY_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLE);

/** RFC 7518, section 3.2: a key for HS256 has at least as many bits as the hash. */
function longSecret(text: string): string | undefined {
  return Buffer.byteLength(text) >= 32 ? text : undefined;
}
