/** The thread that a function runs in: the native guest on a port to the executor's own thread. */

import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { workerData, type MessagePort } from 'node:worker_threads';
import { serveNative } from '../../native/serve.ts';
import { PortStream } from './port-stream.ts';

export interface ThreadData {
  readonly port: MessagePort;
  readonly scratch: string;
  /** See ThreadProgress. */
  readonly shared: Int32Array<SharedArrayBuffer>;
}

export function serveThread(): void {
  const { port, shared, scratch } = workerData as ThreadData;
  const exit = process.exit.bind(process);
  Atomics.store(shared, 1, kernelId());
  serveNative(new PortStream(port), {
    hasNetwork: false,
    scratch,
    onBegun: (call) => void Atomics.store(shared, 0, call),
    exit,
    onClose: () => exit(0),
  });
}

function kernelId(): number {
  try {
    return Number(basename(readlinkSync('/proc/thread-self')));
  } catch {
    return 0;
  }
}
