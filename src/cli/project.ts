/**
 * Project: the files that a function is made of.
 *
 * The server bundles, behind a wall; this side only finds out which files are meant, by asking esbuild what it would
 * bundle, and sends them as they are. When esbuild can't tell (the code doesn't parse, an import leads nowhere), the
 * file goes alone: the server's builder then says what is wrong, in the one place that says it.
 */

import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { build } from 'esbuild';

export interface Project {
  /** Paths with forward slashes, relative to the nearest folder that holds them all. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly entry: string;
}

/** Rejects with the error of the file system when the file can't be read. */
export async function readProject(path: string): Promise<Project> {
  const entry = await realpath(resolve(path));
  const sources = await importGraph(entry);
  return read(entry, sources === null ? [entry] : [...new Set([...sources, ...sources.flatMap(packageFiles)])]);
}

/** Absolute paths; null when there is no telling. The conditions are the builder's, so that both choose alike. */
async function importGraph(entry: string): Promise<string[] | null> {
  const directory = dirname(entry);
  try {
    const { metafile } = await build({
      entryPoints: [entry],
      absWorkingDir: directory,
      bundle: true,
      write: false,
      outdir: directory,
      metafile: true,
      platform: 'neutral',
      format: 'esm',
      conditions: ['workerd', 'worker', 'browser', 'import', 'default'],
      mainFields: ['module', 'main'],
      external: ['node:*', ...builtinModules],
      // The builder doesn't see it, so it must not decide anything here.
      tsconfigRaw: {},
      logLevel: 'silent',
    });
    return Object.keys(metafile.inputs)
      .map((input) => resolve(directory, input))
      .filter((path) => existsSync(path));
  } catch {
    return null;
  }
}

/** What says how a file is meant and found: its own package.json, and for a vendored one all up to its package's root. */
function packageFiles(path: string): string[] {
  const found: string[] = [];
  const isVendored = path.split(sep).includes('node_modules');
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (basename(folder) === 'node_modules') break;
    const candidate = join(folder, 'package.json');
    if (existsSync(candidate)) found.push(candidate);
    if (folder === dirname(folder) || (!isVendored && found.length > 0)) break;
  }
  return found;
}

async function read(entry: string, paths: readonly string[]): Promise<Project> {
  const root = commonFolder(paths);
  const inside = (path: string): string => relative(root, path).split(sep).join('/');
  const files = await Promise.all(paths.map(async (path) => [inside(path), await readFile(path)] as const));
  return { files: new Map(files.sort(([a], [b]) => (a < b ? -1 : 1))), entry: inside(entry) };
}

function commonFolder(paths: readonly string[]): string {
  const [first, ...rest] = paths.map((path) => dirname(path).split(sep));
  let length = first!.length;
  for (const parts of rest) {
    while (!first!.slice(0, length).every((part, i) => part === parts[i])) length -= 1;
  }
  return first!.slice(0, length).join(sep) || sep;
}
