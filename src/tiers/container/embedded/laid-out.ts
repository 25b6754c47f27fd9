/**
 * Folders that a root shows as a whole, made of a few files of this machine: one mount then takes the place of many.
 * Each is named by its content, readable by every user, and never changed once it is there.
 */

import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** By their path in the folder. */
export type Contents = ReadonlyMap<string, Buffer | string>;

/** Resolves to the folder's path below `cacheDir`. */
export async function layOutFolder(name: string, contents: Contents, cacheDir: string, mode = 0o444): Promise<string> {
  const folder = join(cacheDir, `${name}-${hashOf(contents, mode)}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${randomUUID()}`;
  await mkdir(unfinished, { recursive: true });
  const folders = new Set([unfinished]);
  for (const [path, content] of contents) {
    const file = join(unfinished, path);
    await mkdir(dirname(file), { recursive: true });
    for (let above = dirname(file); !folders.has(above); above = dirname(above)) folders.add(above);
    await writeFile(file, content);
    // Whatever the host's umask is: inside it is another user's.
    await chmod(file, mode);
  }
  for (const each of folders) await chmod(each, 0o755);
  try {
    await rename(unfinished, folder);
  } catch (error) {
    // Another host has made the same one meanwhile.
    await rm(unfinished, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

function hashOf(contents: Contents, mode: number): string {
  const hash = createHash('sha256').update(`${mode}\n`);
  for (const [path, content] of contents) hash.update(`${path}\n${Buffer.byteLength(content)}\n`).update(content);
  return hash.digest('hex').slice(0, 16);
}
