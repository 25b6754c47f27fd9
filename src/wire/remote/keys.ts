/**
 * Remote keys: what two hosts that share SANDBOX_RPC_TOKEN prove to each other with. The shared key itself is never sent:
 * a key of its own is derived for each purpose, so that what is signed for one is worth nothing for another.
 */

import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

export interface RemoteKeys {
  /** Of whoever asks for a run. */
  readonly run: Uint8Array;
  /** Of whoever answers. */
  readonly answer: Uint8Array;
  /** Of the tokens by which an executor calls back. */
  readonly callback: Uint8Array;
}

const KEY_BYTES = 32;
const SALT = 'cordon remote 1';

export function remoteKeys(sharedKey: string): RemoteKeys {
  const derive = (purpose: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', sharedKey, SALT, purpose, KEY_BYTES));
  return { run: derive('run'), answer: derive('answer'), callback: derive('callback') };
}

/** JSON keeps the parts apart whatever they contain. */
export function sign(key: Uint8Array, parts: readonly (string | number | null)[]): string {
  return createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url');
}

/** In constant time. */
export function isSignature(given: string, key: Uint8Array, parts: readonly (string | number | null)[]): boolean {
  const expected = Buffer.from(sign(key, parts));
  const found = Buffer.from(given);
  return found.length === expected.length && timingSafeEqual(found, expected);
}

/**
 * Whether a request shows the shared key itself, as it must not: somebody took it for a password. Compared by hashes, so
 * that the time that it takes tells nothing of it.
 */
export function carriesKey(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  sharedKey: string,
): boolean {
  const expected = digest(sharedKey);
  return Object.values(headers)
    .flat()
    .some((value) => value !== undefined && wordsOf(value).some((word) => timingSafeEqual(digest(word), expected)));
}

const MAX_WORDS = 4;
const wordsOf = (value: string): string[] => [value, ...value.split(' ', MAX_WORDS)];
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
