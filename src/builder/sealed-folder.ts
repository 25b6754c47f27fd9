/**
 * SealedFolder: entries on disk that nobody but this host has written. Each carries a MAC over its name and content by a
 * key that only the host's user can read; one that fails it is removed. The folder is bounded; what was not used for
 * longest goes first.
 */

import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface SealedFolderOptions {
  readonly dir: string;
  readonly maxBytes: number;
}

const KEY_FILE = 'key';
const KEY_BYTES = 32;
const MAC_BYTES = 32;
const ENTRY_ENDING = '.build';
const UNFINISHED_ENDING = '.unfinished';
/** Of another host that shares the folder, perhaps. */
const STALE_MS = 3_600_000;
/** Room that is made at once when the folder is full, so that not every further entry has to look for it. */
const FREED_SHARE = 0.25;

export class SealedFolder {
  readonly #options: SealedFolderOptions;
  #opened: Promise<Buffer> | null = null;
  /** What the folder holds, as far as is known. */
  #bytes = 0;

  constructor(options: SealedFolderOptions) {
    this.#options = options;
  }

  /** `name` is hex. Null where there is nothing, or nothing of ours. */
  async get(name: string): Promise<Buffer | null> {
    const key = await this.#open();
    const file = this.#fileOf(name);
    let entry: Buffer;
    try {
      entry = await readFile(file);
    } catch {
      return null;
    }
    if (!isAuthentic(key, name, entry)) {
      await rm(file, { force: true });
      return null;
    }
    const now = new Date();
    // Another host may have removed it meanwhile; what was read is good.
    await utimes(file, now, now).catch(() => undefined);
    return entry.subarray(MAC_BYTES);
  }

  async put(name: string, content: Uint8Array): Promise<void> {
    const key = await this.#open();
    const unfinished = join(this.#options.dir, `${randomUUID()}${UNFINISHED_ENDING}`);
    await writeFile(unfinished, Buffer.concat([macOf(key, name, content), content]), { mode: 0o600 });
    await rename(unfinished, this.#fileOf(name));
    this.#bytes += MAC_BYTES + content.length;
    if (this.#bytes > this.#options.maxBytes) await this.#evict();
  }

  #fileOf(name: string): string {
    return join(this.#options.dir, name + ENTRY_ENDING);
  }

  #open(): Promise<Buffer> {
    return (this.#opened ??= this.#prepare());
  }

  async #prepare(): Promise<Buffer> {
    await mkdir(this.#options.dir, { recursive: true, mode: 0o700 });
    const key = await loadKey(join(this.#options.dir, KEY_FILE));
    await this.#evict();
    return key;
  }

  async #evict(): Promise<void> {
    const { dir, maxBytes } = this.#options;
    const entries = await list(dir);
    this.#bytes = entries.reduce((sum, { bytes }) => sum + bytes, 0);
    if (this.#bytes <= maxBytes) return;
    entries.sort((a, b) => a.usedMs - b.usedMs);
    for (const { file, bytes } of entries) {
      if (this.#bytes <= maxBytes * (1 - FREED_SHARE)) return;
      await rm(file, { force: true });
      this.#bytes -= bytes;
    }
  }
}

/** Made at first use. A key that others could read is worth nothing, and is replaced. */
async function loadKey(file: string): Promise<Buffer> {
  const unfinished = `${file}.${randomUUID()}${UNFINISHED_ENDING}`;
  try {
    const found = await stat(file).catch(() => null);
    if (found !== null && ((found.mode & 0o077) !== 0 || found.size !== KEY_BYTES)) await rm(file);
    else if (found !== null) return await readFile(file);
    await writeFile(unfinished, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx' });
    // Of several hosts that start at once, one makes the key.
    await link(unfinished, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    return await readFile(file);
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Entries only; what a crash left unfinished is removed. */
async function list(
  dir: string,
): Promise<{ readonly file: string; readonly bytes: number; readonly usedMs: number }[]> {
  const entries: { file: string; bytes: number; usedMs: number }[] = [];
  for (const name of await readdir(dir)) {
    const file = join(dir, name);
    const found = await stat(file).catch(() => null);
    if (found === null) continue;
    if (name.endsWith(ENTRY_ENDING)) entries.push({ file, bytes: found.size, usedMs: found.mtimeMs });
    else if (name.endsWith(UNFINISHED_ENDING) && Date.now() - found.mtimeMs > STALE_MS) await rm(file, { force: true });
  }
  return entries;
}

function isAuthentic(key: Buffer, name: string, entry: Buffer): boolean {
  return (
    entry.length > MAC_BYTES &&
    timingSafeEqual(entry.subarray(0, MAC_BYTES), macOf(key, name, entry.subarray(MAC_BYTES)))
  );
}

/** The name is part of it: an entry under another's name is a forgery. It has a fixed length. */
function macOf(key: Buffer, name: string, content: Uint8Array): Buffer {
  return createHmac('sha256', key).update(name).update(content).digest();
}
