/** Interpreter: the Python of this machine that containers run, and where its parts lie. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fault } from '../../../core/faults.ts';

const run = promisify(execFile);
const ASK_DEADLINE_MS = 20_000;
const MAX_ANSWER = 64 * 1024;
const OLDEST = [3, 9] as const;

/** All paths are the host's. */
export interface Interpreter {
  /** The binary itself, behind every link, shim and virtual environment. */
  readonly path: string;
  readonly implementation: string;
  readonly version: readonly [major: number, minor: number, patch: number];
  /** The name of the folder of libraries: `lib`, on some systems `lib64`. */
  readonly libraryFolder: string;
  /** The standard library's modules. */
  readonly modules: string;
  /** Those that depend on the machine; the same folder on most systems. */
  readonly machineModules: string;
}

/** Of the interpreter itself: a shim, or the link of a virtual environment, leads elsewhere than its path says. */
const QUESTION = `
import json, os, sys, sysconfig
base = getattr(sys, '_base_executable', '') or sys.executable
print(json.dumps({
  'path': os.path.realpath(base), 'implementation': sys.implementation.name,
  'version': list(sys.version_info[:3]), 'libraryFolder': getattr(sys, 'platlibdir', 'lib'),
  'modules': os.path.realpath(sysconfig.get_path('stdlib', vars={'installed_base': sys.base_prefix})),
  'machineModules': os.path.realpath(sysconfig.get_path('platstdlib', vars={
    'platbase': sys.base_exec_prefix, 'installed_platbase': sys.base_exec_prefix})),
}))`;

/** `named` is a path; without it `python3` is looked up as a shell would. Rejects with TIER_UNAVAILABLE, and the cure. */
export async function findInterpreter(named?: string): Promise<Interpreter> {
  const command = named ?? 'python3';
  let answer: string;
  try {
    // Alone: nothing that lies in the working folder, or that the user has installed, is imported.
    const options = { timeout: ASK_DEADLINE_MS, maxBuffer: MAX_ANSWER, cwd: '/' };
    answer = (await run(command, ['-I', '-S', '-c', QUESTION], options)).stdout;
  } catch (error) {
    throw unavailable(`${command} did not say what it is: ${reasonOf(error)}`);
  }
  const found = readAnswer(command, answer);
  const [major, minor] = found.version;
  if (found.implementation !== 'cpython' || major !== OLDEST[0] || minor < OLDEST[1])
    throw unavailable(`${command} is ${found.implementation} ${found.version.join('.')}`);
  if (!existsSync(join(found.modules, 'os.py')))
    throw unavailable(`The modules of ${command} are not at ${found.modules}`);
  return found;
}

function readAnswer(command: string, answer: string): Interpreter {
  try {
    return JSON.parse(answer) as Interpreter;
  } catch {
    throw unavailable(`${command} did not say what it is, but ${JSON.stringify(answer.slice(0, 80))}`);
  }
}

/** Modules that are libraries, each with the libraries of others that it needs. */
export async function extensionsOf({ machineModules }: Interpreter): Promise<readonly string[]> {
  const folder = join(machineModules, 'lib-dynload');
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names.filter((name) => name.endsWith('.so') && !WINDOWS.test(name)).map((name) => join(folder, name));
}

/** Speaks to a display, of which a container has none; its libraries are many. */
const WINDOWS = /^_tkinter\b/;

function reasonOf(error: unknown): string {
  const { code, killed, stderr } = error as { code?: unknown; killed?: boolean; stderr?: string };
  if (code === 'ENOENT') return 'it is not installed';
  if (killed === true) return `it took longer than ${ASK_DEADLINE_MS / 1000} s`;
  return stderr?.trim().split('\n').at(-1) || (error as Error).message;
}

const unavailable = (reason: string): Fault =>
  new Fault(
    'TIER_UNAVAILABLE',
    `${reason}. Install CPython ${OLDEST.join('.')} or newer, or name one by CORDON_PYTHON`,
  );
