/** Decoder: content codings undone as the bytes arrive. */

import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

/** A body that ends early gives what it has, as browsers do. */
const ZLIB = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const BROTLI = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH };

const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', () => createGunzip(ZLIB)],
  ['x-gzip', () => createGunzip(ZLIB)],
  ['deflate', () => createInflate(ZLIB)],
  ['br', () => createBrotliDecompress(BROTLI)],
  ['zstd', () => createZstdDecompress()],
]);

/** Each coding costs memory of its own, and nobody uses more than one. */
const MAX_CODINGS = 3;

/** The decoders of a `content-encoding`, the first to feed first; empty where there is nothing to undo or no way to. */
export function decodersFor(encoding: string | null): Transform[] {
  if (encoding === null) return [];
  const codings = encoding.split(',').map((coding) => coding.trim().toLowerCase());
  if (codings.length > MAX_CODINGS) return [];
  const makers = codings.filter((coding) => coding !== 'identity').map((coding) => DECODERS.get(coding));
  return makers.every((make) => make !== undefined) ? makers.reverse().map((make) => make()) : [];
}
