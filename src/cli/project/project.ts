/**
 * Project: a folder of functions, and the manifest that says how they are to run.
 *
 * In the functions' folder every folder with an index file or a main.py and every code file is a function of that name; what begins
 * with an underscore (`_shared/`) is not, and is there to be imported.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { requireName } from '../../core/function.ts';
import { CliError, UsageError } from '../command.ts';
import { didYouMean } from '../suggest.ts';
import { findImportMap } from './import-map.ts';
import type { FunctionSettings, Manifest, ManifestKind } from './manifest.ts';

export interface ProjectFunction {
  readonly name: string;
  /** Absolute. */
  readonly entry: string;
  readonly settings: FunctionSettings;
  /** Absolute. */
  readonly importMap: string | null;
}

export interface Project {
  /** Null: none was there, and none is needed. */
  readonly manifestPath: string | null;
  /** Absolute. */
  readonly functionsDir: string;
  readonly tenant: string | undefined;
  /** In the order of their names; without those that are not enabled. */
  readonly functions: readonly ProjectFunction[];
}

/** Where a manifest is looked for, and where the functions lie then. The first that is there is it. */
const MANIFESTS: readonly { readonly path: string; readonly kind: ManifestKind; readonly functionsDirs: string[] }[] = [
  { path: 'cordon.toml', kind: 'cordon', functionsDirs: ['functions', 'supabase/functions'] },
  { path: 'supabase/config.toml', kind: 'supabase', functionsDirs: ['functions'] },
  { path: 'functions/config.toml', kind: 'cordon', functionsDirs: ['.'] },
];
const BARE_FUNCTIONS_DIRS = ['functions', 'supabase/functions'];

/** What a folder's function starts from; the first that is there is it. */
const ENTRIES = ['index.ts', 'index.mts', 'index.js', 'index.mjs', 'main.py'];
/** Beside functions: what package managers make. */
const NO_FUNCTIONS = ['node_modules', 'venv'];
const CODE_FILE = /^([^.]+)\.(?:m?[jt]s|py)$/;

/** Rejects with a {@link CliError} where the folder holds no project, or one that is not valid. */
export async function readProject(folder: string): Promise<Project> {
  const found = MANIFESTS.find(({ path }) => existsSync(join(folder, path)));
  if (found === undefined) return bareProject(folder);
  const manifestPath = resolve(folder, found.path);
  // Only now: what checks a manifest takes longer to load than most commands take to run.
  const { readManifest } = await import('./manifest.ts');
  const manifest = readManifest(manifestPath, found.kind);
  const base = dirname(manifestPath);
  const functionsDir = functionsDirOf(base, manifest, found.functionsDirs);
  return {
    manifestPath,
    functionsDir,
    tenant: manifest.tenant,
    functions: functionsOf(functionsDir, base, manifest.functions ?? {}, manifestPath),
  };
}

/** Those of that name, or all. Throws a {@link UsageError} for a name that is not there. */
export function selectFunctions(project: Project, names: readonly string[]): readonly ProjectFunction[] {
  const known = project.functions.map(({ name }) => name);
  const missing = names.find((name) => !known.includes(name));
  if (missing !== undefined)
    throw new UsageError(
      `there is no function ${JSON.stringify(missing)} in this project${didYouMean(missing, known)}`,
    );
  return names.length === 0 ? project.functions : project.functions.filter(({ name }) => names.includes(name));
}

function bareProject(folder: string): Project {
  const dir = BARE_FUNCTIONS_DIRS.map((path) => resolve(folder, path)).find(isFolder);
  if (dir === undefined)
    throw new CliError(
      `there is no project in ${folder}: no ${MANIFESTS.map(({ path }) => path).join(', ')}, and no functions folder. "cordon init" makes one`,
    );
  return { manifestPath: null, functionsDir: dir, tenant: undefined, functions: functionsOf(dir, dir, {}, dir) };
}

function functionsDirOf(base: string, { functions_dir: wanted }: Manifest, usual: readonly string[]): string {
  if (wanted === undefined) return usual.map((path) => resolve(base, path)).find(isFolder) ?? resolve(base, usual[0]!);
  const path = resolve(base, wanted);
  if (isFolder(path)) return path;
  throw new CliError(`functions_dir is ${JSON.stringify(wanted)}, but there is no folder ${path}`);
}

function functionsOf(
  functionsDir: string,
  base: string,
  settings: Readonly<Record<string, FunctionSettings>>,
  manifestPath: string,
): ProjectFunction[] {
  const entries = entriesOf(functionsDir);
  for (const [name, { entrypoint }] of Object.entries(settings)) {
    if (entrypoint !== undefined) entries.set(name, requireEntry(name, resolve(base, entrypoint)));
    if (!entries.has(name))
      throw new CliError(
        `${manifestPath} tells of a function ${name}, but there is neither ${join(functionsDir, name)}/index.ts nor main.py nor an entrypoint`,
      );
  }
  return [...entries]
    .map(([name, entry]) =>
      functionOf(name, entry, functionsDir, base, Object.hasOwn(settings, name) ? settings[name]! : {}),
    )
    .filter(({ settings: { enabled } }) => enabled !== false)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function functionOf(
  name: string,
  entry: string,
  functionsDir: string,
  base: string,
  settings: FunctionSettings,
): ProjectFunction {
  requireName('function', name);
  const { import_map: map } = settings;
  return {
    name,
    entry,
    settings,
    importMap: map === undefined ? findImportMap([dirname(entry), functionsDir]) : resolve(base, map),
  };
}

/** Name → file to start from. */
function entriesOf(functionsDir: string): Map<string, string> {
  const entries = new Map<string, string>();
  if (!isFolder(functionsDir)) return entries;
  for (const item of readdirSync(functionsDir).sort()) {
    if (/^[_.]/.test(item) || NO_FUNCTIONS.includes(item)) continue;
    const path = join(functionsDir, item);
    const isDirectory = isFolder(path);
    const name = isDirectory ? item : CODE_FILE.exec(item)?.[1];
    const entry = isDirectory ? indexOf(path) : path;
    if (name === undefined || entry === null) continue;
    const other = entries.get(name);
    if (other !== undefined)
      throw new CliError(
        `${relative(functionsDir, other)} and ${relative(functionsDir, entry)} are both function ${name}`,
      );
    entries.set(name, entry);
  }
  return entries;
}

function indexOf(folder: string): string | null {
  return ENTRIES.map((name) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

function requireEntry(name: string, path: string): string {
  if (existsSync(path)) return path;
  throw new CliError(`functions.${name}: there is no entrypoint ${path}`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
