/**
 * The shared libraries of a binary, the dynamic loader among them: a minimal root shows these and no library folder.
 * A binary's libraries don't change while the host runs, so each is asked about once.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { keepMade, readMade } from '../lib/made-store.ts';
import { requireTool } from './tools.ts';

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const run = promisify(execFile);
const known = new Map<string, Promise<readonly string[]>>();

/** Absolute paths, as the loader will look for them; none for a static binary. Rejects when one is missing. */
export function sharedLibraries(binary: string): Promise<readonly string[]> {
  let libraries = known.get(binary);
  if (libraries === undefined) {
    libraries = askLoader(binary);
    known.set(binary, libraries);
    libraries.catch(() => known.delete(binary));
  }
  return libraries;
}

/**
 * Of all of these, as {@link sharedLibraries} tells it of one, but with one question for those that nobody has asked about;
 * the answer is kept for as long as none of them changes.
 */
export async function librariesOfAll(binaries: readonly string[]): Promise<readonly string[]> {
  const identities = await Promise.all(binaries.map(identityOf));
  const name = `libraries-${createHash('sha256').update(JSON.stringify(identities)).digest('hex')}`;
  const kept = await readMade(name);
  if (kept !== null) {
    const paths = JSON.parse(kept.toString()) as string[];
    if (paths.every((path) => existsSync(path))) return paths;
  }
  const paths = await askLoaderAbout(binaries);
  await keepMade(name, Buffer.from(JSON.stringify(paths)));
  return paths;
}

async function identityOf(path: string): Promise<readonly [string, number, number]> {
  const { size, mtimeMs } = await stat(path);
  return [path, size, mtimeMs];
}

async function askLoaderAbout(binaries: readonly string[]): Promise<readonly string[]> {
  try {
    // With two or more it goes on after one that is static, and says whose each line is.
    const { stdout } = await run(requireTool('ldd'), [...binaries], {
      env: { LC_ALL: 'C' },
      maxBuffer: MAX_ANSWER_BYTES,
    });
    return parseLdd(stdout, binaries.join(', '));
  } catch {
    return [...new Set((await Promise.all(binaries.map(sharedLibraries))).flat())];
  }
}

async function askLoader(binary: string): Promise<readonly string[]> {
  try {
    const { stdout } = await run(requireTool('ldd'), [binary], { env: { LC_ALL: 'C' } });
    return parseLdd(stdout, binary);
  } catch (error) {
    // ldd says so, in words that differ by libc, and ends with 1.
    if (/not a (dynamic|valid dynamic)/i.test((error as { stderr?: string }).stderr ?? '')) return [];
    throw error;
  }
}

/** Reads lines like `libm.so.6 => /lib/libm.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`. */
export function parseLdd(text: string, binary: string): readonly string[] {
  const missing = /^\s*(\S+) => not found/m.exec(text)?.[1];
  if (missing !== undefined) throw new Error(`${binary} needs the shared library ${missing}, which is not installed`);
  const paths = [...text.matchAll(/^\s*(?:\S+ => )?(\/.*?) \(0x[0-9a-f]+\)$/gm)].map((match) => match[1] ?? '');
  return [...new Set(paths)];
}
