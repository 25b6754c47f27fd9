/** Where the host's own cgroups lie in the file system, for each hierarchy that is mounted. */

import { join, posix } from 'node:path';

export interface Place {
  /** Controllers of a v1 hierarchy; empty for v2. */
  readonly controllers: readonly string[];
  readonly version: 1 | 2;
  /** The folder of the host's own cgroup. */
  readonly folder: string;
}

/** `membership` is /proc/self/cgroup, `mountinfo` /proc/self/mountinfo; see cgroups(7) and proc_pid_mountinfo(5). */
export function findPlaces(membership: string, mountinfo: string): readonly Place[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [mount = '', filesystem = ''] = line.split(' - ');
    const [, , , root = '', point = ''] = mount.split(' ');
    const [type = '', , options = ''] = filesystem.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') return [];
    const own = pathOf(membership, type === 'cgroup2' ? null : options.split(','));
    if (own === null) return [];
    const folder = join(point, within(own.path, root));
    return [{ version: type === 'cgroup2' ? 2 : 1, controllers: own.controllers, folder } as const];
  });
}

/** Lines are `id:controllers:path`; the one of v2 has no controllers. */
function pathOf(
  membership: string,
  options: readonly string[] | null,
): { readonly path: string; readonly controllers: readonly string[] } | null {
  for (const line of membership.split('\n')) {
    const [, names, ...path] = line.split(':');
    if (names === undefined) continue;
    const controllers = names.split(',').filter(Boolean);
    const isIt = options === null ? controllers.length === 0 : controllers.some((name) => options.includes(name));
    if (isIt) return { path: path.join(':'), controllers };
  }
  return null;
}

/** In a container the mount may show a part of the hierarchy, by a path that is the whole's. */
function within(path: string, root: string): string {
  const relative = posix.relative(root, path);
  return relative.startsWith('..') ? '/' : relative;
}
