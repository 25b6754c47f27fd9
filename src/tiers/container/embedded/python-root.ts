/** The root of Python: an interpreter of this machine with its standard library, and nothing that was installed for it. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FILTER_INSIDE } from '../../../walls/wall.ts';
import { AGENT_ENTRY, PYTHON_FLAGS } from '../python-agent.ts';
import { extensionsOf, type Interpreter } from './interpreter.ts';
import { layOutFolder } from './laid-out.ts';
import { CERTIFICATES, librariesOf, type RootFile } from './root.ts';
import { CHANNEL, COMMON_ENV, SCRATCH, type RuntimeRoot } from './runtime-root.ts';

/** Wherever it lies on the host: it finds its modules from where it lies itself. */
const HOME = '/python';
/** What distributions and `pip install` put beside the standard library. */
const INSTALLED = ['site-packages', 'dist-packages'];

/** `agent` is the folder that the agent is laid out in. */
export async function pythonRoot(
  interpreter: Interpreter,
  agent: string,
  common: readonly RootFile[],
  cacheDir: string,
): Promise<RuntimeRoot> {
  const { path, version, modules, machineModules, libraryFolder } = interpreter;
  const name = `python${version[0]}.${version[1]}`;
  const program = `${HOME}/bin/${name}`;
  const folders = new Map([[`${HOME}/lib/${name}`, modules]]);
  if (machineModules !== modules || libraryFolder !== 'lib')
    folders.set(`${HOME}/${libraryFolder}/${name}`, machineModules);
  const shown = [...folders].map(([inside, host]) => ({ host, inside }));
  const libraries = await librariesOf([path, ...(await extensionsOf(interpreter))]);
  const taken = new Set(common.map(({ inside }) => inside));
  return {
    detail: `CPython ${version.join('.')} of ${path}`,
    command: {
      script: agent,
      nodeFlags: PYTHON_FLAGS,
      program: { path: program, entry: AGENT_ENTRY },
      args: [CHANNEL, SCRATCH, FILTER_INSIDE],
      files: [
        ...common,
        { host: path, inside: program },
        ...shown,
        ...(await covers(shown, cacheDir)),
        ...libraries.filter(({ inside }) => !taken.has(inside)),
      ],
      env: { ...COMMON_ENV, SSL_CERT_FILE: CERTIFICATES },
    },
  };
}

/** An empty folder in the place of each that holds what the host has installed. */
async function covers(shown: readonly RootFile[], cacheDir: string): Promise<readonly RootFile[]> {
  const empty = await layOutFolder('container-empty', new Map(), cacheDir);
  return shown.flatMap(({ host, inside }) =>
    INSTALLED.filter((name) => existsSync(join(host, name))).map((name) => ({
      host: empty,
      inside: `${inside}/${name}`,
    })),
  );
}
