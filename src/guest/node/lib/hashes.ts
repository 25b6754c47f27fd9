/** The hashes of node:crypto, by the names that OpenSSL has for them. */

import { blake2b, blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { md5, ripemd160, sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512, sha512_224, sha512_256 } from '@noble/hashes/sha2.js';
import { sha3_224, sha3_256, sha3_384, sha3_512 } from '@noble/hashes/sha3.js';

interface State {
  update(data: Uint8Array): State;
  digest(): Uint8Array;
  clone(): State;
}

export interface Hasher {
  create(): State;
  createHmac(key: Uint8Array): State;
}

type Algorithm = Parameters<typeof hmac.create>[0];

const hasher = (algorithm: Algorithm): Hasher => ({
  create: () => algorithm.create(),
  createHmac: (key) => hmac.create(algorithm, key),
});

export const hashes: Readonly<Record<string, Hasher>> = {
  blake2b512: hasher(blake2b),
  blake2s256: hasher(blake2s),
  md5: hasher(md5),
  ripemd160: hasher(ripemd160),
  rmd160: hasher(ripemd160),
  sha1: hasher(sha1),
  sha224: hasher(sha224),
  sha256: hasher(sha256),
  'sha3-224': hasher(sha3_224),
  'sha3-256': hasher(sha3_256),
  'sha3-384': hasher(sha3_384),
  'sha3-512': hasher(sha3_512),
  sha384: hasher(sha384),
  sha512: hasher(sha512),
  'sha512-224': hasher(sha512_224),
  'sha512-256': hasher(sha512_256),
};
