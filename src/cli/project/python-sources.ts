/**
 * Python sources: the files that a Python function is made of. Nothing here reads Python: `main.py` goes with all of its
 * folder, as templates and data are opened and not imported; any other file goes with the modules beside it that it, and
 * what it imports, name. A requirements.txt goes along: the server installs what it names.
 */

import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { CliError } from '../command.ts';

/** Where packages lie that were installed for this function: `pip install --target .cordon/packages`. */
const PACKAGES = join('.cordon', 'packages');
const WHOLE_FOLDER = 'main.py';
const MAX_FILES = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_MODULES = 1_000;
const LEFT = /^(?:__pycache__|node_modules|\..*|.*\.py[co])$/;
const IMPORT = /^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+([\w., \t]+))/gm;

/** Absolute paths. Throws a {@link CliError} where there are too many, or one is no file. */
export function pythonFiles(entry: string): string[] {
  const folder = dirname(entry);
  const found =
    basename(entry) === WHOLE_FOLDER
      ? filesBelow(folder)
      : [...modulesOf(entry), ...beside(folder, 'requirements.txt')];
  const all = [...new Set([entry, ...found, ...filesBelow(join(folder, PACKAGES))])];
  requireFitting(all, folder);
  return all;
}

function filesBelow(folder: string): string[] {
  const items = entriesOf(folder);
  // An environment of the developer's own machine.
  if (items.some(({ name }) => name === 'pyvenv.cfg')) return [];
  return items.flatMap((item) => {
    const path = join(folder, item.name);
    if (LEFT.test(item.name)) return [];
    if (item.isDirectory()) return filesBelow(path);
    if (item.isFile()) return [path];
    throw new CliError(`${path} is neither a file nor a folder: a link could lead out of the function`);
  });
}

/** The modules beside the entry that are imported, from there on. */
function modulesOf(entry: string): string[] {
  const folder = dirname(entry);
  const found = new Set([entry]);
  for (const path of found) {
    if (found.size > MAX_MODULES) throw new CliError(`${entry} imports more than ${MAX_MODULES} modules`);
    if (!path.endsWith('.py')) continue;
    for (const name of importedBy(readFileSync(path, 'utf8')))
      for (const module of [...beside(folder, `${name}.py`), ...packageOf(join(folder, name))]) found.add(module);
  }
  return [...found];
}

/** First parts of the names. */
function importedBy(code: string): string[] {
  return [...code.matchAll(IMPORT)]
    .flatMap(([, from, names = '']) => (from === undefined ? names.split(',').map((name) => name.trim()) : [from]))
    .map((name) => /^\w+/.exec(name)?.[0] ?? '')
    .filter((name) => name !== '');
}

const packageOf = (folder: string): string[] => (beside(folder, '__init__.py').length > 0 ? filesBelow(folder) : []);

function beside(folder: string, name: string): string[] {
  const path = join(folder, name);
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? [path] : [];
}

function entriesOf(folder: string): ReturnType<typeof list> {
  try {
    return list(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

const list = (folder: string) => readdirSync(folder, { withFileTypes: true });

function requireFitting(paths: readonly string[], folder: string): void {
  const bytes = paths.reduce((sum, path) => sum + lstatSync(path).size, 0);
  if (paths.length <= MAX_FILES && bytes <= MAX_BYTES) return;
  const largest = relative(folder, paths.toSorted((a, b) => lstatSync(b).size - lstatSync(a).size)[0]!).split(sep);
  throw new CliError(
    `${folder} has ${paths.length} files of ${Math.ceil(bytes / 1024 / 1024)} MB: at most ${MAX_FILES} files of ${MAX_BYTES / 1024 / 1024} MB are sent (the largest is ${largest.join('/')})`,
  );
}
