/** BuildSource: what is to be built. Its content decides the result, so a hash of it can stand for the result. */

import { createHash } from 'node:crypto';
import type { SourceFiles } from '../core/deployment.ts';
import { Fault } from '../core/faults.ts';
import type { HandlerKind } from '../core/function.ts';
import { MB } from '../core/limits.ts';
import type { Runtime } from '../core/runtime.ts';

export interface BuildSource {
  readonly files: SourceFiles;
  /** One of `files`. */
  readonly entry: string;
  readonly handler: HandlerKind;
  /** Default: javascript. */
  readonly runtime?: Runtime;
  /** What will run it: a bare engine with the web's API (the default), or a whole Node. */
  readonly engine?: 'web' | 'node';
}

/** The child's private /tmp. */
export const SCRATCH_BYTES: number = 64 * MB;

/** What the files may take there, which leaves room for their folders. */
const MAX_PROJECT_BYTES = 56 * MB;
/** The whole request has to fit into one frame, its list of paths included. */
const MAX_FILES = 10_000;
const PAGE_BYTES = 4096;
const MAX_PATH_CHARS = 255;
const MAX_NAME_BYTES = 255;

/** Throws BAD_REQUEST for a path that is not one within the project, CODE_TOO_LARGE for a project that does not fit. */
export function requireBuildable({ files, entry }: BuildSource): void {
  if (!files.has(entry)) throw new Fault('BAD_REQUEST', `The entry ${shown(entry)} is not among the files`);
  if (files.size > MAX_FILES)
    throw new Fault('CODE_TOO_LARGE', `The source has ${files.size} files, more than ${MAX_FILES}`);
  let bytes = 0;
  for (const [path, content] of files) {
    requirePath(path);
    bytes += Math.max(1, Math.ceil(content.length / PAGE_BYTES)) * PAGE_BYTES;
  }
  if (bytes > MAX_PROJECT_BYTES) throw new Fault('CODE_TOO_LARGE', `The source exceeds ${MAX_PROJECT_BYTES / MB} MB`);
  requireNoFileIsFolder(files);
}

/** `toolchain` names everything else that decides the result. Hex. */
export function hashOf({ files, entry, handler, engine = 'web' }: BuildSource, toolchain: string): string {
  const hash = createHash('sha256');
  const paths = [...files.keys()].sort();
  hash.update(
    JSON.stringify([toolchain, entry, handler, engine, paths.map((path) => [path, files.get(path)!.length])]),
  );
  for (const path of paths) hash.update(files.get(path)!);
  return hash.digest('hex');
}

function requirePath(path: string): void {
  const isSafe =
    path.length <= MAX_PATH_CHARS &&
    path.isWellFormed() &&
    // oxlint-disable-next-line no-control-regex
    !/[\0-\x1f\x7f\\]/.test(path) &&
    path
      .split('/')
      .every((name) => name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= MAX_NAME_BYTES);
  if (isSafe) return;
  throw new Fault(
    'BAD_REQUEST',
    `${shown(path)} is not a path of at most ${MAX_PATH_CHARS} characters relative to the function's root, with forward slashes and without "." and ".."`,
  );
}

function requireNoFileIsFolder(files: SourceFiles): void {
  for (const path of files.keys()) {
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
      const folder = path.slice(0, at);
      if (files.has(folder))
        throw new Fault('BAD_REQUEST', `${shown(folder)} is both a file and a folder of ${shown(path)}`);
    }
  }
}

const shown = (path: string): string => JSON.stringify(path.slice(0, 120));
