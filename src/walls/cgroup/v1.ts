/** Version 1: a hierarchy for each controller, so a cgroup is a folder in each of them. */

import { join } from 'node:path';
import type { LimitKind, ProcessLimits, ProcessUsage } from '../wall.ts';
import { ALL_CPU_SHARES, type Cgroup, type Cgroups } from './cgroup.ts';
import { canWrite, field, killListed, make, number, read, removeFolders } from './files.ts';
import type { Place } from './places.ts';

export const CONTROLLERS = ['memory', 'cpu', 'cpuacct', 'pids', 'freezer'] as const;
export type Controller = (typeof CONTROLLERS)[number];
const HOLDS: Readonly<Partial<Record<Controller, LimitKind>>> = { memory: 'memory', cpu: 'cpu', pids: 'tasks' };
const PERIOD_US = 100_000;
const NS_PER_MS = 1e6;

/** `name` is the folder of this host in each hierarchy. Null when none of them can be written. */
export function openV1(places: readonly Place[], name: string): Cgroups | null {
  const homes = new Map<Controller, string>();
  for (const controller of CONTROLLERS) {
    const place = places.find(({ version, controllers }) => version === 1 && controllers.includes(controller));
    if (place === undefined) continue;
    const home = join(place.folder, name);
    if (isMade(home)) homes.set(controller, home);
  }
  const limits = [...homes.keys()].map((controller) => HOLDS[controller]).filter((kind) => kind !== undefined);
  if (limits.length === 0) return null;
  const cpu = homes.get('cpu');
  if (cpu !== undefined) canWrite(join(cpu, 'cpu.shares'), ALL_CPU_SHARES);
  let count = 0;
  return {
    version: 1,
    limits,
    create(wanted) {
      const folders = new Map([...homes].map(([controller, home]) => [controller, join(home, String(count))] as const));
      count++;
      for (const folder of new Set(folders.values())) make(folder);
      const cgroup = new V1Cgroup(folders);
      cgroup.limit(wanted);
      return cgroup;
    },
  };
}

function isMade(folder: string): boolean {
  try {
    make(folder);
    return true;
  } catch {
    return false;
  }
}

export class V1Cgroup implements Cgroup {
  readonly entrances: readonly string[];
  readonly #folders: ReadonlyMap<Controller, string>;

  constructor(folders: ReadonlyMap<Controller, string>) {
    this.#folders = folders;
    this.entrances = this.#distinct().map((folder) => join(folder, 'cgroup.procs'));
    // Memory that went to disk would be outside of the limit.
    const memory = this.#file('memory', 'memory.swappiness');
    if (memory !== null) canWrite(memory, 0);
  }

  limit({ memoryBytes, cpuCores, cpuShares, maxTasks }: ProcessLimits): boolean {
    const wanted: readonly (readonly [Controller, string, number | undefined])[] = [
      ['memory', 'memory.limit_in_bytes', memoryBytes],
      ['cpu', 'cpu.cfs_period_us', cpuCores === undefined ? undefined : PERIOD_US],
      ['cpu', 'cpu.cfs_quota_us', cpuCores === undefined ? undefined : Math.round(cpuCores * PERIOD_US)],
      ['cpu', 'cpu.shares', cpuShares],
      ['pids', 'pids.max', maxTasks],
    ];
    const held = wanted.map(([controller, name, value]) => {
      const file = this.#file(controller, name);
      return value === undefined || (file !== null && canWrite(file, value));
    });
    return held.every(Boolean);
  }

  usage(): ProcessUsage | null {
    const used = number(this.#read('memory', 'memory.usage_in_bytes'));
    const cpuNs = number(this.#read('cpuacct', 'cpuacct.usage'));
    if (used === null && cpuNs === null) return null;
    const stat = this.#read('memory', 'memory.stat');
    const files = (field(stat, 'total_active_file') ?? 0) + (field(stat, 'total_inactive_file') ?? 0);
    return {
      memoryBytes: used === null ? null : Math.max(0, used - files),
      cpuMs: cpuNs === null ? null : cpuNs / NS_PER_MS,
      oomKills: field(this.#read('memory', 'memory.oom_control'), 'oom_kill'),
    };
  }

  kill(): void {
    const state = this.#file('freezer', 'freezer.state');
    const procs = this.entrances[0];
    // Frozen, nothing in it can start another process while the list is read.
    if (state !== null) canWrite(state, 'FROZEN');
    if (procs !== undefined) killListed(procs);
    if (state !== null) canWrite(state, 'THAWED');
  }

  async remove(): Promise<void> {
    await removeFolders(this.#distinct());
  }

  #distinct(): readonly string[] {
    return [...new Set(this.#folders.values())];
  }

  #file(controller: Controller, name: string): string | null {
    const folder = this.#folders.get(controller);
    return folder === undefined ? null : join(folder, name);
  }

  #read(controller: Controller, name: string): string | null {
    const file = this.#file(controller, name);
    return file === null ? null : read(file);
  }
}
