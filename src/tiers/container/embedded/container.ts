/** A container of ours: a walled process with all that it has started, which can be stopped for a while. */

import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processCpuMs } from '../../../lib/process-cpu.ts';
import { descendantsOf } from '../../../walls/process-tree.ts';
import type { ProcessUsage, WalledProcess } from '../../../walls/wall.ts';
import type { ContainerProcess } from '../engine.ts';

const PAGE_BYTES = 4096;
/** What starts others faster than they are stopped is only paused in part. */
const MAX_ROUNDS = 100;
const ROUND_MS = 1;
/** State and parent of proc(5), counted after the name, which may hold anything. */
const STATE_FIELD = 0;
const PARENT_FIELD = 1;

/**
 * Paused by SIGSTOP rather than by a cgroup: what the freezer of version 1 holds does not even end by SIGKILL, so a host
 * that is killed would leave it behind for good.
 */
export function containerOf(walled: WalledProcess): ContainerProcess {
  // Whatever loses its parent in there becomes a child of init.
  const init = Number(statOf(walled.pid)?.[PARENT_FIELD] ?? walled.pid);
  const members = (): readonly number[] => descendantsOf(init);
  return {
    ...walled,
    usage: () => walled.usage() ?? usageOf(members()),
    async pause() {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const running = members().filter(isRunning);
        if (running.length === 0) break;
        signalEach(running, 'SIGSTOP');
        await delay(ROUND_MS);
      }
    },
    resume() {
      // Whatever state they are in: it takes back a signal to stop that is still under way.
      signalEach(members(), 'SIGCONT');
      return Promise.resolve();
    },
  };
}

/** By what each of them says for itself. What has ended is not counted; memory that several share is, for each. */
function usageOf(pids: readonly number[]): ProcessUsage | null {
  if (pids.length === 0) return null;
  const sum = (of: (pid: number) => number): number => pids.reduce((total, pid) => total + of(pid), 0);
  return { memoryBytes: sum(residentBytes), cpuMs: sum((pid) => processCpuMs(pid) ?? 0), oomKills: null };
}

function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

function signalEach(pids: readonly number[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Neither stopped nor ended. */
const isRunning = (pid: number): boolean => !['T', 'Z', 'X', undefined].includes(statOf(pid)?.[STATE_FIELD]);

function statOf(pid: number): readonly string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
