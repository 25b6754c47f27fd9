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

/** What load.lua prints. */
interface Figures {
  readonly requests: number;
  readonly durationUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly failures: Readonly<Record<string, number>>;
}

const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url));

/** Rejects where a single request failed: figures of errors are no figures. */
export async function runLoad({ url, connections, durationMs, post }: Load): Promise<LoadResult> {
  const options = ['-t1', `-c${connections}`, `-d${Math.max(1, Math.ceil(durationMs / 1000))}s`, '-s', SCRIPT, url];
  const output = await wrk([...options, '--', ...(post === undefined ? [] : [post.path, post.expected])]);
  const figures = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Figures;
  const { requests, durationUs, p50Us, p99Us, failures } = figures;
  const kinds = Object.entries(failures).filter(([, count]) => count > 0);
  if (kinds.length > 0 || requests === 0) {
    const shown = kinds.map(([kind, count]) => `${kind}: ${count}`).join(', ') || 'none was answered';
    throw new Error(`Of ${requests} requests to ${url} some failed (${shown})`);
  }
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
