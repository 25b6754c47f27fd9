/** Entry of the executor of the worker tier, and of each thread in it: one file, as a thread is started by its path. */

import { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { serveThread } from './thread.ts';
import { WorkerExecutor } from './worker-executor.ts';

const CHANNEL_FD = 3;
const [scratch = '/tmp'] = process.argv.slice(2);

if (isMainThread) {
  const channel = new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
  new WorkerExecutor(channel, { file: new URL(import.meta.url), scratch }).start();
} else serveThread();
