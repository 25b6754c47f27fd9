/**
 * Bundle: esbuild over one project. None of the project's own settings or code takes part: no tsconfig, no plugin, no
 * configuration file, no script.
 *
 * The result is one classic script whose value is a function that evaluates the code and returns its exports. `await` is
 * lowered to generators, because a bare V8 keeps an invocation's context over promises only where our own
 * Promise.prototype.then sees them. A module with top-level await can't be such a script: it stays a module, not lowered.
 */

import * as esbuild from 'esbuild';
import { LOWERED_AWAIT } from '../../lib/bundles.ts';
import { HAND_OVER } from '../../lib/hand-over.ts';
import { confinement } from './confinement.ts';
import { ImportMap } from './import-map.ts';
import { imports } from './imports.ts';
import { nodeFormats } from './node-formats.ts';
import { NODE_GLOBALS, type NodeModules } from './node-modules.ts';
import type { Project } from './project.ts';
import type { RemoteModules } from './remote-modules.ts';
import { wasmModules } from './wasm-modules.ts';

/** What a project may import beside its own files. */
export interface Surroundings {
  readonly node: NodeModules;
  readonly remote: RemoteModules;
}

export type Warning = Pick<esbuild.Message, 'text' | 'location'>;

export interface Bundle {
  readonly format: 'script' | 'module';
  readonly code: Uint8Array;
  readonly sourceMap: Uint8Array | null;
  readonly warnings: readonly Warning[];
}

const OUTPUT = 'function.js';
/** Node's modules find the engine's services by this name. */
const OPENING = '((__cordon_node)=>{';
const STRICT_OPENING = '((__cordon_node)=>{"use strict";';
/** A module takes them from the function that the bootstrap leaves for it on the global object. */
const MODULE_OPENING = `const __cordon_node=globalThis.${HAND_OVER}?.();`;

/** Rejects with esbuild's BuildFailure, or an Error that says what is wrong with the import map. */
export async function bundle(project: Project, surroundings: Surroundings): Promise<Bundle> {
  const map = ImportMap.of(project);
  const { script, module } = project.engine === 'node' ? nodeFormats(project) : WEB_FORMATS;
  const build = (options: esbuild.BuildOptions): ReturnType<typeof run> =>
    run(project, { ...options, plugins: pluginsFor(project, map, surroundings) });
  try {
    return await bundleScript(build, script);
  } catch (error) {
    if (!usesTopLevelAwait(error)) throw error;
    return bundleModule(build, module);
  }
}

/** How one engine wants its bundles. */
export interface Formats {
  /** A classic script; what stands before its code has a twin for code that is all strict. */
  readonly script: { readonly opening: string; readonly strictOpening: string; readonly options: esbuild.BuildOptions };
  readonly module: esbuild.BuildOptions;
}

const WEB_FORMATS: Formats = {
  script: {
    opening: OPENING,
    strictOpening: STRICT_OPENING,
    options: {
      format: 'iife',
      globalName: '__exports',
      // A module without exports has no value in this format.
      footer: { js: 'return __exports ?? {};})' },
      supported: { ...LOWERED_AWAIT },
    },
  },
  module: { banner: { js: MODULE_OPENING } },
};

const OF_NODE = (base64: string): string => `new WebAssembly.Module(Buffer.from(${base64}, 'base64'))`;
const OF_SERVICES = (base64: string): string => `__cordon_node.wasmModule(${base64})`;

function pluginsFor(project: Project, map: ImportMap | null, { node, remote }: Surroundings): esbuild.Plugin[] {
  const own = project.engine === 'node' ? [] : [node.plugin()];
  const wasm = wasmModules(project.engine === 'node' ? OF_NODE : OF_SERVICES);
  return [imports(project, map, remote), ...own, confinement(project), wasm];
}

type Build = (options: esbuild.BuildOptions) => ReturnType<typeof run>;

async function bundleScript(build: Build, { opening, strictOpening, options }: Formats['script']): Promise<Bundle> {
  const result = await build({ ...options, banner: { js: opening } });
  const code = output(result, '.js')!;
  return {
    format: 'script',
    code: isAllModules(result.metafile) ? withOpening(strictOpening, code, opening) : code,
    sourceMap: output(result, '.map'),
    warnings: result.warnings,
  };
}

async function bundleModule(build: Build, options: esbuild.BuildOptions): Promise<Bundle> {
  const result = await build({ ...options, format: 'esm' });
  return {
    format: 'module',
    code: output(result, '.js')!,
    sourceMap: output(result, '.map'),
    warnings: [...result.warnings, ...warningsOfModule(result.metafile)],
  };
}

/** What is lost where `await` is not lowered. */
function warningsOfModule({ inputs }: esbuild.Metafile): Warning[] {
  if (inputs['node:async_hooks'] === undefined) return [];
  return [
    {
      text: 'AsyncLocalStorage loses its store after `await` in code that awaits at its top level; await inside of the handler instead',
      location: null,
    },
  ];
}

function run(
  project: Project,
  options: esbuild.BuildOptions,
): Promise<esbuild.BuildResult<{ write: false; metafile: true }>> {
  return esbuild.build({
    absWorkingDir: project.dir,
    entryPoints: [`./${project.entry}`],
    outfile: OUTPUT,
    // Nothing is written, so a source of that name is in no danger.
    allowOverwrite: true,
    write: false,
    bundle: true,
    metafile: true,
    logLevel: 'silent',
    logLimit: 10,
    platform: 'neutral',
    target: 'esnext',
    charset: 'utf8',
    conditions: ['workerd', 'worker', 'browser', 'import', 'default'],
    mainFields: ['module', 'main'],
    resolveExtensions: ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs', '.json'],
    loader: { '.css': 'text', '.html': 'text', '.md': 'text', '.sql': 'text', '.txt': 'text' },
    treeShaking: true,
    keepNames: false,
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: false,
    // Without it esbuild follows any tsconfig.json of the upload, "extends" and "paths" included.
    tsconfigRaw: '{}',
    ...(project.isScript ? SCRIPT : MODULE),
    ...options,
  });
}

const DEFINED = { 'process.env.NODE_ENV': '"production"' };

/** A script body knows no global of Node. */
const SCRIPT: esbuild.BuildOptions = { define: DEFINED };

const MODULE: esbuild.BuildOptions = {
  define: { ...DEFINED, __dirname: '"/"', __filename: '"/function.js"', global: 'globalThis' },
  inject: [NODE_GLOBALS],
};

function output(result: esbuild.BuildResult<{ write: false }>, ending: string): Uint8Array | null {
  return result.outputFiles.find(({ path }) => path.endsWith(ending))?.contents ?? null;
}

function usesTopLevelAwait(error: unknown): boolean {
  const errors = (error as Partial<esbuild.BuildFailure>).errors ?? [];
  return errors.some(({ text }) => /^Top-level await is (?:currently not supported|not available)/.test(text));
}

/** ES modules are strict code, which esbuild forgets in a script; one CommonJS module among them may rely on being sloppy. */
function isAllModules(metafile: esbuild.Metafile): boolean {
  return Object.values(metafile.inputs).every(({ format }) => format !== 'cjs');
}

/** On the first line, so that the source map holds. */
function withOpening(opening: string, code: Uint8Array, before: string): Uint8Array {
  return Buffer.concat([Buffer.from(opening), code.subarray(before.length)]);
}
