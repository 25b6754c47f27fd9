/**
 * Node's modules in a bundle: an import of one that the isolate tier has becomes our source of it, and a mention of
 * `process`, `Buffer` or `setImmediate` in a module is an import of them. A bundle that needs none has none.
 */

import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import type * as esbuild from 'esbuild';

export interface NodeModules {
  /** With its `node:` or without. */
  has(name: string): boolean;
  plugin(): esbuild.Plugin;
}

/** What esbuild injects: exports under the names that are globals in Node. */
export const NODE_GLOBALS = 'cordon:node-globals';

/** Where their sources live. */
const MODULE = 'node';
/** What `require` gets of them: what they export as a whole. */
const REQUIRED = 'node-required';
const GLOBALS = 'node-globals';
const PREFIX = 'node:';
const GLOBALS_SOURCE = `
export { default as process } from '${PREFIX}process';
export { Buffer } from '${PREFIX}buffer';
export { setImmediate, clearImmediate } from '${PREFIX}timers';`;
const INTERNAL = 'internal/';
const BARE = /^[a-z_][a-z0-9_]*(?:\/[a-z_]+)*$/;

/** `file`: JSON of name → code. It is read when the first import asks for one. */
export function createNodeModules(file: string): NodeModules {
  let sources: Readonly<Record<string, string>> | null = null;
  const all = (): Readonly<Record<string, string>> =>
    (sources ??= JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, string>>);
  const isPublic = (name: string): boolean => !name.startsWith(INTERNAL) && Object.hasOwn(all(), name);
  return {
    has: (name) => isNode(name) && isPublic(bare(name)),
    plugin: () => ({ name: 'node-modules', setup: (build) => setUp(build, all, isPublic) }),
  };
}

/** Whether a specifier names a module of Node, whoever has it. */
export const isNode = (path: string): boolean => path.startsWith(PREFIX) || isBuiltin(path);

/** `node:fs` of either spelling. */
export const nodeName = (path: string): string => PREFIX + bare(path);

const bare = (path: string): string => (path.startsWith(PREFIX) ? path.slice(PREFIX.length) : path);

function setUp(
  build: esbuild.PluginBuild,
  sources: () => Readonly<Record<string, string>>,
  isPublic: (name: string) => boolean,
): void {
  const resolve = ({
    path,
    kind,
    namespace,
    pluginData,
  }: esbuild.OnResolveArgs): esbuild.OnResolveResult | undefined => {
    const name = bare(path);
    const isOurs = namespace === MODULE || namespace === REQUIRED;
    if (pluginData === PACKAGE || kind === 'entry-point' || !isNode(path)) return undefined;
    if (isOurs ? !Object.hasOwn(sources(), name) : !isPublic(name)) return undefined;
    const isRequired = kind === 'require-call' && !isOurs;
    return { path: name, namespace: isRequired ? REQUIRED : MODULE, sideEffects: false };
  };
  build.onResolve({ filter: /^node:/ }, resolve);
  build.onResolve({ filter: BARE }, resolve);
  build.onResolve({ filter: /^cordon:node-globals$/ }, ({ kind }) =>
    kind === 'entry-point' ? { path: 'globals', namespace: GLOBALS, sideEffects: false } : undefined,
  );
  build.onLoad({ filter: /.*/, namespace: MODULE }, ({ path }) => ({ contents: sources()[path]!, loader: 'js' }));
  build.onLoad({ filter: /.*/, namespace: REQUIRED }, ({ path }) => ({
    contents: `module.exports = require(${JSON.stringify(PREFIX + path)}).default;`,
    loader: 'js',
  }));
  build.onLoad({ filter: /.*/, namespace: GLOBALS }, () => ({ contents: GLOBALS_SOURCE, loader: 'js' }));
}

/** Marks a resolution that means the package of that name, which `npm:` says. */
export const PACKAGE: unique symbol = Symbol('package');
