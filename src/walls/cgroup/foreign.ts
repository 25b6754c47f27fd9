/** The cgroup of a process that somebody else put into it, and removes it: a container of an engine on this machine. */

import type { Cgroup } from './cgroup.ts';
import { read } from './files.ts';
import { findPlaces } from './places.ts';
import type { Place } from './places.ts';
import { CONTROLLERS, V1Cgroup } from './v1.ts';
import type { Controller } from './v1.ts';
import { V2Cgroup } from './v2.ts';

/**
 * Only where its path says `name`: a process may as well be in a cgroup with others, and what is asked of that is asked
 * of all of them. Null where there is none to be seen.
 */
export function foreignCgroup(pid: number, name: string): Cgroup | null {
  const membership = read(`/proc/${pid}/cgroup`);
  const mountinfo = read('/proc/self/mountinfo');
  if (membership === null || mountinfo === null || name === '') return null;
  const places = findPlaces(membership, mountinfo).filter(({ folder }) => folder.includes(name));
  const folders = v1Folders(places);
  if (folders.has('memory')) return new V1Cgroup(folders);
  const unified = places.find(({ version }) => version === 2);
  return unified === undefined ? null : new V2Cgroup(unified.folder);
}

function v1Folders(places: readonly Place[]): ReadonlyMap<Controller, string> {
  return new Map(
    CONTROLLERS.flatMap((controller) => {
      const place = places.find(({ version, controllers }) => version === 1 && controllers.includes(controller));
      return place === undefined ? [] : [[controller, place.folder] as const];
    }),
  );
}
