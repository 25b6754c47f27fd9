/**
 * Seal: bytes that only the holder of a key can read, and that open only where they belong.
 *
 * AES-256-GCM. What is sealed is bound to a context, which is authenticated but not kept with it: bytes that were copied
 * to another place don't open there. Layout: version 1, nonce 12, tag 16, then the ciphertext.
 */

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;
const CIPHER = 'aes-256-gcm';

/** A key that is not the right one, another context or a changed bit: the three can't be told apart. */
export class SealError extends Error {
  override readonly name = 'SealError';
}

/** What sealed bytes belong to; the first part says what kind of thing they are. */
export type SealContext = readonly (string | null | readonly string[])[];

/** A nonce is random, so that one key may seal 2³² times; data keys are changed long before. */
export function seal(key: Uint8Array, context: SealContext, plain: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(authenticated(VERSION, context));
  const body = cipher.update(plain);
  cipher.final();
  return Buffer.concat([Uint8Array.of(VERSION), nonce, cipher.getAuthTag(), body]);
}

/** Throws a {@link SealError}. */
export function unseal(key: Uint8Array, context: SealContext, sealed: Uint8Array): Buffer {
  const version = sealed[0];
  if (version !== VERSION) throw new SealError(`sealed by a format that this Cordon doesn't know: ${version}`);
  if (sealed.length < HEAD_BYTES) throw new SealError('too short to be sealed');
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(1, 1 + NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(authenticated(version, context));
  decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEAD_BYTES));
  const plain = decipher.update(sealed.subarray(HEAD_BYTES));
  try {
    decipher.final();
  } catch {
    throw new SealError('it does not open: sealed by another key, for another place, or changed since');
  }
  return plain;
}

/** Names a key without telling of it: 16 digits of hex. */
export function keyIdOf(domain: string, key: Uint8Array): string {
  return createHash('sha256').update(`cordon ${domain} id\0`).update(key).digest('hex').slice(0, 16);
}

/** JSON keeps the parts apart whatever they contain. */
function authenticated(version: number, context: SealContext): Buffer {
  return Buffer.from(JSON.stringify([version, ...context]));
}
