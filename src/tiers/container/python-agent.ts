/**
 * The Python agent's files, laid out in the cache folder with their byte code, which halves a cold start.
 *
 * Byte code is good for one version of Python: the interpreter that will run the agent makes it, and is part of the
 * folder's name, beside the hash of the sources. So hosts that start at the same time may share the cache folder, and a
 * folder that exists is never changed.
 */

import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** In a container of its own `-I` and `-S` keep it from all but its own standard library; `-B`: it writes no byte code. */
export const PYTHON_FLAGS: readonly string[] = ['-I', '-S', '-B', '-X', 'utf8'];

/** Started as `<python> ...PYTHON_FLAGS <folder>/<AGENT_ENTRY> <channel> <scratch> [<filter>]`, wherever the folder is shown. */
export const AGENT_ENTRY = 'boot.py';

/** The Python that will run it: a path on this machine, or another machine's (an image's), reached by `run`. */
export interface PythonInterpreter {
  /** Resolves to its standard output. Rejects where it fails. `folder` is what the arguments name; it is written to. */
  run(args: readonly string[], folder: string | null): Promise<string>;
}

const SOURCES = fileURLToPath(new URL('../../guest/python/', import.meta.url));
const VERSION = 'import sys; print(sys.implementation.cache_tag, sys.version)';
const RUN_DEADLINE_MS = 60_000;
/** Everybody may read and enter: whoever runs it is nobody in particular. */
const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;

/** Resolves to the folder. Rejects with the interpreter's own words. */
export async function layOutPythonAgent(cacheDir: string, python: string | PythonInterpreter): Promise<string> {
  const interpreter = typeof python === 'string' ? interpreterAt(python) : python;
  const sources = await sourceFiles(SOURCES);
  const hash = createHash('sha256').update(await interpreter.run(['-I', '-S', '-c', VERSION], null));
  for (const path of sources) hash.update(`\0${path}\0`).update(await readFile(join(SOURCES, path)));
  const folder = join(cacheDir, `python-agent-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${randomUUID()}`;
  try {
    await copy(sources, unfinished);
    const compile = ['-m', 'compileall', '-q', '-j', '1', '--invalidation-mode', 'unchecked-hash', unfinished];
    await interpreter.run(['-I', '-S', ...compile], unfinished);
    await makeReadable(unfinished);
    await publish(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

function interpreterAt(path: string): PythonInterpreter {
  return {
    async run(args) {
      const { stdout } = await promisify(execFile)(path, [...args], { env: {}, timeout: RUN_DEADLINE_MS });
      return stdout;
    },
  };
}

async function sourceFiles(folder: string): Promise<string[]> {
  const paths = await readdir(folder, { recursive: true });
  return paths.filter((path) => path.endsWith('.py')).toSorted();
}

async function copy(paths: readonly string[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const path of paths) await cp(join(SOURCES, path), join(folder, path));
}

async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, FOLDER_MODE);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? FOLDER_MODE : FILE_MODE);
}

/** Another host may have been faster, with the same content. */
async function publish(unfinished: string, folder: string): Promise<void> {
  try {
    await rename(unfinished, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}
