/**
 * The files that an executor is started with: its own bundle, the isolate's bootstrap, and the bootstrap's warm code
 * cache. They are made from the sources once and kept; a published package ships them ready.
 */

import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleGuest } from '../../lib/bundles.ts';
import { NODE_FLAGS } from '../../lib/v8-flags.ts';
import { GUEST_ALIASES } from './guest-aliases.ts';

export interface GuestFiles {
  readonly executor: string;
  readonly guest: string;
  readonly cache: string;
}

const GUEST = new URL('../../guest/', import.meta.url);
const MAX_CACHE_BYTES = 16 * 1024 * 1024;

export async function makeGuestFiles(cacheDir: string): Promise<GuestFiles> {
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  const [executor, guest, maker] = await Promise.all([
    bundleGuest(new URL('executor/main.ts', GUEST), cacheDir, {
      name: 'executor',
      platform: 'node',
      external: ['isolated-vm'],
    }),
    bundleGuest(new URL('isolate/bootstrap.ts', GUEST), cacheDir, {
      name: 'guest',
      platform: 'bare',
      alias: GUEST_ALIASES,
    }),
    bundleGuest(new URL('executor/make-cache.ts', GUEST), cacheDir, { name: 'make-cache', platform: 'node' }),
  ]);
  return { executor, guest, cache: await makeCache(cacheDir, guest, maker) };
}

/** V8 rejects a cache of another version or other flags, so these are part of its name. */
async function makeCache(cacheDir: string, guest: string, maker: string): Promise<string> {
  const source = await readFile(guest);
  const key = createHash('sha256')
    .update(source)
    .update(await readFile(maker))
    .update(process.versions.v8)
    .update(process.arch)
    .update(NODE_FLAGS.join(' '));
  const file = join(cacheDir, `guest-${key.digest('hex').slice(0, 16)}.cache`);
  if (existsSync(file)) return file;
  const stdout = await runMaker(maker, guest);
  const unfinished = `${file}.${randomUUID()}`;
  await writeFile(unfinished, stdout);
  await rename(unfinished, file);
  return file;
}

/** Rejects without the child's own words, which quote the bundle. */
async function runMaker(maker: string, guest: string): Promise<Buffer> {
  const options = { encoding: 'buffer', maxBuffer: MAX_CACHE_BYTES, env: {} } as const;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...NODE_FLAGS, maker, guest], options);
    return stdout;
  } catch (error) {
    const { code, signal } = error as { code?: unknown; signal?: unknown };
    throw new Error(`The guest's code cache could not be made: its maker ended with ${String(signal ?? code)}`, {
      cause: error,
    });
  }
}
