/** Authenticator: the Authorization header of a request becomes its principal. */

import { hash, timingSafeEqual } from 'node:crypto';
import { Fault } from '../core/faults.ts';
import { ANONYMOUS, OPERATOR } from '../core/principal.ts';
import type { Principal } from '../core/principal.ts';
import { looksLikeJwt, type VerifyJwt } from './jwt.ts';
import { tokenShape } from './token-text.ts';
import type { Tokens } from './tokens.ts';

/**
 * ANONYMOUS without a header; throws or rejects with UNAUTHORIZED for a header that does not hold a known token. At once
 * for everything but a JWT that was not seen before.
 */
export type Authenticate = (authorization: string | undefined) => Principal | Promise<Principal>;

export interface AuthenticatorOptions {
  /** The operator's own. */
  readonly adminToken: string;
  readonly tokens: Pick<Tokens, 'principalOf'>;
  /** Null, or left out: JWTs are refused. */
  readonly jwt?: VerifyJwt | null;
}

const HEADER = /^(?:token|bearer) +([\x21-\x7e]+) *$/i;

export function createAuthenticator({ adminToken, tokens, jwt = null }: AuthenticatorOptions): Authenticate {
  const expected = digest(adminToken);
  return (authorization) => {
    if (authorization === undefined) return ANONYMOUS;
    const token = HEADER.exec(authorization)?.[1];
    if (token === undefined)
      throw new Fault('UNAUTHORIZED', 'The Authorization header must be "Bearer <token>" or "Token <token>"');
    // Digests have one length, so that the comparison tells nothing of the token's.
    if (timingSafeEqual(digest(token), expected)) return OPERATOR;
    if (tokenShape(token) !== 'other') return tokens.principalOf(token);
    if (!looksLikeJwt(token)) throw new Fault('UNAUTHORIZED', 'The token is not valid');
    if (jwt === null) throw new Fault('UNAUTHORIZED', 'JWTs are not accepted here');
    return jwt(token);
  };
}

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
