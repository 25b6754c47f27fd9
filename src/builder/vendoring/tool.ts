/** Tool: an installer of this machine (npm, pip) as files that can be handed to a sandbox, and where it looks for packages. */

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fault } from '../../core/faults.ts';

export interface Tool {
  /** `npm 11.4.2` */
  readonly name: string;
  /** Those of the tool itself, as the far side finds them. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly registries: readonly URL[];
  /** Arguments that the operator's own configuration stands for. */
  readonly args: readonly string[];
  /** PEM, where the operator named certificates of their own. */
  readonly certificates: string | null;
}

const ASK_DEADLINE_MS = 60_000;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_TOOL_FILES = 8_000;

const execute = promisify(execFile);

/**
 * What a program of this machine answers, without its last line's end. It runs in the root folder: no file of a project
 * decides anything. Rejects with the error of the program.
 */
export async function ask(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await execute(program, args, { cwd: '/', timeout: ASK_DEADLINE_MS, maxBuffer: MAX_ANSWER_BYTES });
  return stdout.trim();
}

/** All files of a folder but those that `skip` names, each under `prefix` and its path. */
export async function filesOf(folder: string, prefix: string, skip: RegExp): Promise<Map<string, Uint8Array>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .filter((path) => !skip.test(path));
  if (paths.length > MAX_TOOL_FILES) throw new Error(`${folder} has ${paths.length} files`);
  const files = new Map<string, Uint8Array>();
  for (const path of paths.toSorted()) files.set(prefix + path, await readFile(join(folder, path)));
  return files;
}

/** Throws TIER_UNAVAILABLE. */
export function requireRegistry(text: string, of: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new Fault(
    'TIER_UNAVAILABLE',
    `${of} is ${JSON.stringify(text.slice(0, 200))}, which is no http: or https: address`,
  );
}
