/** Source files: what a deployment brought, as bytes under paths that can't leave the function's own folder. */

import type { SourceFiles } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';

export interface SubmittedSource {
  readonly files: Readonly<Record<string, string | { readonly base64: string }>> | undefined;
  readonly code: string | undefined;
  readonly entry: string | undefined;
}

const MAX_FILES = 10_000;

/** TypeScript's parser reads both languages. */
const CODE_PATH = 'index.ts';

/** Throws BAD_REQUEST. */
export function sourceFiles({ files, code, entry }: SubmittedSource): {
  readonly files: SourceFiles;
  readonly entry: string;
} {
  if ((files === undefined) === (code === undefined)) throw bad('Send either files or code');
  if (code !== undefined) return fromCode(code, entry ?? CODE_PATH);
  const decoded = new Map(Object.entries(files!).map(([path, content]) => [requirePath(path), decode(path, content)]));
  if (decoded.size === 0) throw bad('files: at least one file is needed');
  if (decoded.size > MAX_FILES) throw bad(`files: at most ${MAX_FILES} files are taken, but there are ${decoded.size}`);
  return { files: decoded, entry: requireEntry(decoded, entry) };
}

function fromCode(code: string, path: string): { readonly files: SourceFiles; readonly entry: string } {
  return { files: new Map([[requirePath(path), Buffer.from(code)]]), entry: path };
}

function requireEntry(files: SourceFiles, entry: string | undefined): string {
  const [only] = files.keys();
  const path = entry ?? (files.size === 1 ? only : undefined);
  if (path === undefined) throw bad('entry: with more than one file, name the one to start from');
  if (!files.has(path)) throw bad(`entry: ${shown(path)} is not among the files`);
  return path;
}

/** Narrower than any file system's rule, so that a path means the same wherever it is written. */
function requirePath(path: string): string {
  const isSafe =
    path.length <= 400 &&
    // oxlint-disable-next-line no-control-regex
    !/[\0-\x1f\x7f\\:]/.test(path) &&
    path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
  if (!isSafe) throw bad(`files: ${shown(path)} is not a relative path with forward slashes, without "." and ".."`);
  return path;
}

function decode(path: string, content: string | { readonly base64: string }): Uint8Array {
  if (typeof content === 'string') return Buffer.from(content);
  const bytes = Buffer.from(content.base64, 'base64');
  // Node's decoder skips what it doesn't know; a file must not lose bytes on the way.
  if (bytes.toString('base64') !== content.base64)
    throw bad(`files: the base64 of ${shown(path)} is not valid (padding included)`);
  return bytes;
}

const bad = (message: string): Fault => new Fault('BAD_REQUEST', message);
const shown = (path: string): string => JSON.stringify(path.slice(0, 120));
