/**
 * ImportMap: names that a project gave to modules, in the `deno.json` or `import_map.json` nearest to its entry.
 *
 * As the standard has it: exact names before prefixes, longer before shorter, the scopes of the importing file before what
 * holds everywhere. As Deno has it: a name that stands for a package stands for what is below it too.
 */

import { posix } from 'node:path';
import type { Project } from './project.ts';

type Names = readonly (readonly [name: string, address: string])[];

interface Scope {
  readonly prefix: string;
  readonly names: Names;
}

const FILES = ['deno.json', 'deno.jsonc', 'import_map.json'];
/** Stands for the project's root, where paths are compared as URLs. */
const ROOT = 'file:///';

/** Its message is one sentence. */
export class ImportMapError extends Error {}

export class ImportMap {
  readonly #scopes: readonly Scope[];
  readonly #names: Names;

  private constructor(names: Names, scopes: readonly Scope[]) {
    this.#names = names;
    this.#scopes = scopes;
  }

  /** Null where the project has none. Throws an {@link ImportMapError} for what is no map. */
  static of(project: Project): ImportMap | null {
    for (let folder = posix.dirname(project.entry); ; folder = posix.dirname(folder)) {
      for (const name of FILES) {
        const path = posix.join(folder, name);
        const map = project.text(path) === undefined ? null : read(project, path);
        if (map !== null) return new ImportMap(map.names, map.scopes);
      }
      if (folder === '.') return null;
    }
  }

  /**
   * What a specifier stands for, null where the map says nothing of it: `./path` from the project's root, an address, or
   * a package. `importer` is a path from the root or an address.
   */
  resolve(specifier: string, importer: string): string | null {
    const from = isAddress(importer) ? importer : ROOT + encodeURI(importer);
    const asked = /^\.{0,2}\//.test(specifier) ? resolved(specifier, from) : specifier;
    for (const { prefix, names } of this.#scopes) {
      if (from !== prefix && !(prefix.endsWith('/') && from.startsWith(prefix))) continue;
      const found = lookUp(names, asked);
      if (found !== null) return found;
    }
    return lookUp(this.#names, asked);
  }
}

const isAddress = (text: string): boolean => /^[A-Za-z][A-Za-z0-9+.-]+:/.test(text);

function resolved(specifier: string, base: string): string {
  return URL.parse(specifier, base)?.href ?? specifier;
}

function lookUp(names: Names, asked: string): string | null {
  for (const [name, address] of names) {
    if (name === asked) return fromRoot(address);
    const isPrefix = name.endsWith('/') ? asked.startsWith(name) : isPackage(address) && asked.startsWith(`${name}/`);
    if (isPrefix) return fromRoot(address + asked.slice(name.length));
  }
  return null;
}

const isPackage = (address: string): boolean => /^(?:npm|jsr):/.test(address);

function fromRoot(address: string): string {
  if (!address.startsWith(ROOT)) return address;
  return `./${decodeURI(address.slice(ROOT.length))}`;
}

/** Null for a file that holds no map at all. */
function read(project: Project, path: string): { readonly names: Names; readonly scopes: readonly Scope[] } | null {
  const { imports, scopes, importMap } = parse(project.text(path)!, path);
  if (imports === undefined && scopes === undefined) {
    if (typeof importMap !== 'string') return null;
    const elsewhere = posix.join(posix.dirname(path), importMap);
    if (elsewhere === path || project.text(elsewhere) === undefined)
      throw new ImportMapError(
        `${path}: "importMap" names ${JSON.stringify(importMap)}, which is not among the uploaded files`,
      );
    const { importMap: _further, ...map } = parse(project.text(elsewhere)!, elsewhere);
    return tables(map, elsewhere);
  }
  return tables({ imports, scopes }, path);
}

function tables(
  { imports = {}, scopes = {} }: Readonly<Record<string, unknown>>,
  path: string,
): { readonly names: Names; readonly scopes: readonly Scope[] } {
  const base = ROOT + encodeURI(path);
  const byPrefix = Object.entries(requireObject(scopes, path, 'scopes')).map(([prefix, names]) => ({
    prefix: resolved(prefix, base),
    names: namesOf(names, path, base),
  }));
  return { names: namesOf(imports, path, base), scopes: byPrefix.sort((a, b) => b.prefix.length - a.prefix.length) };
}

function namesOf(value: unknown, path: string, base: string): Names {
  const names = Object.entries(requireObject(value, path, 'imports')).map(([name, address]) => {
    if (typeof address !== 'string')
      throw new ImportMapError(`${path}: what ${JSON.stringify(name)} stands for must be a string`);
    const asUrl = (text: string): string => (/^\.{0,2}\//.test(text) ? resolved(text, base) : text);
    return [asUrl(name), asUrl(address)] as const;
  });
  return names.sort(([a], [b]) => b.length - a.length);
}

function requireObject(value: unknown, path: string, what: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new ImportMapError(`${path}: "${what}" must be an object`);
}

/** JSON with comments and commas at the end. */
function parse(text: string, path: string): Readonly<Record<string, unknown>> {
  const plain = text
    .replace(/"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[^]*?\*\//g, (part) => (part.startsWith('"') ? part : ' '))
    .replace(/"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g, (part) => (part.startsWith('"') ? part : ''));
  let value: unknown;
  try {
    value = JSON.parse(plain);
  } catch (error) {
    throw new ImportMapError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  return requireObject(value, path, 'the whole') as Readonly<Record<string, unknown>>;
}
