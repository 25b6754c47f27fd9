/**
 * The files of `cordon/wasm`: the wasm tier's guest for hosts that give no process, no thread and no API of Node's.
 *
 * `index.js` is one ES module without imports; `quickjs.wasm` is the engine, with a maximum of memory.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bundleGuest } from '../../lib/bundles.ts';
import { GUEST_ALIASES } from '../isolate/guest-aliases.ts';
import { makeFile } from '../made-file.ts';

export interface EmbeddedFiles {
  readonly index: string;
  readonly engine: string;
}

const GUEST = new URL('../../guest/', import.meta.url);

/** Writes both into the folder; what they are made of is kept in `cacheDir`. */
export async function makeEmbeddedFiles(folder: string, cacheDir: string): Promise<EmbeddedFiles> {
  await Promise.all([folder, cacheDir].map((path) => mkdir(path, { recursive: true })));
  const engine = createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm');
  const node = (entry: string, name: string): Promise<string> =>
    bundleGuest(new URL(`embedded/${entry}`, GUEST), cacheDir, { name, platform: 'node' });
  const [runtime, compiler, limiter, bootstrap] = await Promise.all([
    node('runtime.ts', 'embedded'),
    node('make-bytecode.ts', 'make-bytecode'),
    node('make-engine.ts', 'make-engine'),
    bundleGuest(new URL('wasm/bootstrap.ts', GUEST), cacheDir, {
      name: 'wasm-guest',
      platform: 'bare',
      alias: GUEST_ALIASES,
    }),
  ]);
  const make = (maker: string, name: string, what: string, inputs: readonly string[]): Promise<string> =>
    makeFile(cacheDir, { name, ending: 'bin', what, maker, inputs });
  const [bytecode, limited] = await Promise.all([
    make(compiler, 'wasm-bytecode', "The wasm tier's bytecode", [engine, bootstrap]),
    make(limiter, 'wasm-engine', "The wasm tier's engine", [engine]),
  ]);
  const files = { index: join(folder, 'index.js'), engine: join(folder, 'quickjs.wasm') };
  await writeFile(files.index, indexOf(await readFile(runtime, 'utf8'), await readFile(bytecode)));
  await writeFile(files.engine, await readFile(limited));
  return files;
}

function indexOf(runtime: string, bytecode: Buffer): string {
  return `${runtime}
const GUEST = Uint8Array.from(atob('${bytecode.toString('base64')}'), (character) => character.charCodeAt(0));
export const createWasmRuntime = ({ wasmModule }) => createRuntime({ wasmModule, guest: GUEST });
`;
}
