/**
 * PythonPackage: a Python function as a sandbox loads it. Python has nothing to bundle: its files go as they are, in an
 * order of their own, so that the same files are the same bytes.
 */

import { Fault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import { packFiles } from '../lib/packed-files.ts';
import { tooLarge, type BuildResult } from './build-result.ts';
import { requireBuildable, type BuildSource } from './build-source.ts';
import { PYTHON_PACKAGES } from './vendoring/installed.ts';

/** What an interpreter would make anew, for another version of it perhaps. */
const COMPILED = /(?:^|\/)__pycache__\/|\.py[co]$/;
/** Of a frame to the sandbox; the rest is for what stands before the files. */
const MAX_PACKED_BYTES = 60 * MB;

/** `notes`: one line each. Throws BAD_REQUEST, CODE_TOO_LARGE. */
export function packPython(source: BuildSource, maxBundleBytes: number, notes: readonly string[]): BuildResult {
  requireBuildable(source);
  const files = new Map([...source.files].filter(([path]) => !COMPILED.test(path)));
  requireVendoredSize(files, maxBundleBytes);
  const code = packFiles(files, source.entry);
  if (code.length > MAX_PACKED_BYTES)
    throw new Fault('CODE_TOO_LARGE', `The function and its packages exceed ${MAX_PACKED_BYTES / MB} MB`);
  return { format: 'files', code, cache: null, map: null, interleaves: false, warnings: notes, fetched: new Map() };
}

function requireVendoredSize(files: BuildSource['files'], maxBundleBytes: number): void {
  let bytes = 0;
  for (const [path, content] of files) if (path.startsWith(PYTHON_PACKAGES)) bytes += content.length;
  if (bytes > maxBundleBytes) throw tooLarge(maxBundleBytes, 'The packages of the function exceed');
}
