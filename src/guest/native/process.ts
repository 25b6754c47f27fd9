/** The process as a function sees it: its own environment, its own output, and an end that is its sandbox's alone. */

import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import process from 'node:process';
import { lineStream, type Log } from './console.ts';

export interface ProcessSeams {
  readonly env: Readonly<Record<string, string>>;
  /** A folder that it may write to. */
  readonly scratch: string;
  readonly log: Log;
  /** A process of its own and not a thread of one: signals, the working folder and native code are its own business. */
  readonly ownsProcess: boolean;
  /** The function has called `process.exit()`. */
  exit(code: number): never;
}

export function installProcess({ env, scratch, log, ownsProcess, exit }: ProcessSeams): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  os.tmpdir = () => scratch;
  syncBuiltinESMExports();
  replace('stdout', lineStream('info', log));
  replace('stderr', lineStream('error', log));
  replace('exit', (code?: number | string | null) => exit(Number(code ?? process.exitCode ?? 0)));
  if (!ownsProcess) for (const name of ['kill', 'abort', 'chdir', 'dlopen'] as const) replace(name, refuse(name));
}

function refuse(name: string): () => never {
  return () => {
    throw Object.assign(new Error(`process.${name}() is not available in a sandbox`), {
      code: 'ERR_WORKER_UNSUPPORTED_OPERATION',
    });
  };
}

function replace(name: string, value: unknown): void {
  Object.defineProperty(process, name, { value, configurable: true, enumerable: true, writable: true });
}
