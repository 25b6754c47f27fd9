/** What the sandboxes of a wasm executor share: the base image, the threads, and a module for each size of memory. */

import { imageBytes, readBase } from '../../quickjs/base-file.ts';
import { limitMemory } from '../../quickjs/memory-limit.ts';
import { ThreadPool } from './thread-pool.ts';
import type { Engines } from './wasm-sandbox.ts';

export interface EngineFiles {
  readonly wasm: Uint8Array;
  /** As {@link writeBase} made it. */
  readonly base: Uint8Array;
  /** The source of an engine thread. */
  readonly thread: string;
}

const MB = 1024 * 1024;
/** Versions of more sizes than this compile the engine anew, 5 ms each. */
const MAX_MODULES = 8;

export function openEngines(files: EngineFiles): Engines {
  const modules = new Map<number, WebAssembly.Module>();
  return {
    threads: new ThreadPool(files.thread),
    base: readBase(files.base, imageBytes),
    moduleOf(memoryMb) {
      let module = modules.get(memoryMb);
      if (module !== undefined) return module;
      module = new WebAssembly.Module(limitMemory(files.wasm, memoryMb * MB));
      if (modules.size >= MAX_MODULES) modules.delete(modules.keys().next().value as number);
      modules.set(memoryMb, module);
      return module;
    },
  };
}
