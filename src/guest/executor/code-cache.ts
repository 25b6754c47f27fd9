/** Which of the bootstrap's two code caches a function is served by: what it names decides, and only its speed depends on it. */

/** What every function needs and most log with, or also the parts of the web API that many use. See `make-cache.ts`. */
export type CodeCache = 'lean' | 'full';

/** So much code is a bundle, and uses some of it. */
const MUCH_BYTES = 32 * 1024;

const OF_FULL =
  /\b(?:URL\w*|Text(?:En|De)coder\w*|\w*Stream|Abort\w+|(?:Custom)?Event\w*|crypto|atob|btoa|performance)\b|\b(?:await|return)\s+fetch\b/;

/** `code` as the host sent it, in UTF-8. */
export function cacheFor(code: Uint8Array): CodeCache {
  if (code.length > MUCH_BYTES) return 'full';
  return OF_FULL.test(Buffer.from(code.buffer, code.byteOffset, code.length).toString('latin1')) ? 'full' : 'lean';
}
