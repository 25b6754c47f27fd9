/** The start of a thread, which may wait for the version that it will run. */

import { readFileSync } from 'node:fs';
import { MessageChannel, Worker } from 'node:worker_threads';
import { PortStream } from './port-stream.ts';
import type { ThreadData } from './thread.ts';

export interface StartedThread {
  readonly memoryMb: number;
  readonly worker: Worker;
  readonly channel: PortStream;
  readonly progress: ThreadProgress;
}

export interface ThreadFiles {
  /** What a thread runs. */
  readonly file: URL;
  /** A folder that functions may write to. */
  readonly scratch: string;
}

const YOUNG_GENERATION_MB = 16;
const STACK_MB = 4;
const NS_PER_MS = 1e6;

export function startThread({ file, scratch }: ThreadFiles, memoryMb: number): StartedThread {
  const { port1, port2 } = new MessageChannel();
  const progress = new ThreadProgress();
  const worker = new Worker(file, {
    workerData: { port: port2, scratch, shared: progress.shared } satisfies ThreadData,
    transferList: [port2],
    env: {},
    stdout: true,
    stderr: true,
    resourceLimits: {
      maxOldGenerationSizeMb: memoryMb,
      maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
      stackSizeMb: STACK_MB,
    },
  });
  // What goes there by other ways than `process.stdout` has nobody to read it.
  for (const stream of [worker.stdout, worker.stderr]) stream.resume();
  return { memoryMb, worker, channel: new PortStream(port1), progress };
}

/** What a thread leaves in shared memory, for when it can't be asked. It is the function's to forge. */
export class ThreadProgress {
  /** [0] the last call that began, [1] the kernel's id of the thread. */
  readonly shared: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(8));

  get begun(): number {
    return Atomics.load(this.shared, 0) >>> 0;
  }

  /** The CPU time that the kernel counted for the thread; null where it can't be told. */
  cpuMs(): number | null {
    try {
      const text = readFileSync(`/proc/self/task/${Atomics.load(this.shared, 1)}/schedstat`, 'latin1');
      return Number(text.split(' ', 1)[0]) / NS_PER_MS;
    } catch {
      return null;
    }
  }
}
