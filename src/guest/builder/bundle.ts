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
import { confinement } from './confinement.ts';
import type { Project } from './project.ts';

export interface Bundle {
  readonly format: 'script' | 'module';
  readonly code: Uint8Array;
  readonly sourceMap: Uint8Array | null;
  readonly warnings: readonly esbuild.Message[];
}

const OUTPUT = 'function.js';
const OPENING = '(()=>{';
const STRICT_OPENING = '(()=>{"use strict";';

/** Rejects with esbuild's BuildFailure. */
export async function bundle(project: Project): Promise<Bundle> {
  try {
    return await bundleScript(project);
  } catch (error) {
    if (!usesTopLevelAwait(error)) throw error;
    return bundleModule(project);
  }
}

async function bundleScript(project: Project): Promise<Bundle> {
  const result = await run(project, {
    format: 'iife',
    globalName: '__exports',
    banner: { js: OPENING },
    // A module without exports has no value in this format.
    footer: { js: 'return __exports ?? {};})' },
    supported: { ...LOWERED_AWAIT },
  });
  const code = output(result, '.js')!;
  return {
    format: 'script',
    code: isAllModules(result.metafile) ? strict(code) : code,
    sourceMap: output(result, '.map'),
    warnings: result.warnings,
  };
}

async function bundleModule(project: Project): Promise<Bundle> {
  const result = await run(project, { format: 'esm' });
  return {
    format: 'module',
    code: output(result, '.js')!,
    sourceMap: output(result, '.map'),
    warnings: result.warnings,
  };
}

function run(
  project: Project,
  options: esbuild.BuildOptions,
): Promise<esbuild.BuildResult<{ write: false; metafile: true }>> {
  return esbuild.build({
    ...options,
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
    define: { 'process.env.NODE_ENV': '"production"' },
    treeShaking: true,
    keepNames: false,
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: true,
    // Without it esbuild follows any tsconfig.json of the upload, "extends" and "paths" included.
    tsconfigRaw: '{}',
    plugins: [confinement(project)],
  });
}

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
function strict(code: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(STRICT_OPENING), code.subarray(OPENING.length)]);
}
