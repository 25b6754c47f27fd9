/**
 * JWT: verifies the tokens of users.
 *
 * The algorithm decides where the key comes from, and nothing else in a token does: HS256 is verified by the secret alone,
 * RS256, ES256 and EdDSA by the provider's public keys alone, so that no public key ever serves as a secret. Every other
 * algorithm is refused, `none` first.
 */

import { createSecretKey } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWTVerifyGetKey, JWTVerifyOptions } from 'jose';
import { Fault } from '../core/faults.ts';
import type { Principal } from '../core/principal.ts';
import { StartError } from '../core/start-error.ts';
import { principalOf } from './claims.ts';
import { createKeySet } from './key-set.ts';
import { VerifiedTokens } from './verified-tokens.ts';

export interface JwtOptions {
  /** At least 32 bytes; null: HS256 is refused. */
  readonly secret: string | null;
  /** Null: RS256, ES256 and EdDSA are refused. */
  readonly jwksUrl: string | null;
  /** Null: any. */
  readonly issuer: string | null;
  readonly audience: string | null;
  /** The claim that names the bearer's tenant, as in `app_metadata.tenant`; null: the tenant is `default`. */
  readonly tenantClaim?: string | null;
  /** Hears why the provider's keys could not be had. */
  report(error: unknown): void;
  /** Between two fetches of the keys on behalf of tokens that name unknown ones. */
  readonly keysCooldownMs?: number;
}

/**
 * Who bears this JWT; at once where it was verified before. Throws or rejects with UNAUTHORIZED, or with OVERLOADED where
 * the keys can't be had.
 */
export type VerifyJwt = (token: string) => Principal | Promise<Principal>;

const SECRET_ALGORITHMS: readonly string[] = ['HS256'];
const KEY_SET_ALGORITHMS: readonly string[] = ['RS256', 'ES256', 'EdDSA'];
const MIN_SECRET_BYTES = 32;
const MAX_TOKEN_CHARS = 16 * 1024;
const LEEWAY_SECONDS = 30;
const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Null where neither a secret nor a URL is given: then there are no users. Throws StartError. */
export function createJwtVerifier(options: JwtOptions): VerifyJwt | null {
  const keys = keysByAlgorithm(options);
  if (keys.size === 0) return null;
  const verified = new VerifiedTokens();
  const claimRules: JWTVerifyOptions = {
    clockTolerance: LEEWAY_SECONDS,
    ...(options.issuer === null ? {} : { issuer: options.issuer }),
    ...(options.audience === null ? {} : { audience: options.audience }),
  };

  async function verify(token: string): Promise<Principal> {
    const { alg } = headerOf(token);
    const key = keys.get(alg);
    if (key === undefined) throw new Fault('UNAUTHORIZED', `The JWT is signed with ${alg}, which is not accepted here`);
    try {
      const { payload } = await jwtVerify(token, key, { ...claimRules, algorithms: [alg] });
      const principal = principalOf(payload, options.tenantClaim ?? null);
      verified.add(token, principal, payload.exp ?? null);
      return principal;
    } catch (error) {
      throw faultOf(error);
    }
  }

  return (token) => {
    if (token.length > MAX_TOKEN_CHARS)
      throw new Fault('UNAUTHORIZED', `The JWT is longer than ${MAX_TOKEN_CHARS} characters`);
    return verified.find(token) ?? verify(token);
  };
}

/** Tells a JWT from every other credential by its form. */
export const looksLikeJwt = (token: string): boolean => token.length <= MAX_TOKEN_CHARS && SHAPE.test(token);

function keysByAlgorithm({ secret, jwksUrl, report, keysCooldownMs }: JwtOptions): Map<string, JWTVerifyGetKey> {
  const keys = new Map<string, JWTVerifyGetKey>();
  if (secret !== null) {
    const bytes = Buffer.from(secret, 'utf8');
    if (bytes.length < MIN_SECRET_BYTES)
      throw new StartError(
        `The secret of JWTs must have at least ${MIN_SECRET_BYTES} bytes, but it has ${bytes.length}`,
      );
    const key = createSecretKey(bytes);
    for (const algorithm of SECRET_ALGORITHMS) keys.set(algorithm, () => key);
  }
  if (jwksUrl !== null) {
    const url = URL.parse(jwksUrl);
    if (url === null || !/^https?:$/.test(url.protocol))
      throw new StartError(
        `The URL of the keys of JWTs must be an http or https URL, but it is ${JSON.stringify(jwksUrl)}`,
      );
    const set = createKeySet({ url, report, ...(keysCooldownMs === undefined ? {} : { cooldownMs: keysCooldownMs }) });
    for (const algorithm of KEY_SET_ALGORITHMS) keys.set(algorithm, set);
  }
  return keys;
}

/** Unverified: it may choose among what is accepted, no more. */
function headerOf(token: string): { readonly alg: string } {
  try {
    const { alg } = decodeProtectedHeader(token);
    if (typeof alg === 'string' && alg.length <= 20) return { alg };
  } catch {
    // Said below.
  }
  throw new Fault('UNAUTHORIZED', 'The token is not a JWT with an algorithm');
}

/** What is wrong with a token may be told to whoever holds it; what its key is may not. */
function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof errors.JWTExpired) return new Fault('UNAUTHORIZED', 'The JWT has expired');
  if (error instanceof errors.JWTClaimValidationFailed)
    return new Fault('UNAUTHORIZED', `The claim ${error.claim} of the JWT is missing, or is not what is accepted here`);
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return new Fault('UNAUTHORIZED', 'The signature of the JWT is wrong');
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return new Fault('UNAUTHORIZED', 'The JWT does not name a key that is known here');
  return new Fault('UNAUTHORIZED', 'The JWT is not valid');
}
