/** Child: a server in a process of its own, that ends with the benchmark. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface Child extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** A folder for its data, removed with it. */
  readonly folder: string;
  /** What it has printed. */
  output(): string;
}

export interface ChildOptions {
  /** Relative to this folder's parent. */
  readonly script: string;
  readonly nodeFlags?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const BENCH = new URL('../', import.meta.url);
const READY_DEADLINE_MS = 30_000;
const POLL_MS = 20;
const LAST_WORDS = 2_000;
/** Every server here prints where it answers. */
const URL_PATTERN = /http:\/\/[^\s/]+:\d+/;

/** Rejects with what it printed where it doesn't say in time where it answers. */
export async function startChild({ script, nodeFlags = [], args = [], env = {} }: ChildOptions): Promise<Child> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-bench-'));
  const log = join(folder, 'output.log');
  // Into a file, as a service's output goes: to read a pipe here would take CPU from what is measured.
  const descriptor = openSync(log, 'w');
  const process_ = spawn(process.execPath, [...nodeFlags, fileURLToPath(new URL(script, BENCH)), ...args], {
    cwd: folder,
    env: { ...process.env, PORT: '0', CORDON_DATA_DIR: join(folder, 'data'), ...env },
    stdio: ['ignore', descriptor, descriptor],
  });
  closeSync(descriptor);
  const clean = (): void => {
    process_.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', clean);
  const output = (): string => readFileSync(log, 'utf8');

  async function end(): Promise<void> {
    if (!hasEnded(process_)) {
      const ended = once(process_, 'exit');
      process_.kill('SIGTERM');
      await ended;
    }
    process.off('exit', clean);
    rmSync(folder, { recursive: true, force: true });
  }

  async function dispose(): Promise<void> {
    if (hasEnded(process_)) {
      process.stderr.write(`${script} ended by itself; its last words:\n${output().slice(-LAST_WORDS)}\n`);
    }
    await end();
  }

  try {
    const url = await urlIn(output, process_);
    return { url, pid: process_.pid!, folder, output, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await end();
    throw error;
  }
}

async function urlIn(output: () => string, process_: ChildProcess): Promise<string> {
  const startedMs = performance.now();
  for (;;) {
    const text = output();
    const url = URL_PATTERN.exec(text)?.[0];
    if (url !== undefined) return url;
    if (hasEnded(process_) || performance.now() - startedMs > READY_DEADLINE_MS) {
      throw new Error(
        `${process_.spawnargs.slice(1).join(' ')} did not say where it answers, but:\n${text || 'nothing'}`,
      );
    }
    await delay(POLL_MS);
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
