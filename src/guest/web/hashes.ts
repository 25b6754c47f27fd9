/** Hashes computed in the isolate: for little data, that is faster than to send it to another thread. */

import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { copyBytes, typedArrayBuffer } from './primordials.ts';

const HASHES: Readonly<Record<string, (data: Uint8Array) => Uint8Array>> = {
  __proto__: null as never,
  'SHA-256': sha256,
  'SHA-384': sha384,
  'SHA-512': sha512,
};

/** `name` is as it stands above. */
export function digest(name: string, data: Uint8Array): ArrayBuffer {
  return typedArrayBuffer(copyBytes((HASHES[name] as (data: Uint8Array) => Uint8Array)(data)));
}
