/**
 * The shared libraries of a binary, the dynamic loader among them: a minimal root shows these and no library folder.
 * A binary's libraries don't change while the host runs, so each is asked about once.
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { requireTool } from './tools.ts';

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
