/**
 * Confinement: an import may name a file of the project, and nothing else. The wall already shows the child nothing worth
 * reading; this is the second layer, and the one that can say what is wrong with an import.
 */

import type * as esbuild from 'esbuild';
import { isBuiltin } from 'node:module';
import type { Project } from './project.ts';

/** Node's modules that the isolate tier answers for itself, with their `node:` prefix. */
const PROVIDED_NODE_MODULES: ReadonlySet<string> = new Set();

/** `https:`, `npm:`, `data:` …, and the address without a scheme that esbuild would leave in the bundle. */
const ADDRESS = /^(?:[A-Za-z][A-Za-z0-9+.-]*:|\/\/)/;

export function confinement(project: Project): esbuild.Plugin {
  return {
    name: 'confinement',
    setup(build) {
      build.onResolve({ filter: ADDRESS }, ({ path, kind }) =>
        PROVIDED_NODE_MODULES.has(path) && kind !== 'entry-point'
          ? { path, external: true }
          : { errors: [{ text: refusal(path) }] },
      );
      // Before a byte of it is read, so that no message can quote it.
      build.onLoad({ filter: /.*/, namespace: 'file' }, ({ path }) =>
        project.contains(path) ? undefined : { errors: [{ text: 'This import leads out of the uploaded files' }] },
      );
    },
  };
}

function refusal(path: string): string {
  if (isBuiltin(path) || path.startsWith('node:')) return nodeRefusal(path);
  return `${JSON.stringify(path)}: imports by ${path.startsWith('//') ? 'address' : path.slice(0, path.indexOf(':') + 1)} are not supported in the isolate tier; install the package and upload it`;
}

/** esbuild's own sentence for an import that leads nowhere, completed with the cure. */
export function unresolved(path: string): string {
  if (isBuiltin(path)) return nodeRefusal(path);
  const cause = /^[./]/.test(path)
    ? 'there is no such file among the uploaded files'
    : 'it is not among the uploaded files; install it before `cordon deploy`';
  return `Could not resolve ${JSON.stringify(path)}: ${cause}`;
}

function nodeRefusal(path: string): string {
  return `${JSON.stringify(path)} is a module of Node.js, which the isolate tier does not have`;
}
