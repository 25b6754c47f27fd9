/** Packages as `cordon deploy` would send them: the files of an installed package that can be part of a bundle. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../support/source-tree.ts';

const WANTED = /(?:\.[cm]?js|\.json)$/;

/** Path below the project's root → content; what the packages depend on has to be named too. */
export function installed(names: readonly string[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of names) {
    const folder = join('node_modules', name);
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const inside = path.slice(ROOT.length).replace(/^\//, '');
      if (entry.isFile() && WANTED.test(entry.name)) files[inside] = readFileSync(path, 'utf8');
    }
  }
  return files;
}
