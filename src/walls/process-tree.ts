/**
 * Host processes, named so that a pid used again can't be taken for one that is gone. The kernel offers no event for
 * the end of a process that isn't our child, so its end is polled for.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const FIRST_POLL_MS = 1;
const SLOWEST_POLL_MS = 20;

/** A pid and the moment it started, in clock ticks since boot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
}

/** Null when there is no such process, or only its zombie. */
export function identify(pid: number): ProcessIdentity | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The name, field 2, is in brackets and may hold anything; state is field 3, start time field 22.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = fields[18];
  return startTicks === undefined || state === 'Z' || state === 'X' ? null : { pid, startTicks };
}

export function isAlive(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTicks === process.startTicks;
}

/** SIGKILL, unless the process is gone. */
export function killProcess(identity: ProcessIdentity): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export async function untilGone(process: ProcessIdentity): Promise<void> {
  for (let waitMs = FIRST_POLL_MS; isAlive(process); waitMs = Math.min(waitMs * 2, SLOWEST_POLL_MS))
    await delay(waitMs);
}

/** The only child of a process, as soon as there is one; null when the process ends or the signal aborts before that. */
export async function onlyChild(parent: ProcessIdentity, signal: AbortSignal): Promise<ProcessIdentity | null> {
  while (isAlive(parent) && !signal.aborted) {
    const child = childrenOf(parent.pid)
      .map(identify)
      .find((found) => found !== null);
    if (child !== undefined) return child;
    await delay(FIRST_POLL_MS);
  }
  return null;
}

/** What a process and those that it started have started, but for those whose own parent has ended: see its init. */
export function descendantsOf(pid: number): readonly number[] {
  const found = new Set<number>();
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const thread of threadsOf(next)) {
      for (const child of childrenOf(next, thread)) {
        if (found.has(child)) continue;
        found.add(child);
        open.push(child);
      }
    }
  }
  return [...found];
}

function threadsOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

/** Host pids of what a thread of a process, by default its main one, started. */
export function childrenOf(pid: number, thread: number = pid): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
