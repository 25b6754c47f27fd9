/** Diagnosis: what is wrong with a source, as one sentence for a log line and as code frames for a terminal. */

import { SourceMap } from 'node:module';
import type * as esbuild from 'esbuild';
import type { Warning } from './bundle.ts';
import { missingModule, unresolved } from './confinement.ts';
import type { MissingPackage } from './imports.ts';
import type { Position, Project } from './project.ts';

export interface Diagnosis {
  /** `index.ts:3:14: Expected ";" but found "x"`. */
  readonly message: string;
  /** For each error its sentence, and the lines around it with a caret. */
  readonly issues: readonly string[];
  /** Packages that are imported and are not there, and Node's modules, as `node:fs`. */
  readonly missing: readonly string[];
}

interface Place extends Position {
  readonly file: string;
}

const UNRESOLVED = /^Could not resolve "(.*)"$/s;
const MAX_WARNINGS = 20;
/** Of a line in a code frame; bundled libraries have lines of a megabyte. */
const MAX_WIDTH = 120;

export function describeErrors(errors: readonly esbuild.Message[], project: Project): Diagnosis {
  const described = errors.map((error) => {
    const place = placeOf(error.location, project);
    const sentence = sentenceOf(textOf(error, project), place);
    return { sentence, issue: place === null ? sentence : `${sentence}\n${codeFrame(place, project)}` };
  });
  const [first] = described;
  const others = described.length === 1 ? '' : ` (and ${described.length - 1} more)`;
  return {
    message: `${first!.sentence}${others}`,
    issues: described.map(({ issue }) => issue),
    missing: missingOf(errors),
  };
}

function missingOf(errors: readonly esbuild.Message[]): string[] {
  const names = errors.map(({ text, detail }) => {
    const specifier = UNRESOLVED.exec(text)?.[1];
    return specifier === undefined ? (detail as MissingPackage | undefined)?.missing : missingModule(specifier);
  });
  return [...new Set(names.filter((name) => typeof name === 'string'))];
}

export function warningLines(warnings: readonly Warning[], project: Project): string[] {
  return warnings.slice(0, MAX_WARNINGS).map((warning) => sentenceOf(warning.text, placeOf(warning.location, project)));
}

/** What esbuild passes and V8 refuses, such as a bad regular expression; found in the source by the source map. */
export function describeSyntaxError(error: unknown, sourceMap: Uint8Array | null, project: Project): Diagnosis {
  if (!(error instanceof SyntaxError)) return { message: 'The code is nested too deeply', issues: [], missing: [] };
  const { message, stack = '' } = error;
  const place = sourceMap === null ? null : originOf(stack, sourceMap, project);
  const sentence = sentenceOf(message, place);
  return {
    message: sentence,
    issues: place === null ? [] : [`${sentence}\n${codeFrame(place, project)}`],
    missing: [],
  };
}

function textOf({ text, location }: esbuild.Message, project: Project): string {
  const specifier = UNRESOLVED.exec(text)?.[1];
  if (specifier !== undefined) return unresolved(specifier);
  if (!project.isScript || location === null || location.file !== project.entry) return text;
  if (isStaticImport(location, project)) {
    return 'A script body can have no static import or export: use `await import(…)`, or make it a module with `export default`';
  }
  if (uploaded(location, project) !== null) return text;
  return text.startsWith('Unexpected "}"') ? 'There is a "}" too many' : 'The code ends too early';
}

/** In a function esbuild stops at the word itself, or right after it. */
function isStaticImport({ line, column, length, lineText, file }: esbuild.Location, project: Project): boolean {
  const uploadedLine = project.text(file)!.split('\n')[line - 1] ?? '';
  const end = column + length - (Buffer.byteLength(lineText) - Buffer.byteLength(uploadedLine));
  return /(?:^|[;}])\s*(?:import|export)\b[^;(]*$/.test(Buffer.from(uploadedLine).toString('utf8', 0, end));
}

function sentenceOf(text: string, place: Place | null): string {
  return place === null ? text : `${place.file}:${place.line}:${place.column}: ${text}`;
}

function placeOf(location: esbuild.Location | null, project: Project): Place | null {
  if (location === null || project.text(location.file) === undefined) return null;
  return { file: location.file, ...(uploaded(location, project) ?? endOf(location.file, project)) };
}

/** esbuild counts columns in bytes, from 0. */
function uploaded({ file, line, column, lineText }: esbuild.Location, project: Project): Position | null {
  const units = Buffer.from(lineText).toString('utf8', 0, column).length;
  return project.uploadedPosition(file, { line, column: units + 1 });
}

function endOf(file: string, project: Project): Position {
  const lines = project.text(file)!.trimEnd().split('\n');
  return { line: lines.length, column: lines.at(-1)!.length + 1 };
}

/** The stack begins with `file:line`, the line itself, and carets under what V8 did not like. */
function originOf(stack: string, sourceMap: Uint8Array, project: Project): Place | null {
  const [head = '', , carets = ''] = stack.split('\n', 3);
  const line = Number(/:(\d+)$/.exec(head)?.[1]);
  if (!Number.isInteger(line)) return null;
  const map = new SourceMap(
    JSON.parse(Buffer.from(sourceMap).toString('utf8')) as ConstructorParameters<typeof SourceMap>[0],
  );
  const origin = map.findOrigin(line, carets.indexOf('^') + 1);
  if (!('fileName' in origin) || project.text(origin.fileName) === undefined) return null;
  const position = project.uploadedPosition(origin.fileName, { line: origin.lineNumber, column: origin.columnNumber });
  return { file: origin.fileName, ...(position ?? endOf(origin.fileName, project)) };
}

/** The line with a caret below, and its two neighbours. */
function codeFrame({ file, line, column }: Place, project: Project): string {
  const lines = project.text(file)!.split('\n');
  const from = Math.max(0, column - MAX_WIDTH / 2);
  const digits = String(line + 1).length;
  const shown: string[] = [];
  for (let at = Math.max(1, line - 1); at <= Math.min(lines.length, line + 1); at++) {
    const text = lines[at - 1]!.slice(from, from + MAX_WIDTH)
      .replaceAll('\t', ' ')
      .trimEnd();
    shown.push(`${at === line ? '>' : ' '} ${String(at).padStart(digits)} | ${text}`.trimEnd());
    if (at === line) shown.push(`  ${' '.repeat(digits)} | ${' '.repeat(column - 1 - from)}^`);
  }
  return shown.join('\n');
}
