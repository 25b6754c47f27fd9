/**
 * The wall of util-linux alone, for a Linux machine where nothing has been installed: the same namespaces, root and
 * loss of privileges as bubblewrap's, put together by a shell that then stays as init.
 */

import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { Entries } from './entry.ts';
import { onlyNodeStarts } from './landlock-rules.ts';
import { endingWithHost, guestTools, intoGuest, launch, NOTICE_DESCRIPTOR, readNotice } from './launch.ts';
import { DEVICES, GUEST_ROOT, minimalRoot, systemBinds, sharedFolders } from './minimal-root.ts';
import type { MinimalRoot } from './minimal-root.ts';
import { sharedLibraries } from './libraries.ts';
import { isNoexec, readMounts } from './mounts.ts';
import { onlyChild } from './process-tree.ts';
import type { ProcessIdentity } from './process-tree.ts';
import { requireTool, TOOL_FOLDERS } from './tools.ts';
import { LEVEL_GUARANTEES } from './wall.ts';
import type { Wall, WallParts } from './wall.ts';

/** Rejects with WallUnavailable where a tool is missing. */
export async function createUnshareWall({ nodePath, uids, cgroups, workDir }: WallParts): Promise<Wall> {
  const entries = new Entries({ ...(workDir === undefined ? {} : { workDir }), alone: false, withoutIoUring: false });
  const unshare = requireTool('unshare');
  const tools = guestTools(uids);
  const system = await systemBinds(nodePath, tools);
  const detachOldRoot = await detachCommand();
  for (const tool of ['mount', 'pivot_root'] as const) requireTool(tool);
  return {
    name: 'unshare',
    guarantees: LEVEL_GUARANTEES.namespaces,
    limits: cgroups?.limits ?? [],
    async start(command) {
      const entry = entries.of(command, onlyNodeStarts(command, system, tools));
      const network = command.profile === 'container' ? BRING_UP_LOOPBACK : '';
      const script = network + initScript(minimalRoot(command, entry, system), sharedFolders(system), detachOldRoot);
      const init = [unshare, ...NAMESPACES, requireTool('sh'), '-c', script, 'init'];
      const first = uids === null ? [unshare, ...AS_ROOT_OF_NOTHING] : [];
      const launcher = [...first, ...endingWithHost(), ...init];
      return launch({
        uids,
        cgroups,
        limits: command.limits ?? {},
        filters: entry.filters,
        findInit,
        argv: (uid) => [...launcher, ...intoGuest(command, entry, uid)],
      });
    },
  };
}

const NAMESPACES = ['--fork', '--kill-child=SIGKILL', '--pid', '--mount', '--net', '--ipc', '--uts', '--cgroup', '--'];

/** In a new namespace it is down, and containers speak to a proxy on it. Whichever tool there is. */
const BRING_UP_LOOPBACK = `
PATH=${TOOL_FOLDERS.join(':')}
{ ip link set lo up || ifconfig lo up || busybox ip link set lo up || perl -e '
    use Socket;
    socket(S, PF_INET, SOCK_DGRAM, 0) && ioctl(S, 0x8914, pack("a16s", "lo", 1)) or exit 1;'
} 2>/dev/null || { echo 'Nothing here brings up a loopback interface: install iproute2' >&2; exit 1; }
`;

/**
 * An ordinary user may mount as uid 0 of a user namespace only. Its creation changes credentials, on which the kernel
 * forgets that the process ends with its parent: so it comes before that is set.
 */
const AS_ROOT_OF_NOTHING = ['--user', '--map-root-user', '--'];

/**
 * Where the new root is put together: a folder that every Linux has and that holds nothing of ours, so that the mount
 * on top of it hides no file that is still to be shown.
 */
const BASE = '/sys';
const GUEST = BASE + GUEST_ROOT;
/** Where the host's root hangs, for a moment, after the pivot. */
const OLD_ROOT = '/old';

