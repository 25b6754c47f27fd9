/** A file that a child process of ours makes from others, once: kept in the cache folder under the hash of all it is made of. */

import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { keepMade, readMade } from '../lib/made-store.ts';
import { NODE_FLAGS } from '../lib/v8-flags.ts';

const MAX_BYTES = 16 * 1024 * 1024;

export interface MadeFileOptions {
  /** The beginning of the file's name, and its end. */
  readonly name: string;
  readonly ending: string;
  /** What it is, for an error. */
  readonly what: string;
  /** A bundled script, that is given the inputs' paths and writes the file to its standard output. */
  readonly maker: string;
  readonly inputs: readonly string[];
  /** What else the maker is given, behind the inputs. */
  readonly args?: readonly string[];
  /** Of what else the file depends on. */
  readonly key?: readonly string[];
}

/** Resolves to its path. */
export async function makeFile(cacheDir: string, options: MadeFileOptions): Promise<string> {
  const { name, ending, maker, inputs, args = [], key = [] } = options;
  const hash = createHash('sha256');
  for (const path of [maker, ...inputs]) hash.update(await readFile(path));
  hash.update([...args, ...key].join('\0'));
  const file = join(cacheDir, `${name}-${hash.digest('hex').slice(0, 16)}.${ending}`);
  if (existsSync(file)) return file;
  const made = basename(file);
  const kept = await readMade(made);
  const content = kept ?? (await runMaker(options));
  if (kept === null) await keepMade(made, content);
  const unfinished = `${file}.${randomUUID()}`;
  await writeFile(unfinished, content);
  await rename(unfinished, file);
  return file;
}

/** Rejects without the child's own words, which quote the bundle. */
async function runMaker({ what, maker, inputs, args = [] }: MadeFileOptions): Promise<Buffer> {
  const options = { encoding: 'buffer', maxBuffer: MAX_BYTES, env: {} } as const;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...NODE_FLAGS, maker, ...inputs, ...args], options);
    return stdout;
  } catch (error) {
    const { code, signal } = error as { code?: unknown; signal?: unknown };
    throw new Error(`${what} could not be made: its maker ended with ${String(signal ?? code)}`, { cause: error });
  }
}
