/** Source hash: names the sources of a version by their content, alike where they are sent and where they are kept. */

import { createHash } from 'node:crypto';
import type { SourceFiles } from './deployment.ts';

/** SHA-256 in hex, of the entry and of every path and its bytes. */
export function sourceHash(files: SourceFiles, entry: string): string {
  const hash = createHash('sha256').update(entry);
  for (const [path, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`\0${path}\0${bytes.length}\0`).update(bytes);
  return hash.digest('hex');
}