/**
 * The whole life of init: builds the root, starts the command that it got as arguments, and ends with it.
 *
 * Mount points are made before anything is mounted: a folder that is bound later may be the host's own.
 */
function initScript(root: MinimalRoot, links: readonly string[], detachOldRoot: string): string {
  const files = [...DEVICES, ...root.binds.filter(({ isFolder }) => !isFolder).map(({ inside }) => inside)];
  return `
set -eu
umask 022
PATH=${TOOL_FOLDERS.join(':')}
mount -t tmpfs -o nosuid,nodev,mode=0755,size=1m cordon ${BASE}
mkdir ${GUEST} ${BASE}${OLD_ROOT}
${root.scratchBytes > 0 ? mountScratch(root.scratchBytes) : ''}
mkdir -p ${root.folders.map((path) => quote(GUEST + path)).join(' ')}
for file in ${files.map((path) => quote(GUEST + path)).join(' ')}; do : > "$file"; done
ln -s ${links.map((name) => quote(`${GUEST_ROOT.slice(1)}/${name}`)).join(' ')} ${BASE}
printf '%s' ${quote(mountTable(root))} > ${BASE}/fstab
mount --all --fstab ${BASE}/fstab
mount -o remount,bind,ro,nosuid,nodev ${BASE}

# Not everywhere installed; without it the guest sees the host's name.
hostname cordon 2>/dev/null || :

cd ${BASE}
pivot_root . .${OLD_ROOT}
${detachOldRoot}
cd /

# Tells the host that the next child of this shell is the command.
echo >&${NOTICE_DESCRIPTOR}
exec ${NOTICE_DESCRIPTOR}>&-
"$@"
exit $?
`;
}

const mountScratch = (bytes: number): string =>
  `mkdir ${GUEST}/tmp; mount -t tmpfs -o nosuid,nodev,mode=1777,size=${bytes} cordon ${GUEST}/tmp`;

/** fstab(5): one process mounts it all, in this order. */
function mountTable(root: MinimalRoot): string {
  const hostMounts = readMounts();
  const mounts: readonly (readonly [source: string, inside: string, type: string, options: string])[] = [
    ...root.binds.map(({ host, inside }) => [host, inside, 'none', bindOptions(host, hostMounts)] as const),
    ...DEVICES.map((path) => [path, path, 'none', 'bind,nosuid,noexec'] as const),
    ['proc', '/proc', 'proc', 'nosuid,nodev,noexec'],
    ...root.hiddenFolders.map((path) => ['cordon', path, 'tmpfs', 'ro,nosuid,nodev,noexec,size=4k,mode=0555'] as const),
    ...root.hiddenFiles.map((path) => ['/dev/null', path, 'none', 'bind,ro,nosuid,nodev,noexec'] as const),
  ];
  return mounts
    .map(([source, inside, type, options]) => `${escape(source)} ${escape(GUEST + inside)} ${type} ${options} 0 0\n`)
    .join('');
}

const bindOptions = (host: string, hostMounts: string): string =>
  `bind,ro,nosuid,nodev${isNoexec(host, hostMounts) ? ',noexec' : ''}`;

/** By then only the guest's root has a loader and a libc; the rest of what umount needs still hangs below the old one. */
async function detachCommand(): Promise<string> {
  const umount = requireTool('umount');
  const folders = new Set((await sharedLibraries(umount)).map((path) => OLD_ROOT + dirname(path)));
  return `LD_LIBRARY_PATH=${quote([...folders].join(':'))} ${quote(OLD_ROOT + umount)} --lazy --no-canonicalize ${OLD_ROOT}`;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const escape = (path: string): string =>
  path.replace(/[\s\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);

/** The shell writes a line when all that it had to start before the command has ended. */
async function findInit(
  launcher: ProcessIdentity,
  notice: Readable,
  signal: AbortSignal,
): Promise<ProcessIdentity | null> {
  await readNotice(notice, '\n', signal);
  return onlyChild(launcher, signal);
}
