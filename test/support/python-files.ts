/** A Python function's files, as a version's artifact has them. */

import type { Artifact } from '../../src/core/function.ts';
import { packFiles } from '../../src/lib/packed-files.ts';

export type PythonFiles = Readonly<Record<string, string | Uint8Array>>;

/** One file is the entry. */
export function pythonArtifact(files: string | PythonFiles, entry = 'main.py'): Artifact {
  const all = typeof files === 'string' ? { [entry]: files } : files;
  const contents = Object.entries(all).map(([path, content]) => [path, Buffer.from(content as string)] as const);
  return { format: 'files', code: packFiles(new Map(contents), entry), cache: null, interleaves: true };
}
