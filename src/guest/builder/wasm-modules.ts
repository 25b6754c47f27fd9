/**
 * WebAssembly modules in a bundle: an import of a `.wasm` file is a WebAssembly.Module, made while the function loads of
 * bytes that were deployed with it.
 */

import { readFile } from 'node:fs/promises';
import type * as esbuild from 'esbuild';

const HEADER = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

/** Comes after what confines imports to the project. `make` is the expression that makes a module of base64. */
export function wasmModules(make: (base64: string) => string): esbuild.Plugin {
  return {
    name: 'wasm-modules',
    setup(build) {
      // `?module` is how some bundlers are told that it is to be compiled.
      build.onResolve({ filter: /\.wasm\?module$/ }, ({ path, kind, resolveDir, importer, namespace }) =>
        build.resolve(path.slice(0, -'?module'.length), { kind, resolveDir, importer, namespace }),
      );
      build.onLoad({ filter: /\.wasm$/, namespace: 'file' }, async ({ path }) => {
        const bytes = await readFile(path);
        if (!bytes.subarray(0, HEADER.length).equals(HEADER))
          return { errors: [{ text: 'This file is no WebAssembly module' }] };
        return { contents: `export default ${make(JSON.stringify(bytes.toString('base64')))};` };
      });
    },
  };
}
