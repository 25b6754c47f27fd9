/** An identity provider: key pairs, a JWKS on a real listener that can rotate and fail, and the tokens that it signs. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK, JWTPayload } from 'jose';

export interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

export interface IdentityProvider {
  readonly url: string;
  /** How often the keys were fetched. */
  readonly fetches: number;
  /** What the JWKS holds from now on. */
  publish(...keys: readonly SigningKey[]): void;
  /** What it answers in place of its keys; null: its keys. */
  answer(reply: { readonly status: number; readonly body: string } | null): void;
  close(): void;
}

export async function startIdentityProvider(...keys: readonly SigningKey[]): Promise<IdentityProvider> {
  let published = keys;
  let reply: { readonly status: number; readonly body: string } | null = null;
  let fetches = 0;
  const server = createServer((_, response) => {
    fetches++;
    response.statusCode = reply?.status ?? 200;
    response.end(reply?.body ?? JSON.stringify({ keys: published.map(({ jwk }) => jwk) }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`,
    get fetches() {
      return fetches;
    },
    publish: (...next) => void (published = next),
    answer: (next) => void (reply = next),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export async function signingKey(alg: string, kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** Valid for an hour, unless the claims say otherwise. */
export function signed(key: SigningKey, claims: JWTPayload): Promise<string> {
  return new SignJWT({ exp: nowSeconds() + 3_600, ...claims })
    .setProtectedHeader({ alg: key.alg, kid: key.kid })
    .sign(key.privateKey);
}

export function signedBySecret(secret: string, claims: JWTPayload): Promise<string> {
  return new SignJWT({ exp: nowSeconds() + 3_600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(secret));
}

export const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
