/** Authenticator: the Authorization header of a request becomes its principal. */

import { hash, timingSafeEqual } from 'node:crypto';
import { Fault } from '../core/faults.ts';
import { ANONYMOUS, OPERATOR } from '../core/principal.ts';
import type { Principal } from '../core/principal.ts';

/** ANONYMOUS without a header; throws UNAUTHORIZED for a header that does not hold a known token. */
export type Authenticate = (authorization: string | undefined) => Principal;

export function createAuthenticator(adminToken: string): Authenticate {
  const expected = digest(adminToken);
  return (authorization) => {
    if (authorization === undefined) return ANONYMOUS;
    const token = /^(?:token|bearer) +([\x21-\x7e]+) *$/i.exec(authorization)?.[1];
    if (token === undefined) {
      throw new Fault('UNAUTHORIZED', 'The Authorization header must be "Bearer <token>" or "Token <token>"');
    }
    // Digests have one length, so that the comparison tells nothing of the token's.
    if (!timingSafeEqual(digest(token), expected)) throw new Fault('UNAUTHORIZED', 'The token is not valid');
    return OPERATOR;
  };
}

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
