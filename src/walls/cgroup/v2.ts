/** Version 2: one hierarchy; a cgroup that has processes of its own passes no controller on to those below it. */

import { join } from 'node:path';
import type { LimitKind, ProcessLimits, ProcessUsage } from '../wall.ts';
import { ALL_CPU_SHARES, type Cgroup, type Cgroups } from './cgroup.ts';
import { canWrite, field, killListed, make, number, read, removeFolders } from './files.ts';
import type { Place } from './places.ts';

const HOLDS: Readonly<Record<string, LimitKind>> = { memory: 'memory', cpu: 'cpu', pids: 'tasks' };
const PERIOD_US = 100_000;
const US_PER_MS = 1_000;
/** What everybody has by default, in the measures of version 1 and of this one. */
const USUAL_SHARES = 1_024;
const USUAL_WEIGHT = 100;
const WEIGHTS = [1, 10_000] as const;
/** Where the host itself goes when its own cgroup has to be free of processes. */
const HOST_LEAF = 'cordon-host';

/** `name` is the folder of this host. Null when none of the controllers is to be had. */
export function openV2(places: readonly Place[], name: string): Cgroups | null {
  const place = places.find(({ version }) => version === 2);
  if (place === undefined) return null;
  const home = join(place.folder, name);
  try {
    make(home);
  } catch {
    return null;
  }
  passOn(place.folder);
  const limits = passOn(home).flatMap((controller) => HOLDS[controller] ?? []);
  if (limits.length === 0) return null;
  canWrite(join(home, 'cpu.weight'), weightOf(ALL_CPU_SHARES));
  let count = 0;
  return {
    version: 2,
    limits,
    create(wanted) {
      const folder = join(home, String(count++));
      make(folder);
      const cgroup = new V2Cgroup(folder);
      cgroup.limit(wanted);
      return cgroup;
    },
  };
}

/** Lets the cgroups below have the controllers, and says which of them they have. */
function passOn(folder: string): readonly string[] {
  const control = join(folder, 'cgroup.subtree_control');
  const available = words(read(join(folder, 'cgroup.controllers'))).filter((controller) => controller in HOLDS);
  for (const controller of available) {
    if (words(read(control)).includes(controller) || canWrite(control, `+${controller}`)) continue;
    // The processes in it stand in the way: where it is only ours, it is only the host.
    if (moveHostBelow(folder)) canWrite(control, `+${controller}`);
  }
  return words(read(control));
}

function moveHostBelow(folder: string): boolean {
  if (words(read(join(folder, 'cgroup.procs'))).some((pid) => Number(pid) !== process.pid)) return false;
  try {
    make(join(folder, HOST_LEAF));
  } catch {
    return false;
  }
  return canWrite(join(folder, HOST_LEAF, 'cgroup.procs'), process.pid);
}

function weightOf(cpuShares: number): number {
  const weight = Math.round((cpuShares / USUAL_SHARES) * USUAL_WEIGHT);
  return Math.min(Math.max(weight, WEIGHTS[0]), WEIGHTS[1]);
}

const words = (text: string | null): readonly string[] => (text ?? '').split(/\s+/).filter(Boolean);

export class V2Cgroup implements Cgroup {
  readonly entrances: readonly string[];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.entrances = [join(folder, 'cgroup.procs')];
    // Memory that went to disk would be outside of the limit; and what is short of memory ends as a whole.
    canWrite(join(folder, 'memory.swap.max'), 0);
    canWrite(join(folder, 'memory.oom.group'), 1);
  }

  limit({ memoryBytes, cpuCores, cpuShares, maxTasks }: ProcessLimits): boolean {
    const wanted: readonly (readonly [string, string | number | undefined])[] = [
      ['memory.max', memoryBytes],
      ['cpu.max', cpuCores === undefined ? undefined : `${Math.round(cpuCores * PERIOD_US)} ${PERIOD_US}`],
      ['cpu.weight', cpuShares === undefined ? undefined : weightOf(cpuShares)],
      ['pids.max', maxTasks],
    ];
    const held = wanted.map(([name, value]) => value === undefined || canWrite(join(this.#folder, name), value));
    return held.every(Boolean);
  }

  usage(): ProcessUsage | null {
    const used = number(this.#read('memory.current'));
    const cpuUs = field(this.#read('cpu.stat'), 'usage_usec');
    if (used === null && cpuUs === null) return null;
    const stat = this.#read('memory.stat');
    const files = (field(stat, 'active_file') ?? 0) + (field(stat, 'inactive_file') ?? 0);
    return {
      memoryBytes: used === null ? null : Math.max(0, used - files),
      cpuMs: cpuUs === null ? null : cpuUs / US_PER_MS,
      oomKills: field(this.#read('memory.events'), 'oom_kill'),
    };
  }

  kill(): void {
    if (!canWrite(join(this.#folder, 'cgroup.kill'), 1)) killListed(this.entrances[0] as string);
  }

  async remove(): Promise<void> {
    await removeFolders([this.#folder]);
  }

  #read(name: string): string | null {
    return read(join(this.#folder, name));
  }
}
