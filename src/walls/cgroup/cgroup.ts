/**
 * Cgroup: the kernel's own account of a walled process and of all that it starts, and the limits it holds them to. Each
 * walled process has one, made before it begins and removed after it is gone, below the cgroup of the host: what limits
 * the host goes on limiting what it starts.
 */

import type { LimitKind, ProcessLimits, ProcessUsage } from '../wall.ts';

export interface Cgroups {
  readonly version: 1 | 2;
  /** What this machine lets us hold. */
  readonly limits: readonly LimitKind[];
  /** Throws when it can't be made. */
  create(limits: ProcessLimits): Cgroup;
}

export interface Cgroup {
  /** A process enters by writing `0` into each of these files. */
  readonly entrances: readonly string[];
  /** False when one of them can't be held. */
  limit(limits: ProcessLimits): boolean;
  usage(): ProcessUsage | null;
  /** SIGKILL to every process in it, wherever it hides. */
  kill(): void;
  /** Once everything in it is gone; it takes the kernel a moment to notice. */
  remove(): Promise<void>;
}

/**
 * Of all that is walled together, where one thread of the host has 1024: under attack the host still gets four fifths of a
 * processor on a machine of two, and more on larger ones. Nobody loses anything by it while there is CPU time to spare.
 */
export const ALL_CPU_SHARES = 512;
