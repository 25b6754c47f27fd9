/** Threads: those that a function starts have modules of their own, and find the way out by the environment, as programs do. */

import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';
import type { WorkerOptions } from 'node:worker_threads';

const USE_PROXY = '--use-env-proxy';

export function installThreads(): void {
  const Native = threads.Worker;
  const own = class Worker extends Native {
    constructor(file: string | URL, options: WorkerOptions = {}) {
      super(file, { ...options, execArgv: [...(options.execArgv ?? process.execArgv), USE_PROXY] });
    }
  };
  Object.assign(threads, { Worker: own });
  syncBuiltinESMExports();
}
