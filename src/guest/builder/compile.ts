/**
 * Compile: V8's own opinion of a bundle, and the eager code cache of a large one. The code is parsed, never run.
 *
 * An executor takes the cache only from the same V8 under the same flags, without a start-up snapshot; the host starts
 * this process so.
 */

import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { handingOver } from '../../lib/hand-over.ts';

/** The name of the bundle in its errors. */
const BUNDLE_FILE = 'function.js';

/** Where a cache begins to pay: it saved 0.1 ms of 0.3 at 1 KB, 0.5 of 1.0 at 10 KB, 4 of 5.3 at 80 KB. */
const MIN_CACHED_BYTES = 1024;

/** A cache is three times its code, and takes 0.1 s for each MB of it; above this V8 compiles what is called, when it is. */
const MAX_CACHED_BYTES = 4 * 1024 * 1024;

/** Throws V8's SyntaxError, or a RangeError for code that is nested too deeply. */
export function check(code: Uint8Array): void {
  new Script(textOf(code), { filename: BUNDLE_FILE });
}

/** Throws V8's SyntaxError, or a RangeError for code that is nested too deeply. Returns null where no cache is worth it. */
export function compile(code: Uint8Array): Uint8Array | null {
  const text = handingOver(textOf(code));
  if (code.length < MIN_CACHED_BYTES || code.length > MAX_CACHED_BYTES) {
    new Script(text, { filename: BUNDLE_FILE });
    return null;
  }
  setFlagsFromString('--no-lazy');
  const script = new Script(text, { filename: BUNDLE_FILE });
  // The flags are part of the cache: they have to be the executors' again when it is written.
  setFlagsFromString('--lazy');
  return script.createCachedData();
}

const textOf = (code: Uint8Array): string => Buffer.from(code.buffer, code.byteOffset, code.length).toString('utf8');
