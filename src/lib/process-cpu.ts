/** Process CPU: what the kernel counted for a process and all its threads. */

import { readFileSync } from 'node:fs';

/** USER_HZ, which the kernel fixes at 100 on every architecture that Node runs on. */
const TICK_MS = 10;
/** utime and stime of proc(5), counted after the name, which may hold anything. */
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;

/** User and system time in ms, in steps of 10; null when there is no such process. */
export function processCpuMs(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD]);
    return Number.isFinite(ticks) ? ticks * TICK_MS : null;
  } catch {
    return null;
  }
}
