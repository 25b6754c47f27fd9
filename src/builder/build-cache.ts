/**
 * BuildCache: results on disk, so that a restart or a second deploy of the same content costs no build.
 *
 * V8 trusts a code cache as it trusts its own memory, so nobody but this host may have written one: each entry carries a
 * MAC over its name and content by a key that only the host's user can read. An entry that fails it is removed and built
 * again. The folder is bounded; what was not used for longest goes first.
 */

import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildResult } from './build-result.ts';

export interface BuildCacheOptions {
  readonly dir: string;
  readonly maxBytes: number;
}

interface EntryHead {
  readonly format: 'script' | 'module';
  readonly codeBytes: number;
  readonly cacheBytes: number;
  readonly mapBytes: number;
  readonly fetched: readonly (readonly [path: string, bytes: number])[];
  readonly warnings: readonly string[];
}

const KEY_FILE = 'key';
const KEY_BYTES = 32;
const MAC_BYTES = 32;
const ENTRY_ENDING = '.build';
const UNFINISHED_ENDING = '.unfinished';
/** Of another host that shares the folder, perhaps. */
const STALE_MS = 3_600_000;
/** Room that is made at once when the folder is full, so that not every further build has to look for it. */
const FREED_SHARE = 0.25;

export class BuildCache {
  readonly #options: BuildCacheOptions;
  #opened: Promise<Buffer> | null = null;
  /** What the folder holds, as far as is known. */
  #bytes = 0;

  constructor(options: BuildCacheOptions) {
    this.#options = options;
  }

  /** Null where there is nothing, or nothing of ours. */
  async get(hash: string): Promise<BuildResult | null> {
    const key = await this.#open();
    const file = this.#fileOf(hash);
    let entry: Buffer;
    try {
      entry = await readFile(file);
    } catch {
      return null;
    }
    if (!isAuthentic(key, hash, entry)) {
      await rm(file, { force: true });
      return null;
    }
    const now = new Date();
    // Another host may have removed it meanwhile; what was read is good.
    await utimes(file, now, now).catch(() => undefined);
    return decode(entry.subarray(MAC_BYTES));
  }

  async put(hash: string, result: BuildResult): Promise<void> {
    const key = await this.#open();
    const content = encode(result);
    const unfinished = join(this.#options.dir, `${randomUUID()}${UNFINISHED_ENDING}`);
    await writeFile(unfinished, Buffer.concat([macOf(key, hash, content), content]), { mode: 0o600 });
    await rename(unfinished, this.#fileOf(hash));
    this.#bytes += MAC_BYTES + content.length;
    if (this.#bytes > this.#options.maxBytes) await this.#evict();
  }

  #fileOf(hash: string): string {
    return join(this.#options.dir, hash + ENTRY_ENDING);
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

function isAuthentic(key: Buffer, hash: string, entry: Buffer): boolean {
  return (
    entry.length > MAC_BYTES &&
    timingSafeEqual(entry.subarray(0, MAC_BYTES), macOf(key, hash, entry.subarray(MAC_BYTES)))
  );
}

/** The hash is part of it: an entry under another's name is a forgery. It has a fixed length. */
function macOf(key: Buffer, hash: string, content: Buffer): Buffer {
  return createHmac('sha256', key).update(hash).update(content).digest();
}

/** u32 length of the head | head, JSON | code | cache | source map | fetched files */
function encode({ format, code, cache, map, warnings, fetched }: BuildResult): Buffer {
  const head: EntryHead = {
    format,
    warnings,
    codeBytes: code.length,
    cacheBytes: cache?.length ?? 0,
    mapBytes: map?.length ?? 0,
    fetched: Array.from(fetched, ([path, content]) => [path, content.length]),
  };
  const headBytes = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(headBytes.length);
  const parts = [code, cache, map, ...fetched.values()].filter((part) => part !== null);
  return Buffer.concat([length, headBytes, ...parts]);
}

/** Only of content that is authentic. */
function decode(content: Buffer): BuildResult {
  let at = 4 + content.readUInt32LE(0);
  const head = JSON.parse(content.toString('utf8', 4, at)) as EntryHead;
  // Copies: the parts live on their own.
  const take = (bytes: number): Uint8Array => Uint8Array.from(content.subarray(at, (at += bytes)));
  const takeIfAny = (bytes: number): Uint8Array | null => (bytes === 0 ? null : take(bytes));
  const { format, warnings } = head;
  return {
    format,
    code: take(head.codeBytes),
    cache: takeIfAny(head.cacheBytes),
    map: takeIfAny(head.mapBytes),
    fetched: new Map(head.fetched.map(([path, bytes]) => [path, take(bytes)])),
    interleaves: format === 'script',
    warnings,
  };
}
