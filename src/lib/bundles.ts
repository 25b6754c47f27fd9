/**
 * Bundles: what crosses a wall is one file, made of our own sources.
 *
 * A process behind a wall sees no checkout and no node_modules, and a bare engine knows no import. So each guest entry is
 * bundled into a cache folder at start; the file's name is the hash of its content, so that hosts that start at the same
 * time may share the folder, and a file that exists is never rewritten.
 */

import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Esbuild from 'esbuild';
import { bundleParts } from './bundle-parts.ts';
import { keepMade, madeName, readMade } from './made-store.ts';

export interface BundleOptions {
  /** The beginning of the file's name. */
  readonly name: string;
  /** `node`: an ES module for Node. `bare`: a strict script whose value is the entry's default export, in parts. */
  readonly platform: 'node' | 'bare';
  /** Packages that the far side finds by itself. */
  readonly external?: readonly string[];
  /** Module name → absolute path of what takes its place. */
  readonly alias?: Readonly<Record<string, string>>;
  /** Absolute path of a module of ours → absolute path of what takes its place. */
  readonly replace?: Readonly<Record<string, string>>;
  /** Whether `await` becomes a generator over Promise.prototype.then; by default on `bare`. */
  readonly lower?: boolean;
  /** By default on `bare`. */
  readonly minify?: boolean;
}

export interface LibraryOptions {
  /** The beginning of the file's name. */
  readonly name: string;
  /** By which its modules import each other. */
  readonly prefix: string;
  /** Names that stand for JSON texts. */
  readonly define: Readonly<Record<string, string>>;
}

/** esbuild's names for what {@link BundleOptions.lower} takes away. */
export const LOWERED_AWAIT: Readonly<Record<string, false>> = {
  'async-await': false,
  'async-generator': false,
  'for-await': false,
};

/** Resolves to the bundle's path. Rejects with esbuild's own error, which is a bug of ours. */
export async function bundleGuest(entry: URL | string, cacheDir: string, options: BundleOptions): Promise<string> {
  const path = entry instanceof URL ? fileURLToPath(entry) : entry;
  const made = await madeName(path, ['bundle', JSON.stringify(options)]);
  const code = await once(made, () => withEsbuild((esbuild) => bundle(esbuild, path, options)));
  return keep(code, cacheDir, options.name, options.platform === 'node' ? 'mjs' : 'js');
}

/**
 * Modules that another bundler will take in, by name: each with all that it imports but for the others, which it imports
 * as `<prefix><name>`. Resolves to the path of a JSON object of name → code. Rejects as {@link bundleGuest} does.
 */
export async function bundleLibrary(
  entries: Readonly<Record<string, URL>>,
  cacheDir: string,
  { name, prefix, define }: LibraryOptions,
): Promise<string> {
  const paths = Object.entries(entries).map(([module, url]) => [fileURLToPath(url), module] as const);
  const names = new Map(paths);
  const made = await madeName(paths[0]?.[0] ?? '', ['library', JSON.stringify([paths, prefix, define])]);
  const library = await once(made, async () => {
    const codes = await withEsbuild((esbuild) =>
      Promise.all(paths.map(([path]) => bundleOne(esbuild, path, siblings(names, prefix), define))),
    );
    return Buffer.from(JSON.stringify(Object.fromEntries(paths.map(([, module], i) => [module, codes[i]!]))));
  });
  return keep(library, cacheDir, name, 'json');
}

async function once(name: string | null, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  if (name === null) return make();
  const kept = await readMade(name);
  if (kept !== null) return kept;
  const made = await make();
  await keepMade(name, made);
  return made;
}

async function keep(code: Uint8Array, cacheDir: string, name: string, ending: string): Promise<string> {
  const hash = createHash('sha256').update(code).digest('hex').slice(0, 16);
  const file = join(cacheDir, `${name}-${hash}.${ending}`);
  if (existsSync(file)) return file;
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  const unfinished = `${file}.${randomUUID()}`;
  await writeFile(unfinished, code);
  await rename(unfinished, file);
  return file;
}

async function bundleOne(
  esbuild: typeof Esbuild,
  path: string,
  plugin: Esbuild.Plugin,
  define: Readonly<Record<string, string>>,
): Promise<string> {
  const result = await esbuild.build({
    entryPoints: [path],
    bundle: true,
    write: false,
    logLevel: 'silent',
    charset: 'utf8',
    legalComments: 'none',
    target: 'esnext',
    platform: 'neutral',
    format: 'esm',
    mainFields: ['module', 'main'],
    minifyWhitespace: true,
    define,
    plugins: [plugin],
  });
  return result.outputFiles[0]!.text;
}

/** `names`: absolute path → name. */
function siblings(names: ReadonlyMap<string, string>, prefix: string): Esbuild.Plugin {
  return {
    name: 'siblings',
    setup(build) {
      build.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const name = names.get(join(resolveDir, path));
        return name === undefined ? undefined : { path: prefix + name, external: true };
      });
    },
  };
}

async function bundle(esbuild: typeof Esbuild, path: string, options: BundleOptions): Promise<Uint8Array> {
  const isBare = options.platform === 'bare';
  const shared: Esbuild.BuildOptions = {
    bundle: true,
    write: false,
    logLevel: 'silent',
    // A string with one character beyond Latin-1 takes two bytes for each, in every isolate.
    charset: isBare ? 'ascii' : 'utf8',
    legalComments: 'none',
    target: isBare ? 'esnext' : 'node26',
    external: [...(options.external ?? [])],
    alias: { ...options.alias },
    plugins: options.replace === undefined ? [] : [replacing(options.replace)],
    // A stand-in of a module that lacks what others ask of it.
    logOverride: { 'import-is-undefined': 'error' },
    minify: options.minify ?? isBare,
    supported: (options.lower ?? isBare) ? { ...LOWERED_AWAIT } : {},
    ...(isBare ? BARE : { platform: 'node', format: 'esm' }),
  };
  if (isBare) return bundleParts(esbuild, path, shared);
  const result = await esbuild.build({ ...shared, entryPoints: [path] });
  return result.outputFiles![0]!.contents;
}

function replacing(replace: Readonly<Record<string, string>>): Esbuild.Plugin {
  return {
    name: 'replacing',
    setup(build) {
      build.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const replacement = replace[join(resolveDir, path)];
        return replacement === undefined ? undefined : { path: replacement };
      });
    },
  };
}

/**
 * The outer function keeps esbuild's variable off the global object, and all of the bundle strict. What is not lowered in it is
 * for those who need to know an asynchronous function's own kind.
 */
const BARE: Esbuild.BuildOptions = {
  platform: 'neutral',
  mainFields: ['module', 'main'],
  format: 'iife',
  globalName: '__bundle',
  banner: {
    js: '(()=>{"use strict";const $asyncFunction=async()=>{},$asyncGeneratorFunction=async function*(){};',
  },
  footer: { js: 'return __bundle.default;})()' },
};

let users = 0;

/** esbuild keeps a process of its own for as long as it is in use; a host has no use for it after start-up. */
async function withEsbuild<T>(use: (esbuild: typeof Esbuild) => Promise<T>): Promise<T> {
  users++;
  const esbuild = await import('esbuild');
  try {
    return await use(esbuild);
  } finally {
    users--;
    if (users === 0) await esbuild.stop();
  }
}
