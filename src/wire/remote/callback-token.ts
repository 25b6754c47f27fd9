/**
 * CallbackToken: by which an executor on another host calls back for one invocation. It is bound to the invocation, its
 * tenant and function, a time, and the host that it is for; it is worth nothing once the invocation is over, because the
 * host looks for a live one.
 */

import { isSignature, sign, type RemoteKeys } from './keys.ts';

export interface CallbackClaims {
  readonly invocation: string;
  readonly tenant: string;
  readonly functionName: string;
  /** The origin of the host that is called back. */
  readonly audience: string;
}

export interface GivenToken {
  readonly invocation: string;
  readonly expiresMs: number;
  readonly signature: string;
}

const SCHEME = /^Cordon v1\.([A-Za-z0-9_-]{1,200})\.(\d{1,15})\.([A-Za-z0-9_-]{43})$/;

/** The value of an Authorization header. */
export function callbackToken(keys: RemoteKeys, claims: CallbackClaims, expiresMs: number): string {
  const invocation = Buffer.from(claims.invocation).toString('base64url');
  return `Cordon v1.${invocation}.${expiresMs}.${sign(keys.callback, partsOf(claims, expiresMs))}`;
}

/** Not verified: it says which invocation to look for. Null: it is no such token. */
export function readCallbackToken(authorization: string | undefined): GivenToken | null {
  const match = SCHEME.exec(authorization ?? '');
  if (match === null) return null;
  const [, invocation, expires, signature] = match as unknown as [string, string, string, string];
  return {
    invocation: Buffer.from(invocation, 'base64url').toString('utf8'),
    expiresMs: Number(expires),
    signature,
  };
}

/** `claims` are the host's own knowledge of the live invocation. */
export function isCallbackToken(keys: RemoteKeys, given: GivenToken, claims: CallbackClaims, nowMs: number): boolean {
  return isSignature(given.signature, keys.callback, partsOf(claims, given.expiresMs)) && nowMs < given.expiresMs;
}

const partsOf = ({ invocation, tenant, functionName, audience }: CallbackClaims, expiresMs: number) =>
  ['callback', invocation, tenant, functionName, audience, expiresMs] as const;
