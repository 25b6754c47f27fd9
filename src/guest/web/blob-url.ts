/** Blob URLs: names for Blobs of this sandbox, until they are revoked. Nobody who is not told one can guess it. */

import type { Blob } from './blob.ts';
import * as modules from './modules.ts';
import { dictionary, stringIndexOf, stringSlice, TypeError } from './primordials.ts';

/** What nobody revokes stays as long as the sandbox. */
const MAX_URLS = 10_000;

const blobs: Record<string, Blob> = dictionary<Blob>();
let count = 0;

/** Throws a TypeError for what is no Blob, and a QuotaExceededError where there are too many. */
export function createObjectURL(value: unknown): string {
  if (modules.blobIfLoaded()?.isBlob(value) !== true) throw new TypeError('URL.createObjectURL() needs a Blob');
  if (count >= MAX_URLS) {
    const { DOMException } = modules.domException();
    throw new DOMException(`There are ${MAX_URLS} blob: URLs already; revoke some`, 'QuotaExceededError');
  }
  const url = `blob:null/${modules.crypto().crypto.randomUUID()}`;
  blobs[url] = value;
  count++;
  return url;
}

export function revokeObjectURL(url: string): void {
  if (stringIndexOf(url, '#') !== -1 || blobs[url] === undefined) return;
  delete blobs[url];
  count--;
}

/** Whatever stands behind a `#` in it; null where there is none. */
export function blobOfUrl(url: string): Blob | null {
  const hash = stringIndexOf(url, '#');
  return blobs[hash === -1 ? url : stringSlice(url, 0, hash)] ?? null;
}
