/** The bubblewrap wall: the best one, where the operator has it installed. */

import type { Readable } from 'node:stream';
import { Entries, withoutIoUring } from './entry.ts';
import { onlyNodeStarts } from './landlock-rules.ts';
import { FILTER_DESCRIPTOR, guestTools, intoGuest, launch } from './launch.ts';
import { DEVICES, GUEST_ROOT, minimalRoot, systemBinds, sharedFolders } from './minimal-root.ts';
import type { MinimalRoot } from './minimal-root.ts';
import { onlyChild } from './process-tree.ts';
import type { ProcessIdentity } from './process-tree.ts';
import { requireTool } from './tools.ts';
import { LEVEL_GUARANTEES } from './wall.ts';
import type { Wall, WallParts } from './wall.ts';

/** Rejects with WallUnavailable where a tool is missing. */
export async function createBwrapWall({ nodePath, uids, cgroups, workDir }: WallParts): Promise<Wall> {
  const entries = new Entries({ ...(workDir === undefined ? {} : { workDir }), alone: false, withoutIoUring: true });
  const bwrap = requireTool('bwrap');
  const tools = guestTools(uids);
  const system = await systemBinds(nodePath, tools);
  const privileges = uids === null ? AS_USER : AS_ROOT;
  const filter = withoutIoUring();
  const links = sharedFolders(system).flatMap((name) => ['--symlink', `${GUEST_ROOT.slice(1)}/${name}`, `/${name}`]);
  return {
    name: 'bwrap',
    guarantees: LEVEL_GUARANTEES.namespaces,
    limits: cgroups?.limits ?? [],
    async start(command) {
      const entry = entries.of(command, onlyNodeStarts(command, system, tools));
      const root = rootOptions(minimalRoot(command, entry, system));
      const options = [
        ...NAMESPACES,
        ...privileges,
        ...root,
        ...links,
        '--remount-ro',
        '/',
        '--seccomp',
        String(FILTER_DESCRIPTOR),
      ];
      return launch({
        uids,
        cgroups,
        limits: command.limits ?? {},
        filters: entry.filters,
        findInit,
        filter,
        argv: (uid) => [bwrap, ...options, '--', ...intoGuest(command, entry, uid)],
      });
    },
  };
}

const words = (line: string): readonly string[] => line.split(' ');

const NAMESPACES = [
  ...words('--unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup --hostname cordon'),
  ...words('--die-with-parent --new-session --clearenv --chdir / --cap-drop ALL'),
];

/**
 * Without a user namespace: it would map the host's uid 0, whose files below /proc it could then open for writing. The
 * capabilities are what chroot and setpriv need to leave all others, and these, for good.
 */
const AS_ROOT = words('--cap-add CAP_SYS_CHROOT --cap-add CAP_SETUID --cap-add CAP_SETGID --cap-add CAP_SETPCAP');
const AS_USER = words('--unshare-user --uid 65534 --gid 65534');

/**
 * In this order: a mount covers what was made below it before. Folders are named one by one, as those that bwrap makes
 * by itself are closed to all but its own user.
 */
function rootOptions(root: MinimalRoot): readonly string[] {
  const folders = root.folders.filter((path) => path !== '/tmp');
  return [
    '--dir',
    GUEST_ROOT,
    ...(root.scratchBytes > 0 ? tmpfs('/tmp', '1777', root.scratchBytes) : []),
    ...folders.flatMap((path) => ['--dir', at(path)]),
    ...root.binds.flatMap(({ host, inside }) => ['--ro-bind', host, at(inside)]),
    ...DEVICES.flatMap((path) => ['--dev-bind', path, at(path)]),
    '--proc',
    at('/proc'),
    ...root.hiddenFolders.flatMap((path) => [...tmpfs(path, '0555', 4096), '--remount-ro', at(path)]),
    ...root.hiddenFiles.flatMap((path) => ['--ro-bind', '/dev/null', at(path)]),
  ];
}

const at = (path: string): string => GUEST_ROOT + path;

function tmpfs(path: string, mode: string, bytes: number): readonly string[] {
  return ['--perms', mode, '--size', String(bytes), '--tmpfs', at(path)];
}

/**
 * Init is bwrap's only child. Not by --info-fd: bwrap writes there before it lets init go on, and being killed with the
 * host meanwhile it would leave init waiting for ever. For the same reason nothing but its own --die-with-parent ends it.
 */
const findInit = (launcher: ProcessIdentity, _notice: Readable, signal: AbortSignal): Promise<ProcessIdentity | null> =>
  onlyChild(launcher, signal);
