/** Processes: what the kernel says of a server and of everything that it started. Linux only. */

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const PAGE_MB = 4096 / 1024 / 1024;
const WINDOW_MS = 100;
const QUIET_WINDOWS = 2;
/** Of 10 ms each: heartbeats of idle executors take some. */
const QUIET_TICKS = 2;
const QUIET_DEADLINE_MS = 10_000;
/** An argument that only executors have. */
const EXECUTOR_MARK = 'full.cache';

/** Resident memory, shared pages included. Zero where the process is gone. */
export function rssMb(pid: number): number {
  return Number(read(pid, 'statm').split(' ')[1] ?? 0) * PAGE_MB;
}

/** The executors of a server, the oldest first. A wall's own processes carry the same arguments, but have children. */
export function executorsOf(serverPid: number): number[] {
  const parents = parentsOfAll();
  const haveChildren = new Set(parents.values());
  return descendantsOf(serverPid, parents)
    .filter((pid) => !haveChildren.has(pid) && read(pid, 'cmdline').includes(EXECUTOR_MARK))
    .sort((a, b) => a - b);
}

/** Everything that a server has started, and that runs. */
export const processesOf = (serverPid: number): number[] => descendantsOf(serverPid, parentsOfAll());

/** Resolves when everything that a server started has had nothing to do for a while: its pools are full again. */
export async function becameQuiet(serverPid: number): Promise<void> {
  const deadlineMs = performance.now() + QUIET_DEADLINE_MS;
  let before = ticksOf(serverPid);
  for (let quiet = 0; quiet < QUIET_WINDOWS;) {
    await delay(WINDOW_MS);
    const now = ticksOf(serverPid);
    let spent = 0;
    for (const [pid, ticks] of now) spent += ticks - (before.get(pid) ?? 0);
    quiet = spent <= QUIET_TICKS ? quiet + 1 : 0;
    before = now;
    if (performance.now() > deadlineMs) throw new Error('The server did not become quiet');
  }
}

/** Clock ticks of CPU that each descendant has used. */
function ticksOf(serverPid: number): Map<number, number> {
  const used = new Map<number, number>();
  for (const pid of descendantsOf(serverPid, parentsOfAll())) {
    const fields = statOf(pid);
    used.set(pid, Number(fields[11] ?? 0) + Number(fields[12] ?? 0));
  }
  return used;
}

function descendantsOf(ancestor: number, parents: ReadonlyMap<number, number>): number[] {
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === ancestor || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

function parentsOfAll(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (Number.isInteger(pid)) parents.set(pid, Number(statOf(pid)[1] ?? 0));
  }
  return parents;
}

/** The fields after the command's name, which may itself hold blanks and brackets: state, parent, … */
function statOf(pid: number): string[] {
  const line = read(pid, 'stat');
  return line.slice(line.lastIndexOf(')') + 2).split(' ');
}

/** Empty where the process has ended meanwhile. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
