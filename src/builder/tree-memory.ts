/** The resident memory of a process and of all that it started, as the kernel tells it. */

import { readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;

/** Bytes; shared pages count once for each process. 0 when the process is gone. */
export function treeMemoryBytes(pid: number): number {
  let bytes = residentBytes(pid);
  for (const child of childrenOf(pid)) bytes += treeMemoryBytes(child);
  return bytes;
}

function residentBytes(pid: number): number {
  return Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES;
}

/** What the main thread started, which is where Node starts processes. */
function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
