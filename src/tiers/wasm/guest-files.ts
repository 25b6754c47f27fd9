/** The files that a wasm executor is started with: its own bundle, the engine, the engine's base image, and its threads' bundle. */

import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { bundleGuest } from '../../lib/bundles.ts';
import { GUEST_ALIASES } from '../isolate/guest-aliases.ts';
import { makeFile } from '../made-file.ts';

export interface WasmGuestFiles {
  readonly executor: string;
  readonly engine: string;
  readonly base: string;
  readonly thread: string;
}

const GUEST = new URL('../../guest/', import.meta.url);

export async function makeWasmGuestFiles(cacheDir: string): Promise<WasmGuestFiles> {
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  const node = (entry: string, name: string): Promise<string> =>
    bundleGuest(new URL(`executor/wasm/${entry}`, GUEST), cacheDir, { name, platform: 'node' });
  const [executor, thread, maker, guest] = await Promise.all([
    node('main.ts', 'wasm-executor'),
    node('thread.ts', 'wasm-thread'),
    node('make-base.ts', 'make-base'),
    bundleGuest(new URL('wasm/bootstrap.ts', GUEST), cacheDir, {
      name: 'wasm-guest',
      platform: 'bare',
      alias: GUEST_ALIASES,
    }),
  ]);
  const engine = createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm');
  const base = await makeFile(cacheDir, {
    name: 'wasm-base',
    ending: 'image',
    what: "The wasm tier's base image",
    maker,
    inputs: [engine, guest],
  });
  return { executor, engine, base, thread };
}
