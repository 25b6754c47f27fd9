/**
 * The project's own sources as the house rules see them: files, and what each of them imports.
 *
 * A regular expression reads the imports: they stand at the beginning of a line here, and the formatter keeps them there.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));

export interface SourceFile {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/**
 * `value`: evaluated before the importer. `lazy`: evaluated when the importer asks for it. `type`: gone at run time;
 * `import { type A }` is not, because the import itself stays.
 */
export type ImportKind = 'value' | 'lazy' | 'type';

export interface Import {
  readonly kind: ImportKind;
  /** As it is written. */
  readonly specifier: string;
  /** From the project's root; null for packages and Node's modules. */
  readonly target: string | null;
}

export function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(join(ROOT, folder, name), 'utf8') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

const STATEMENT = /^(?:import|export)\s+(?<type>type\s+(?!from\b)(?!,))?(?:[^'";]*?\sfrom\s+)?'(?<specifier>[^']+)'/gm;
const CALL = /(?<type>typeof\s+)?\b(?:import|require)\(\s*'(?<specifier>[^']+)'\s*\)(?<member>\.[A-Z])?/g;

export function importsOf({ path, text }: SourceFile): Import[] {
  const code = withoutComments(text);
  return [
    ...find(code, STATEMENT, (groups) => (groups['type'] === undefined ? 'value' : 'type')),
    ...find(code, CALL, (groups) => ((groups['type'] ?? groups['member']) === undefined ? 'lazy' : 'type')),
  ].map(({ kind, specifier }) => ({
    kind,
    specifier,
    target: specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : null,
  }));
}

/** Whole-line comments and comment blocks; the rest of a line is code or near enough. */
export function withoutComments(text: string): string {
  return text.replaceAll(/^\s*\/\*[^]*?\*\//gm, '').replaceAll(/^\s*\/\/.*$/gm, '');
}

type Groups = Readonly<Record<string, string | undefined>>;

function* find(
  code: string,
  pattern: RegExp,
  kindOf: (groups: Groups) => ImportKind,
): Generator<{ kind: ImportKind; specifier: string }> {
  for (const { groups = {} } of code.matchAll(pattern)) {
    const { specifier } = groups;
    if (specifier !== undefined) yield { kind: kindOf(groups), specifier };
  }
}
