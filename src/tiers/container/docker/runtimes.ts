/** The templates of the runtimes: the same agents that the embedded engine starts, in an image. */

import { readdirSync } from 'node:fs';
import type { Runtime } from '../../../core/runtime.ts';
import { findInterpreter } from '../embedded/interpreter.ts';
import { nodeRoot } from '../embedded/node-root.ts';
import { pythonRoot } from '../embedded/python-root.ts';
import { commonFiles, librariesOf } from '../embedded/root.ts';
import { COMMON_ENV, SCRATCH } from '../embedded/runtime-root.ts';
import { AGENT_ENTRY, layOutPythonAgent, PYTHON_FLAGS } from '../python-agent.ts';
import { CHANNEL_FOLDER_INSIDE, CHANNEL_INSIDE } from './channel.ts';
import { requireReference, type Template } from './templates.ts';

export interface RuntimeOptions {
  readonly cacheDir: string;
  /** Images to build on; where none is named, the runtime of this machine. */
  readonly baseImages: Readonly<Partial<Record<Runtime, string>>>;
  readonly pythonPath?: string;
}

/**
 * Pid 1: a shell. It reaps what the function's children leave behind, no signal from inside ends it, and its status is
 * the agent's.
 */
const INIT = ['/bin/sh', '-c', '"$@" & wait $!', 'sh'];
const AGENT = '/cordon/agent';
const NODE = '/usr/local/bin/node';
/** Wherever a base image has it. */
const PATH = '/usr/local/bin:/usr/bin:/bin';
const FOLDERS = [CHANNEL_FOLDER_INSIDE, SCRATCH, '/proc', '/dev', '/sys'];

const TEMPLATES: Readonly<Record<Runtime, (options: RuntimeOptions) => Promise<Template>>> = {
  javascript: nodeTemplate,
  python: pythonTemplate,
};

/** Rejects with a Fault (TIER_UNAVAILABLE) where the runtime is not to be had. */
export const templateOf = (runtime: Runtime, options: RuntimeOptions): Promise<Template> => TEMPLATES[runtime](options);

async function nodeTemplate({ cacheDir, baseImages }: RuntimeOptions): Promise<Template> {
  const base = baseImages.javascript === undefined ? null : requireReference(baseImages.javascript);
  const common = base === null ? await commonFiles(cacheDir) : [];
  const { detail, command } = await nodeRoot(common, cacheDir);
  const inside = `${AGENT}.mjs`;
  const files =
    base === null
      ? [...command.files, { host: process.execPath, inside: NODE }, ...(await librariesOf([process.execPath]))]
      : [];
  return {
    runtime: 'javascript',
    image: 'cordon/node',
    base,
    files: [...files, { host: command.script, inside }],
    folders: FOLDERS,
    command: [...INIT, 'node', ...command.nodeFlags, inside, CHANNEL_INSIDE, SCRATCH],
    env: { ...command.env, PATH },
    detail: base ?? detail,
  };
}

function pythonTemplate(options: RuntimeOptions): Promise<Template> {
  const { python: base } = options.baseImages;
  return base === undefined ? ownPython(options) : pythonOf(requireReference(base), options);
}

async function ownPython({ cacheDir, pythonPath }: RuntimeOptions): Promise<Template> {
  const interpreter = await findInterpreter(pythonPath);
  const agent = await layOutPythonAgent(cacheDir, interpreter.path);
  const { detail, command } = await pythonRoot(interpreter, agent, await commonFiles(cacheDir), cacheDir);
  const library = command.files.find(({ host }) => host === interpreter.modules)?.inside ?? interpreter.modules;
  return {
    ...PYTHON,
    base: null,
    without: readdirSync(interpreter.modules)
      .filter((name) => NOT_FOR_FUNCTIONS.test(name))
      .map((name) => `${library}/${name}`),
    files: [...command.files, { host: agent, inside: AGENT }],
    command: pythonCommand(command.program?.path ?? 'python3'),
    env: { ...command.env, PATH },
    detail,
  };
}

/** Byte code is good for one version of Python, so the image makes its own. */
async function pythonOf(base: string, { cacheDir }: RuntimeOptions): Promise<Template> {
  const agent = await layOutPythonAgent(cacheDir, { run: () => Promise.resolve('') });
  return {
    ...PYTHON,
    base,
    files: [{ host: agent, inside: AGENT }],
    prepare: ['python3', ...ISOLATED, '-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash', AGENT],
    command: pythonCommand('python3'),
    env: { ...COMMON_ENV, PATH },
    detail: base,
  };
}

/** Parts of the standard library that are many files, and need a display, a compiler or pip. */
const NOT_FOR_FUNCTIONS = /^(?:test|idlelib|turtledemo|tkinter|ensurepip|config-.*)$/;
const ISOLATED = ['-I', '-S'];
const PYTHON = { runtime: 'python', image: 'cordon/python', folders: FOLDERS } as const;

/** Without a filter: the engine has put its own on already. */
const pythonCommand = (python: string): readonly string[] => [
  ...INIT,
  python,
  ...PYTHON_FLAGS,
  `${AGENT}/${AGENT_ENTRY}`,
  CHANNEL_INSIDE,
  SCRATCH,
];
