/**
 * Imports: what a specifier that is no path stands for: an entry of the project's import map, a package (`npm:`), or a
 * module that the host fetches (`https:`, `jsr:`).
 */

import type * as esbuild from 'esbuild';
import { join, relative } from 'node:path';
import type { ImportMap } from './import-map.ts';
import { isNode, PACKAGE } from './node-modules.ts';
import type { Project } from './project.ts';
import { REMOTE, type RemoteModules } from './remote-modules.ts';
import { satisfies } from './version-range.ts';

/** Marks a resolution of what the map has said already. */
const MAPPED: unique symbol = Symbol('mapped');
const NPM = /^npm:\/?((?:@[^/@]+\/)?[^/@]+)(?:@([^/]*))?(\/.*)?$/;

export function imports(project: Project, map: ImportMap | null, remote: RemoteModules): esbuild.Plugin {
  return {
    name: 'imports',
    setup(build) {
      if (map !== null) build.onResolve({ filter: /.*/ }, (args) => resolveMapped(build, project, map, args));
      build.onResolve({ filter: /^npm:/ }, (args) => resolvePackage(build, project, args));
      build.onResolve({ filter: /^(?:https?|jsr):|^\/\// }, (args) => resolveRemote(remote, args));
      build.onResolve({ filter: /.*/, namespace: REMOTE }, (args) => resolveFromRemote(build, project, remote, args));
      build.onLoad({ filter: /.*/, namespace: REMOTE }, ({ path }) => loadRemote(project, remote, path));
    },
  };
}

type Resolved = Promise<esbuild.OnResolveResult | undefined>;

async function resolveMapped(
  build: esbuild.PluginBuild,
  project: Project,
  map: ImportMap,
  args: esbuild.OnResolveArgs,
): Resolved {
  const { path, kind, importer, namespace, pluginData } = args;
  const isOfProject = (namespace === 'file' && !importer.split('/').includes('node_modules')) || namespace === REMOTE;
  if (kind === 'entry-point' || pluginData === MAPPED || pluginData === PACKAGE || !isOfProject) return undefined;
  const target = map.resolve(path, namespace === REMOTE ? importer : relative(project.dir, importer));
  if (target === null || target === path) return undefined;
  const resolved = await build.resolve(target, {
    kind,
    importer,
    namespace,
    resolveDir: target.startsWith('./') || namespace === REMOTE ? project.dir : args.resolveDir,
    // A path of the project, also where a fetched module names it.
    pluginData: MAPPED,
  });
  return found(resolved, `The import map gives ${JSON.stringify(target)} for it: `);
}

/** The result of one resolution as that of another; an error needs a reason that stands alone. */
function found(resolved: esbuild.ResolveResult, prefix = ''): esbuild.OnResolveResult {
  const { path, namespace, external, sideEffects, suffix } = resolved;
  if (resolved.errors.length > 0)
    return { errors: resolved.errors.map(({ text, detail }) => ({ text: prefix + text, detail: detail as unknown })) };
  return { path, namespace, external, sideEffects, suffix, warnings: resolved.warnings };
}

async function resolvePackage(build: esbuild.PluginBuild, project: Project, args: esbuild.OnResolveArgs): Resolved {
  const { path, kind, importer, namespace, resolveDir } = args;
  const match = NPM.exec(path);
  if (match === null || kind === 'entry-point')
    return { errors: [{ text: `${JSON.stringify(path)} names no package` }] };
  const [, name = '', range = '', subpath = ''] = match;
  const resolved = await build.resolve(name + subpath, {
    kind,
    importer,
    namespace: namespace === REMOTE ? 'file' : namespace,
    resolveDir: resolveDir === '' ? project.dir : resolveDir,
    pluginData: PACKAGE,
  });
  if (resolved.errors.length > 0) return { errors: [missingPackage(path, name, subpath, project)] };
  const version = versionOf(project, name);
  if (range === '' || version === null || satisfies(version, range)) return found(resolved);
  const text = `${JSON.stringify(path)} is version ${version} in the uploaded node_modules, which ${range} does not allow`;
  return { ...found(resolved), warnings: [{ text }] };
}

/** What an error of a package that is not there carries. */
export interface MissingPackage {
  readonly missing?: string;
}

function missingPackage(path: string, name: string, subpath: string, project: Project): esbuild.PartialMessage {
  const shown = JSON.stringify(path);
  if (versionOf(project, name) !== null)
    return { text: `${shown}: the package ${name} is there, but it has nothing to import as "${name}${subpath}"` };
  const text = `${shown}: ${name} is not among the uploaded files; run \`npm install ${name}\` before \`cordon deploy\``;
  return { text, detail: { missing: name } satisfies MissingPackage };
}

function versionOf(project: Project, name: string): string | null {
  try {
    const { version } = JSON.parse(project.text(`node_modules/${name}/package.json`) ?? 'null') as {
      version?: unknown;
    };
    return typeof version === 'string' ? version : null;
  } catch {
    return null;
  }
}

async function resolveRemote(remote: RemoteModules, { path, kind }: esbuild.OnResolveArgs): Resolved {
  if (kind === 'entry-point') return undefined;
  try {
    return { path: await remote.addressOf(path), namespace: REMOTE };
  } catch (error) {
    return { errors: [{ text: (error as Error).message }] };
  }
}

/** Of a fetched module: its own neighbours, Node's modules, and packages of the project that fetched it. */
async function resolveFromRemote(
  build: esbuild.PluginBuild,
  project: Project,
  remote: RemoteModules,
  { path, kind, importer, pluginData }: esbuild.OnResolveArgs,
): Resolved {
  if (/^\.{0,2}\//.test(path) && pluginData !== MAPPED)
    return resolveRemote(remote, { path: remote.neighbour(path, importer), kind } as esbuild.OnResolveArgs);
  if (/^[A-Za-z][A-Za-z0-9+.-]+:/.test(path) || isNode(path)) return undefined;
  return found(
    await build.resolve(path, {
      kind,
      importer: join(project.dir, project.entry),
      namespace: 'file',
      resolveDir: project.dir,
      pluginData: MAPPED,
    }),
  );
}

async function loadRemote(project: Project, remote: RemoteModules, url: string): Promise<esbuild.OnLoadResult> {
  try {
    return { ...(await remote.load(url)), resolveDir: project.dir };
  } catch (error) {
    return { errors: [{ text: (error as Error).message }] };
  }
}
