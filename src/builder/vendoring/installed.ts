/**
 * Installed: the packages that an installer says it has put together. It read hostile files, so its word is checked: every
 * file lies where packages lie, and there are neither too many nor too much of them.
 */

import type { SourceFiles } from '../../core/deployment.ts';
import { Fault } from '../../core/faults.ts';
import { MB } from '../../core/limits.ts';
import { unpackFiles } from '../../lib/packed-files.ts';

/** Where Python finds packages that were deployed with a function; laid out as by `pip install --target`. */
export const PYTHON_PACKAGES = '.cordon/packages/';
export const NODE_PACKAGES = 'node_modules/';

/** With the function's own files they have to fit into the folder of a build. */
const MAX_INSTALLED_BYTES = 48 * MB;
const MAX_INSTALLED_FILES = 9_000;

/** Throws CODE_TOO_LARGE, and COMPILE_FAILED for what no installer of ours says. */
export function readInstalled(packed: Uint8Array, folder: string): SourceFiles {
  const files = unpacked(packed);
  if (files.size > MAX_INSTALLED_FILES)
    throw new Fault('CODE_TOO_LARGE', `The dependencies have ${files.size} files, more than ${MAX_INSTALLED_FILES}`);
  let bytes = 0;
  for (const [path, content] of files) {
    if (!isBelow(folder, path)) throw new Fault('COMPILE_FAILED', 'A dependency has a file that lies outside of it');
    bytes += content.length;
  }
  if (bytes > MAX_INSTALLED_BYTES)
    throw new Fault('CODE_TOO_LARGE', `The dependencies exceed ${MAX_INSTALLED_BYTES / MB} MB`);
  return files;
}

/** The names of what is there, as `name version`, in order. */
export function packagesOf(files: SourceFiles): string[] {
  const names = [...files.keys()].flatMap((path) => {
    const wheel = WHEEL.exec(path);
    if (wheel !== null) return [`${wheel[1]} ${wheel[2]}`];
    const name = NODE_MANIFEST.exec(path)?.[1];
    return name === undefined ? [] : [name];
  });
  return [...new Set(names)].toSorted();
}

const WHEEL = /^\.cordon\/packages\/([^/]{1,100})-([^/-]{1,40})\.dist-info\/METADATA$/;
const NODE_MANIFEST = /(?:^|\/)node_modules\/((?:@[^/]{1,100}\/)?[^/]{1,100})\/package\.json$/;

function unpacked(packed: Uint8Array): SourceFiles {
  try {
    return unpackFiles(packed).files;
  } catch (error) {
    throw new Fault('COMPILE_FAILED', `The installer gave no packages: ${(error as Error).message}`);
  }
}

const isBelow = (folder: string, path: string): boolean =>
  path.startsWith(folder) && path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
