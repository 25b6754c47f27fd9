/**
 * NodeDependencies: what a package.json and its lock ask npm for, as files that may be handed to it: names and ranges of
 * versions, and nothing that leads elsewhere than to the operator's registry.
 */

import type { SourceFiles } from '../../core/deployment.ts';
import { Fault } from '../../core/faults.ts';

export interface NodeDependencies {
  /** The folder of the package.json, with its slash; empty for the root. */
  readonly folder: string;
  /** package.json and, where there is one, package-lock.json. */
  readonly files: ReadonlyMap<string, string>;
  readonly isLocked: boolean;
}

interface Manifest {
  readonly dependencies?: unknown;
  readonly optionalDependencies?: unknown;
  readonly overrides?: unknown;
}

interface LockedPackage {
  readonly resolved?: unknown;
  readonly link?: unknown;
}

const MAX_CHARS = 8 * 1024 * 1024;
const NAME = /^(?:@[a-z0-9~_-][a-z0-9._~-]{0,100}\/)?[a-z0-9~_-][a-z0-9._~-]{0,213}$/i;
/**
 * A range or a tag, of the package itself or of another one under its name. What begins with a dot, or ends like an
 * archive, is a file to npm.
 */
const RANGE =
  /^(?!\.|.*\.(?:tgz|tar|tar\.gz)$)(?:npm:(?:@[\w.~-]{1,100}\/)?[\w.~-]{1,214}(?:@|$))?[0-9A-Za-z.*+~^<>=| -]{0,200}$/i;
const LOCK_NAMES = ['package-lock.json', 'npm-shrinkwrap.json'];
/** Where most locks say that a package is; npm reads its own registry's name there as whatever registry it has. */
const USUAL_REGISTRY = 'registry.npmjs.org';

/**
 * Of the package.json nearest to the entry that asks for one of the packages that are missing. Null where none does. Throws
 * BAD_REQUEST.
 */
export function nodeDependenciesOf(
  files: SourceFiles,
  entry: string,
  missing: readonly string[],
  registry: URL,
): NodeDependencies | null {
  for (const folder of foldersAbove(entry)) {
    const content = files.get(`${folder}package.json`);
    if (content === undefined) continue;
    const path = `${folder}package.json`;
    const { dependencies = {}, optionalDependencies = {}, overrides = {} } = parse(content, path) as Manifest;
    const wanted = { ...rangesOf(dependencies, path), ...rangesOf(optionalDependencies, path) };
    if (!missing.some((name) => Object.hasOwn(wanted, name))) continue;
    requireNoSettings(files, folder);
    requireOverrides(overrides, path);
    const kept = { name: 'function', version: '0.0.0', private: true, dependencies, optionalDependencies, overrides };
    const lock = lockOf(files, folder, registry);
    return {
      folder,
      isLocked: lock !== null,
      files: new Map([
        ['package.json', JSON.stringify(kept)],
        ...(lock === null ? [] : [['package-lock.json', lock] as const]),
      ]),
    };
  }
  return null;
}

function foldersAbove(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return [...names, '']
    .map((_, index) => names.slice(0, names.length - index).join('/'))
    .map((p) => (p === '' ? '' : `${p}/`));
}

function parse(content: Uint8Array, path: string): object {
  if (content.length > MAX_CHARS) throw bad(path, `it is larger than ${MAX_CHARS / 1024 / 1024} MB`);
  let value: unknown;
  try {
    value = JSON.parse(
      Buffer.from(content)
        .toString('utf8')
        .replace(/^\uFEFF/, ''),
    );
  } catch (error) {
    throw bad(path, `it is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(path, 'it is no JSON object');
  return value;
}

function rangesOf(dependencies: unknown, path: string): Record<string, string> {
  if (typeof dependencies !== 'object' || dependencies === null || Array.isArray(dependencies))
    throw bad(path, 'its dependencies are no object');
  for (const [name, range] of Object.entries(dependencies)) requireRange(name, range, path);
  return dependencies as Record<string, string>;
}

function requireRange(name: string, range: unknown, path: string): void {
  if (!NAME.test(name)) throw bad(path, `${shown(name)} is no name of a package`);
  if (typeof range === 'string' && RANGE.test(range)) return;
  throw bad(
    path,
    `${name} is ${shown(range)}: a package is taken from the operator's registry by its versions, as in "^1.2.3", not from a path or an address`,
  );
}

function requireOverrides(overrides: unknown, path: string, depth = 0): void {
  if (typeof overrides !== 'object' || overrides === null || depth > 8) throw bad(path, 'its overrides are no object');
  for (const [name, value] of Object.entries(overrides)) {
    if (typeof value === 'object') requireOverrides(value, path, depth + 1);
    else if (typeof value !== 'string' || !/^\$[\w@/.~-]+$/.test(value))
      requireRange(name.replace(/(?<=.)@.*$/, ''), value, path);
  }
}

/** npm's own settings could name another registry, or a program. */
function requireNoSettings(files: SourceFiles, folder: string): void {
  const path = `${folder}.npmrc`;
  if (files.has(path)) throw bad(path, "it is not taken: the operator's registry is used, and nothing else");
}

function lockOf(files: SourceFiles, folder: string, registry: URL): string | null {
  const name = LOCK_NAMES.find((candidate) => files.has(folder + candidate));
  if (name === undefined) return null;
  const path = folder + name;
  const lock = parse(files.get(path)!, path) as { lockfileVersion?: unknown; packages?: unknown };
  if (lock.lockfileVersion !== 2 && lock.lockfileVersion !== 3)
    throw bad(path, 'its lockfileVersion is neither 2 nor 3: make it anew with npm 7 or later');
  if (typeof lock.packages !== 'object' || lock.packages === null) throw bad(path, 'it names no packages');
  for (const [place, locked] of Object.entries(lock.packages))
    requireLocked(place, locked as LockedPackage, path, registry);
  const { packages } = lock as { packages: Record<string, object> };
  // What the root says of itself is said by the package.json that goes with it.
  const { dependencies, optionalDependencies } = (packages[''] ?? {}) as Manifest;
  const root = { name: 'function', version: '0.0.0', dependencies, optionalDependencies };
  const kept = { name: 'function', version: '0.0.0', lockfileVersion: 3, requires: true };
  return JSON.stringify({ ...kept, packages: { ...packages, '': root } });
}

function requireLocked(place: string, locked: LockedPackage | null, path: string, registry: URL): void {
  if (place === '') return;
  if (typeof locked !== 'object' || locked === null || locked.link === true || !isPlace(place))
    throw bad(path, `${shown(place)} is no package of the registry's: links and workspaces are not taken`);
  const { resolved } = locked;
  if (resolved === undefined) return;
  const url = typeof resolved === 'string' ? URL.parse(resolved) : null;
  const isOurs = url !== null && url.host === registry.host && url.protocol === registry.protocol;
  const isUsual = url !== null && url.host === USUAL_REGISTRY && url.protocol === 'https:';
  if (!isOurs && !isUsual)
    throw bad(
      path,
      `${shown(place)} is at ${shown(resolved)}, which is not in the operator's registry (${registry.host})`,
    );
}

const isPlace = (place: string): boolean =>
  place.startsWith('node_modules/') && place.split('/').every((name) => name !== '' && name !== '.' && name !== '..');

const bad = (path: string, message: string): Fault => new Fault('BAD_REQUEST', `${path}: ${message}`);
const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 120);
