/** Declared packages: imports that a package.json names and nobody has installed here. The server installs them. */

import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, sep } from 'node:path';
import type { Plugin } from 'esbuild';

const LOCKS = ['package-lock.json', 'npm-shrinkwrap.json'];
const ASKED: unique symbol = Symbol('asked');
const NAME = /^(?:@[^/]+\/)?[^/]+/;

/** Leaves them to the server; `manifests` gets the package.json that names each. */
export function leaveDeclared(manifests: Set<string>): Plugin {
  return {
    name: 'declared-packages',
    setup({ onResolve, resolve: resolveBare }) {
      onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
        const name = NAME.exec(path)?.[0] ?? '';
        const isOther = kind === 'entry-point' || pluginData !== undefined || isBuiltin(path) || name.includes(':');
        if (isOther || importer.split(sep).includes('node_modules')) return undefined;
        const found = await resolveBare(path, { kind, importer, resolveDir, pluginData: ASKED });
        if (found.errors.length === 0) return undefined;
        const manifest = manifestWith(name, resolveDir);
        if (manifest === null) return undefined;
        manifests.add(manifest);
        return { path, external: true };
      });
    },
  };
}

/** What has to be sent for the server to install them: each package.json, and its lock where there is one. */
export function installFiles(manifests: ReadonlySet<string>): string[] {
  return [...manifests].flatMap((manifest) => {
    const lock = LOCKS.map((name) => join(dirname(manifest), name)).find((path) => existsSync(path));
    return lock === undefined ? [manifest] : [manifest, lock];
  });
}

/** The nearest one from there upwards. */
function manifestWith(name: string, folder: string): string | null {
  const path = join(folder, 'package.json');
  if (existsSync(path) && namesIn(path).includes(name)) return path;
  return folder === dirname(folder) ? null : manifestWith(name, dirname(folder));
}

function namesIn(path: string): string[] {
  try {
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(path, 'utf8')) as Record<
      string,
      object
    >;
    return Object.keys({ ...dependencies, ...optionalDependencies });
  } catch {
    // The server says what is wrong with it, if it matters.
    return [];
  }
}
