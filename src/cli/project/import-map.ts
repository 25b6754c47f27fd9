/**
 * Import map: names that a project gave to modules, in a `deno.json` or an import map.
 *
 * What the map means of files is handed to the server in a form that every bundler understands: for each name that is
 * really used, a package of that name whose `main` is the file that is meant. Addresses the server looks up in the map
 * itself, which is sent with the files then.
 */

import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, posix, resolve, sep } from 'node:path';
import { CliError } from '../command.ts';

export interface ImportMap {
  /** Absolute. */
  readonly path: string;
  readonly imports: Readonly<Record<string, string>>;
}

/** Names that a map is looked for by, beside a function and in the folder of all. */
const MAP_NAMES = ['deno.json', 'deno.jsonc', 'import_map.json'];

/** The nearest one, from the function's own folder up to that of all functions. */
export function findImportMap(folders: readonly string[]): string | null {
  const candidates = folders.flatMap((folder) => MAP_NAMES.map((name) => resolve(folder, name)));
  return candidates.find((path) => existsSync(path)) ?? null;
}

/** Throws a {@link CliError} for what is no map. */
export function readImportMap(path: string): ImportMap {
  const content = parseJsonc(path);
  const elsewhere = content['importMap'];
  if (typeof elsewhere === 'string' && content['imports'] === undefined)
    return readImportMap(resolve(dirname(path), elsewhere));
  if (content['scopes'] !== undefined) throw new CliError(`${path}: "scopes" of import maps are not supported`);
  const imports = content['imports'] ?? {};
  if (typeof imports !== 'object' || imports === null || Object.values(imports).some((to) => typeof to !== 'string'))
    throw new CliError(`${path}: "imports" must be an object of strings`);
  return { path, imports: imports as Record<string, string> };
}

/**
 * What a name stands for: an absolute path, the name of an installed package, or an address that the server fetches; null
 * where the map says nothing of it. Throws a {@link CliError} where it stands for anything else.
 */
export function mapped({ path, imports }: ImportMap, specifier: string): string | null {
  const key = keyFor(imports, specifier);
  if (key === null) return null;
  const target = imports[key]! + specifier.slice(key.length);
  if (/^\.{0,2}\//.test(target)) return resolve(dirname(path), target);
  const npm = /^npm:\/?((?:@[^/@]+\/)?[^/@]+)(?:@[^/]*)?(\/.*)?$/.exec(target);
  if (npm !== null) return npm[1]! + (npm[2] ?? '');
  if (isFetched(target) || !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(target)) return target;
  throw new CliError(
    `${path} maps ${JSON.stringify(specifier)} to ${target}: only files of the project, installed packages, https: and jsr: can be mapped to`,
  );
}

/** An address of a module that the server fetches when it builds. */
export const isFetched = (specifier: string): boolean => /^(?:https|jsr):/.test(specifier);

/** The map beside a function, or in the folders above it, as the server looks for one. */
export const isFoundByServer = (map: string, entry: string): boolean =>
  MAP_NAMES.includes(basename(map)) && entry.startsWith(`${dirname(map)}${sep}`);

/**
 * The package file that makes a bundler find `file` under the name `specifier`; both paths have forward slashes and begin
 * at the root of what is uploaded. Throws a {@link CliError} for a name that no package can have.
 */
export function aliasPackage(specifier: string, file: string): readonly [path: string, content: string] {
  const isPossible =
    /^[^.#/\\:][^\\:]*$/.test(specifier) && specifier.split('/').every((part) => !['', '.', '..'].includes(part));
  if (!isPossible) throw new CliError(`${JSON.stringify(specifier)} is mapped, but no package can have that name`);
  const folder = `node_modules/${specifier}`;
  return [`${folder}/package.json`, JSON.stringify({ main: posix.relative(folder, file) })];
}

/** The name itself, else the longest prefix that ends with a slash. */
function keyFor(imports: Readonly<Record<string, string>>, specifier: string): string | null {
  if (Object.hasOwn(imports, specifier)) return specifier;
  const prefixes = Object.keys(imports).filter((key) => key.endsWith('/') && specifier.startsWith(key));
  return prefixes.sort((a, b) => b.length - a.length)[0] ?? null;
}

function parseJsonc(path: string): Record<string, unknown> {
  const text = readFileSync(path, 'utf8')
    .replace(/"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[^]*?\*\//g, (part) => (part.startsWith('"') ? part : ''))
    .replace(/"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g, (part) => (part.startsWith('"') ? part : ''));
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new CliError(`${path}: ${(error as Error).message}`);
  }
  throw new CliError(`${path}: it must hold an object`);
}
