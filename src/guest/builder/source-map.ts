/**
 * The source map that stays with a bundle: positions only, of the files as they were uploaded, gzipped. The text of the
 * files is kept with the version.
 */

import { gzipSync } from 'node:zlib';
import { decodedMappings, encodedMappings, TraceMap, type SourceMapInput } from '@jridgewell/trace-mapping';
import type { Project } from './project.ts';
import { REMOTE } from './remote-modules.ts';

interface EsbuildMap {
  readonly version: 3;
  readonly sources: readonly string[];
  readonly names: readonly string[];
  readonly mappings: string;
}

/** A segment is [column, source, line, column of the source, name], each from 0; what has one number leads nowhere. */
type Segment = [number] | [number, number, number, number] | [number, number, number, number, number];

export function packedMap(sourceMap: Uint8Array, project: Project): Uint8Array {
  const map = JSON.parse(Buffer.from(sourceMap).toString('utf8')) as EsbuildMap;
  const { sources, names } = map;
  const mappings = project.isScript ? unwrapped(map, project) : map.mappings;
  const named = sources.map((source) => (source.startsWith(`${REMOTE}:`) ? source.slice(REMOTE.length + 1) : source));
  return gzipSync(JSON.stringify({ version: 3, sources: named, names, mappings }));
}

/** A script body was put into a function, on its first line. */
function unwrapped(map: EsbuildMap, project: Project): string {
  const entry = map.sources.indexOf(project.entry);
  const decoded = decodedMappings(new TraceMap(map)) as readonly (readonly Segment[])[];
  const moved = decoded.map((line) =>
    line.map((segment): Segment => {
      const [column, source, sourceLine, sourceColumn, name] = segment;
      if (source !== entry || sourceLine === undefined || sourceColumn === undefined) return segment;
      const position = project.uploadedPosition(project.entry, { line: sourceLine + 1, column: sourceColumn + 1 });
      if (position === null) return [column];
      const place = [column, source, position.line - 1, position.column - 1] as const;
      return name === undefined ? [...place] : [...place, name];
    }),
  );
  const input = { ...map, mappings: moved } as unknown as SourceMapInput;
  return encodedMappings(new TraceMap(input));
}
