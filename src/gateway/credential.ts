/** Credential: what a request says of who sends it, and whether the function may see that. */

import type { IncomingMessage } from 'node:http';
import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Principal } from '../core/principal.ts';

const JWT = /^bearer +[\w-]+\.[\w-]+\.[\w-]*$/i;
/** How tokens of the operator API begin. */
const OWN_TOKEN = /(?:^|\s)cdn_/;
/** What a header may hold without being encoded. */
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/**
 * The value of Authorization; where there is none, of `apikey`, which Supabase's clients send beside it. Throws BAD_REQUEST
 * as {@link requireOneAuthorization} does.
 */
export function credentialOf(request: IncomingMessage): string | undefined {
  requireOneAuthorization(request);
  const { authorization, apikey } = request.headers;
  if (authorization !== undefined) return authorization;
  return typeof apikey === 'string' && apikey !== '' ? `Bearer ${apikey}` : undefined;
}

/** Throws BAD_REQUEST for two of them: whoever reads the other one would believe what nobody has verified. */
export function requireOneAuthorization({ rawHeaders }: IncomingMessage): void {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2)
    if ((rawHeaders[i] as string).toLowerCase() === 'authorization') count++;
  if (count > 1) throw new Fault('BAD_REQUEST', 'There are two Authorization headers');
}

/**
 * Whether the function may see the Authorization header of a request to /functions/v1: a user's JWT, which such functions
 * hand on to their database. A token of ours would let the function act for its bearer, so it never gets one.
 */
export function showsAuthorization(request: IncomingMessage, version: FunctionVersion, principal: Principal): boolean {
  const { authorization } = request.headers;
  if (authorization === undefined || isOwnCredential(principal) || OWN_TOKEN.test(authorization)) return false;
  return version.passAuthorization || principal.claims !== null || JWT.test(authorization);
}

export function showsApikey(request: IncomingMessage, principal: Principal): boolean {
  const { apikey } = request.headers;
  return typeof apikey === 'string' && !isOwnCredential(principal) && !OWN_TOKEN.test(apikey);
}

/** Adds who was verified, in headers that no client can set: those that it sends have been dropped. */
export function addIdentity(headers: string[], principal: Principal): void {
  headers.push('x-cordon-user-role', principal.role);
  if (principal.id !== null && PRINTABLE.test(principal.id)) headers.push('x-cordon-user-id', principal.id);
}

/** Somebody was verified, but not by a JWT. */
const isOwnCredential = ({ role, claims }: Principal): boolean => claims === null && role !== 'anonymous';
