/** Which cgroups this host can use: those of version 1 where they hold memory, else those of version 2, else none. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive } from '../process-tree.ts';
import type { Cgroups } from './cgroup.ts';
import { foldersIn, isRemoved } from './files.ts';
import { findPlaces } from './places.ts';
import type { Place } from './places.ts';
import { openV1 } from './v1.ts';
import { openV2 } from './v2.ts';

const PREFIX = 'cordon-';
const OF_HOST = /^cordon-(\d+)-(\d+)$/;

let opened: Cgroups | null | undefined;

/** Once for this process. What hosts that were killed have left behind is removed. */
export function openCgroups(): Cgroups | null {
  if (opened === undefined) opened = process.platform === 'linux' ? open() : null;
  return opened;
}

function open(): Cgroups | null {
  const self = identify(process.pid);
  if (self === null) return null;
  const places = findPlaces(
    readFileSync('/proc/self/cgroup', 'latin1'),
    readFileSync('/proc/self/mountinfo', 'latin1'),
  );
  sweep(places);
  const name = `${PREFIX}${self.pid}-${self.startTicks}`;
  const candidates = [openV1(places, name), openV2(places, name)].filter((each) => each !== null);
  process.once('exit', () => {
    forget(places, name);
    sweep(places);
  });
  return candidates.toSorted((a, b) => b.limits.length - a.limits.length)[0] ?? null;
}

/** Of hosts that are no more: the processes in them have died with their host, or are about to, and wait for the next. */
function sweep(places: readonly Place[]): void {
  for (const { folder } of places) {
    for (const name of foldersIn(folder)) {
      const [, pid, startTicks] = OF_HOST.exec(name) ?? [];
      if (pid === undefined || startTicks === undefined || isAlive({ pid: Number(pid), startTicks })) continue;
      for (const child of foldersIn(join(folder, name))) isRemoved(join(folder, name, child));
      isRemoved(join(folder, name));
    }
  }
}

/** At the end of this process, when nothing is in them any more. */
function forget(places: readonly Place[], name: string): void {
  for (const { folder } of places) isRemoved(join(folder, name));
}
