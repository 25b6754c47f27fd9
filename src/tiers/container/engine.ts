/**
 * ContainerEngine: what makes containers on this machine. Embedded: our own walls around a root that is put together from
 * this machine's files. Docker: whatever speaks its API. Above this seam a container is a walled process with a channel.
 */

import type { Runtime } from '../../core/runtime.ts';
import type { ProcessLimits, WalledProcess } from '../../walls/wall.ts';

export const ENGINE_NAMES = ['embedded', 'docker'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

export interface ContainerEngine {
  readonly name: EngineName;
  /** Which runtimes it has, with a word about each (`CPython 3.11.2 of /usr/bin/python3`). Found out once. Rejects with a Fault (TIER_UNAVAILABLE) where it has none. */
  runtimes(): Promise<ReadonlyMap<Runtime, string>>;
  /** Starts a container whose agent waits at its channel for a version. */
  start(order: ContainerOrder): Promise<ContainerProcess>;
  /** Ends what it started, and removes what it keeps outside of the cache folder. */
  close(): Promise<void>;
}

export interface ContainerOrder {
  readonly runtime: Runtime;
  readonly limits: ProcessLimits;
  /** Size of its private /tmp. */
  readonly scratchBytes: number;
}

export interface ContainerProcess extends WalledProcess {
  /** It gets no CPU until it is resumed; what it has in memory stays. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}
