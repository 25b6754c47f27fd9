/**
 * Sources: the files that a function is made of.
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
import type { Plugin } from 'esbuild';
import { runtimeOfEntry } from '../../core/runtime.ts';
import { CliError } from '../command.ts';
import { aliasPackage, findImportMap, isFetched, isFoundByServer, mapped, readImportMap } from './import-map.ts';
import type { ImportMap } from './import-map.ts';
import { installFiles, leaveDeclared } from './declared-packages.ts';
import { pythonFiles } from './python-sources.ts';

export interface Sources {
  /** Paths with forward slashes, relative to the nearest folder that holds them all. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly entry: string;
  /** Absolute: what to watch. */
  readonly paths: readonly string[];
}

export interface SourceRules {
  /** Null: none but the one that lies beside the file. */
  readonly importMap: ImportMap | null;
  /** The folder that the files must lie in, packages of the folders above apart; null: any. */
  readonly within: string | null;
}

const NO_RULES: SourceRules = { importMap: null, within: null };

/**
 * Rejects with the error of the file system when the file can't be read, and with a {@link CliError} where the map names
 * what can't be handed over, or a file lies outside: whoever deploys a project that somebody else wrote must not send the
 * files of their own home with it.
 */
export async function readSources(path: string, { importMap, within }: SourceRules = NO_RULES): Promise<Sources> {
  const entry = await realpath(resolve(path));
  const root = within === null ? null : await realpath(within);
  requireInside([entry], root);
  if (runtimeOfEntry(entry) === 'python') {
    const paths = pythonFiles(entry);
    return read(entry, paths, new Map(), dirname(entry));
  }
  const map = importMap ?? mapBeside(entry);
  const aliases = new Map<string, string>();
  const fetched = new Set<string>();
  const manifests = new Set<string>();
  const sources = await importGraph(entry, [
    ...(map === null ? [] : [followMap(map, aliases, fetched)]),
    leaveAddresses(),
    leaveDeclared(manifests),
  ]);
  if (sources === null) return read(entry, [entry], new Map());
  requireInside(sources, root);
  const packages = sources.flatMap(packageFiles).filter((file) => isInside(file, root));
  const maps = map === null || fetched.size === 0 ? [] : [await mapToSend(map, entry, fetched)];
  const installs = await Promise.all(installFiles(manifests).map((file) => realpath(file)));
  requireInside(installs, root);
  return read(entry, [...new Set([...sources, ...packages, ...maps, ...installs])], aliases);
}

function mapBeside(entry: string): ImportMap | null {
  const path = findImportMap([dirname(entry)]);
  return path === null ? null : readImportMap(path);
}

/** The server reads the addresses in it. */
async function mapToSend({ path }: ImportMap, entry: string, fetched: ReadonlySet<string>): Promise<string> {
  const map = await realpath(path);
  if (isFoundByServer(map, entry)) return map;
  throw new CliError(
    `${path} maps ${[...fetched].join(', ')} to an address: for that it must be a deno.json or import_map.json in the folder of ${entry} or above it`,
  );
}

function requireInside(paths: readonly string[], root: string | null): void {
  const outside = paths.find((path) => !isInside(path, root));
  if (outside === undefined) return;
  throw new CliError(
    `${outside} lies outside of ${root}: if it is meant to be sent, say --root with a folder that holds both`,
  );
}

function isInside(path: string, root: string | null): boolean {
  if (root === null || holds(root, path)) return true;
  const [above, ...rest] = path.split(`${sep}node_modules${sep}`);
  return rest.length > 0 && holds(above!, root);
}

const holds = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);

/** Absolute paths; null when there is no telling. The conditions are the builder's, so that both choose alike. */
async function importGraph(entry: string, plugins: Plugin[]): Promise<string[] | null> {
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
      plugins,
    });
    return Object.keys(metafile.inputs)
      .map((input) => resolve(directory, input))
      .filter((path) => existsSync(path));
  } catch (error) {
    const said = (error as { errors?: { detail: unknown }[] }).errors?.find(({ detail }) => detail instanceof CliError);
    if (said !== undefined) throw said.detail;
    return null;
  }
}

/** Resolves by the map, and remembers in `aliases` which names it was that the server has to be told of. */
function followMap(map: ImportMap, aliases: Map<string, string>, fetched: Set<string>): Plugin {
  return {
    name: 'import-map',
    setup({ onResolve, resolve: resolveBare }) {
      onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
        // Of a package, only its own author says what its imports mean.
        if (kind === 'entry-point' || pluginData === map || importer.split(sep).includes('node_modules')) return;
        const target = mapped(map, path);
        if (target === null || target === path) return;
        if (isFetched(target)) {
          fetched.add(path);
          return { path: target, external: true };
        }
        const found = await resolveBare(target, { kind, importer, resolveDir, pluginData: map });
        if (found.errors.length === 0) aliases.set(path, found.path);
        return { path: found.path, errors: found.errors, sideEffects: found.sideEffects };
      });
    },
  };
}

/** `https:` and `jsr:` are the server's to fetch; `npm:` means the package that is installed here. */
function leaveAddresses(): Plugin {
  return {
    name: 'addresses',
    setup({ onResolve, resolve: resolveBare }) {
      onResolve({ filter: /^(?:https|jsr):/ }, ({ path }) => ({ path, external: true }));
      onResolve({ filter: /^npm:/ }, ({ path, kind, importer, resolveDir }) =>
        resolveBare(path.replace(/^npm:\/?((?:@[^/@]+\/)?[^/@]+)(?:@[^/]*)?/, '$1'), { kind, importer, resolveDir }),
      );
    },
  };
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

async function read(
  entry: string,
  paths: readonly string[],
  aliases: ReadonlyMap<string, string>,
  root = commonFolder(paths),
): Promise<Sources> {
  const inside = (path: string): string => relative(root, path).split(sep).join('/');
  const files = await Promise.all(paths.map(async (path) => [inside(path), await readFile(path)] as const));
  const packages = [...aliases].map(([name, path]) => aliasPackage(name, inside(path)));
  const known = new Set(files.map(([path]) => path));
  const taken = packages.find(([path]) => known.has(path));
  if (taken !== undefined)
    throw new CliError(`the import map gives another meaning to ${dirname(taken[0])}, which is also used as it is`);
  const all = [...files, ...packages.map(([path, content]) => [path, Buffer.from(content)] as const)];
  return { files: new Map(all.sort(([a], [b]) => (a < b ? -1 : 1))), entry: inside(entry), paths };
}

function commonFolder(paths: readonly string[]): string {
  const [first, ...rest] = paths.map((path) => dirname(path).split(sep));
  let length = first!.length;
  for (const parts of rest) {
    while (!first!.slice(0, length).every((part, i) => part === parts[i])) length -= 1;
  }
  return first!.slice(0, length).join(sep) || sep;
}
