/**
 * The files that an executor is started with: its own bundle, the isolate's bootstrap, and the bootstrap's code
 * caches. They are made from the sources once and kept; a published package ships them ready.
 */

import { mkdir } from 'node:fs/promises';
import { bundleGuest } from '../../lib/bundles.ts';
import { NODE_FLAGS } from '../../lib/v8-flags.ts';
import { makeFile } from '../made-file.ts';
import { GUEST_ALIASES } from './guest-aliases.ts';

export interface GuestFiles {
  readonly executor: string;
  readonly guest: string;
  readonly leanCache: string;
  readonly fullCache: string;
}

const GUEST = new URL('../../guest/', import.meta.url);

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
  const [leanCache, fullCache] = await Promise.all([
    makeCache(cacheDir, guest, maker, 'lean'),
    makeCache(cacheDir, guest, maker, 'full'),
  ]);
  return { executor, guest, leanCache, fullCache };
}

/** V8 rejects a cache of another version or other flags, so these are part of its name. */
function makeCache(cacheDir: string, guest: string, maker: string, kind: 'lean' | 'full'): Promise<string> {
  return makeFile(cacheDir, {
    name: `guest-${kind}`,
    ending: 'cache',
    what: "The guest's code cache",
    maker,
    inputs: [guest],
    args: [kind],
    key: [process.versions.v8, process.arch, ...NODE_FLAGS],
  });
}
