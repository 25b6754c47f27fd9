/**
 * Confinement: an import may name a file of the project, and nothing else of this machine. The wall already shows the child
 * nothing worth reading; this is the second layer, and the one that can say what is wrong with an import.
 */

import type * as esbuild from 'esbuild';
import { isNode, nodeName } from './node-modules.ts';
import type { Project } from './project.ts';

/** `data:`, `file:` …: what no other plugin has taken. */
const ADDRESS = /^[A-Za-z][A-Za-z0-9+.-]*:/;

export function confinement(project: Project): esbuild.Plugin {
  return {
    name: 'confinement',
    setup(build) {
      build.onResolve({ filter: ADDRESS }, ({ path }) =>
        // That Node's module is not here may be expected, as in a `try`: esbuild knows when.
        isNode(path) ? undefined : { errors: [{ text: refusal(path) }] },
      );
      // Before a byte of it is read, so that no message can quote it.
      build.onLoad({ filter: /.*/, namespace: 'file' }, ({ path }) =>
        project.contains(path) ? undefined : { errors: [{ text: 'This import leads out of the uploaded files' }] },
      );
    },
  };
}

const refusal = (path: string): string =>
  `${JSON.stringify(path.slice(0, 120))}: imports by ${path.slice(0, path.indexOf(':') + 1)} are not supported; import a file, a package, or an address by https:`;

/** esbuild's own sentence for an import that leads nowhere, completed with the cure. */
export function unresolved(path: string): string {
  if (isNode(path))
    return `${JSON.stringify(path)} is a module of Node.js that the isolate tier does not have; the tiers "worker" and "container" have it`;
  if (/^[./]/.test(path))
    return `Could not resolve ${JSON.stringify(path)}: there is no such file among the uploaded files`;
  const name = packageName(path);
  return `Could not resolve ${JSON.stringify(path)}: it is not among the uploaded files; run \`npm install ${name}\` before \`cordon deploy\``;
}

const packageName = (path: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path;

/** The package, or the module of Node, that an import needs and does not find; null where it names a file. */
export function missingModule(path: string): string | null {
  if (isNode(path)) return nodeName(path);
  return /^[./]/.test(path) ? null : packageName(path);
}
