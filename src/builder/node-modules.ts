/**
 * Node's modules as the isolate tier has them: which there are, and their prebundled sources, which the builder puts into
 * the bundles of the functions that import them.
 */

import { bundleLibrary } from '../lib/bundles.ts';

const module = (file: string): URL => new URL(`../guest/node/modules/${file}.ts`, import.meta.url);

/** Name, without its `node:`, → source. */
const MODULES: Readonly<Record<string, URL>> = {
  assert: module('assert'),
  'assert/strict': module('assert-strict'),
  async_hooks: module('async_hooks'),
  buffer: module('buffer'),
  crypto: module('crypto'),
  diagnostics_channel: module('diagnostics_channel'),
  events: module('events'),
  path: module('path'),
  'path/posix': module('path-posix'),
  perf_hooks: module('perf_hooks'),
  process: module('process'),
  querystring: module('querystring'),
  stream: module('stream'),
  'stream/consumers': module('stream-consumers'),
  'stream/promises': module('stream-promises'),
  'stream/web': module('stream-web'),
  string_decoder: module('string_decoder'),
  timers: module('timers'),
  'timers/promises': module('timers-promises'),
  url: module('url'),
  util: module('util'),
  'util/types': module('util-types'),
  // Of several of these, and imported by nobody else.
  'internal/deep-equal': new URL('../guest/node/lib/deep-equal.ts', import.meta.url),
  'internal/inspect': new URL('../guest/node/lib/inspect.ts', import.meta.url),
};

/** Resolves to the path of a JSON object of name → code. */
export const makeNodeModules = (cacheDir: string): Promise<string> =>
  bundleLibrary(MODULES, cacheDir, {
    name: 'node-modules',
    prefix: 'node:',
    define: { NODE_VERSION: JSON.stringify(process.versions.node) },
  });
