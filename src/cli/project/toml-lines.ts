/**
 * TOML lines: where a key of a TOML document stands. The parser tells of lines only where the syntax is wrong, and a
 * message about a key that has no meaning is worth as much.
 */

/** Counts from 1; the line of the nearest table where the key itself is not found, null where that isn't either. */
export function lineOf(source: string, path: readonly string[]): number | null {
  let table: readonly string[] = [];
  let nearest: { readonly line: number; readonly depth: number } | null = null;
  for (const [index, line] of source.split('\n').entries()) {
    const header = /^\s*\[\[?([^\]]+)\]\]?/.exec(line);
    const assignment = /^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=/.exec(line);
    if (header !== null) table = keysOf(header[1]!);
    else if (assignment === null) continue;
    const found = header === null ? [...table, ...keysOf(assignment![1]!)] : table;
    const depth = found.length <= path.length && found.every((key, i) => key === path[i]) ? found.length : 0;
    if (depth > (nearest?.depth ?? 0)) nearest = { line: index + 1, depth };
  }
  return nearest?.line ?? null;
}

function keysOf(dotted: string): string[] {
  return [...dotted.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!);
}
