/**
 * Load: many requests at a time, made by wrk. It costs far less CPU for each request than a client in JavaScript would,
 * and on a small machine the client takes its CPU from the server.
 */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Load {
  readonly url: string;
  readonly connections: number;
  /** Rounded up to whole seconds: wrk knows no others. */
  readonly durationMs: number;
  /** Posts the file; a reply counts only if it holds `expected`. */
  readonly post?: { readonly path: string; readonly expected: string };
}

export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url));

/** Rejects where a single request failed: figures of errors are no figures. */
export async function runLoad({ url, connections, durationMs, post }: Load): Promise<LoadResult> {
  const options = ['-t1', `-c${connections}`, `-d${Math.max(1, Math.ceil(durationMs / 1000))}s`, '-s', SCRIPT, url];
  const output = await wrk([...options, '--', ...(post === undefined ? [] : [post.path, post.expected])]);
  const figures = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Record<string, number>;
  const { requests = 0, durationUs = 0, p50Us = 0, p99Us = 0, failed = 0 } = figures;
  if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests} requests to ${url} failed:\n${output}`);
  return {
    requests,
    requestsPerSecond: requests / (durationUs / 1e6),
    p50Ms: p50Us / 1000,
    p99Ms: p99Us / 1000,
  };
}

async function wrk(args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('wrk', args);
    return stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error('wrk, which makes the load, is not installed: run "apt-get install wrk" (Debian, Ubuntu) first', {
      cause: error,
    });
  }
}
