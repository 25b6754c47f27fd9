/**
 * Made store: what was made of our own sources (bundles, code caches, images), kept beside the packages that it was made
 * with, so that a fresh data directory need not make it again. Whoever can write there can write the sources, too.
 */

import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STORE = join(ROOT, 'node_modules/.cache/cordon');
/** What guests and their makers are made of. */
const SOURCES = ['src/core', 'src/guest', 'src/lib', 'src/wire'];
/** npm's own list of what is installed. */
const INSTALLED = ['node_modules/.package-lock.json', 'package.json'];
/** Files of a few versions of the sources. */
const MAX_FILES = 64;

let fingerprint: Promise<string> | null = null;

/** A file's name for what is made of the sources as they are now, of one of them and of the rest; null for another file's. */
export async function madeName(source: string, rest: readonly string[]): Promise<string | null> {
  if (!SOURCES.some((folder) => source.startsWith(join(ROOT, folder, '/')))) return null;
  fingerprint ??= readFingerprint();
  return createHash('sha256')
    .update(JSON.stringify([await fingerprint, ...[source, ...rest].map((text) => text.replaceAll(ROOT, ''))]))
    .digest('hex');
}

/** Null where it has not been kept, or can't be read. */
export const readMade = (name: string): Promise<Buffer | null> => readFile(join(STORE, name)).catch(() => null);

/** A folder that can't be written to keeps nothing: the next start makes it again. */
export async function keepMade(name: string, content: Uint8Array): Promise<void> {
  const unfinished = join(STORE, `${randomUUID()}.unfinished`);
  try {
    await mkdir(STORE, { recursive: true });
    await writeFile(unfinished, content);
    await rename(unfinished, join(STORE, name));
    await forgetOldest();
  } catch {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}

async function readFingerprint(): Promise<string> {
  const hash = createHash('sha256').update(`${process.versions.node} ${process.arch}`);
  const found = await Promise.all(SOURCES.map((folder) => readdir(join(ROOT, folder), { recursive: true })));
  const paths = SOURCES.flatMap((folder, i) => found[i]!.map((path) => join(folder, path)));
  for (const path of [...paths.filter((name) => /\.[cm]?[jt]s$/.test(name)).sort(), ...INSTALLED]) {
    hash.update(`\0${path}\0`);
    hash.update(read(path));
  }
  return hash.digest('hex');
}

/** A published package has no list of its own. */
function read(path: string): Uint8Array | string {
  try {
    return readFileSync(join(ROOT, path));
  } catch {
    return '';
  }
}

async function forgetOldest(): Promise<void> {
  const names = await readdir(STORE);
  if (names.length <= MAX_FILES) return;
  const files = await Promise.all(
    names.map(async (name) => ({ name, mtimeMs: (await stat(join(STORE, name)).catch(() => null))?.mtimeMs ?? 0 })),
  );
  const oldest = files.sort((a, b) => a.mtimeMs - b.mtimeMs).slice(0, names.length - MAX_FILES);
  await Promise.all(oldest.map(({ name }) => rm(join(STORE, name), { force: true })));
}
