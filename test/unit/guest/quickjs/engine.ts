/** Real engines for tests. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { limitMemory } from '../../../../src/guest/quickjs/memory-limit.ts';
import { startQuickJs, type QuickJs } from '../../../../src/guest/quickjs/quickjs.ts';

const MB = 1024 * 1024;
const STACK_BYTES = 64 * 1024;
const wasm = readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'));

export const makeModule = (memoryMb: number): WebAssembly.Module =>
  new WebAssembly.Module(limitMemory(wasm, memoryMb * MB));

const module = makeModule(64);

/** Stopped after so many questions whether it is over. */
export function startEngine(asks: number = Infinity): QuickJs {
  let asked = 0;
  return startQuickJs(module, { now: () => 1_000, isOver: () => ++asked > asks }, STACK_BYTES);
}
