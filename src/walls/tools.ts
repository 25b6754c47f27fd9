/**
 * System tools that walls are built with. They are looked up in the system's own folders, never in PATH: some run with
 * the host's privileges, and PATH belongs to whoever started the host.
 */

import { accessSync, constants } from 'node:fs';

export const TOOL_FOLDERS: readonly string[] = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/run/current-system/sw/bin'];

const PACKAGES = {
  bwrap: 'bubblewrap',
  chroot: 'coreutils',
  env: 'coreutils',
  ldd: 'libc-bin',
  mount: 'mount',
  pivot_root: 'util-linux',
  setpriv: 'util-linux',
  sh: 'dash',
  umount: 'mount',
  unshare: 'util-linux',
} as const;
export type ToolName = keyof typeof PACKAGES;

/** Why a wall can't stand here and what an operator does about it; both are sentences without a full stop. */
export class WallUnavailable extends Error {
  override readonly name = 'WallUnavailable';
  readonly cure: string;

  constructor(reason: string, cure: string) {
    super(reason);
    this.cure = cure;
  }
}

/** The absolute path of a tool. Throws {@link WallUnavailable} when it is not installed. */
export function requireTool(name: ToolName): string {
  const path = TOOL_FOLDERS.map((folder) => `${folder}/${name}`).find(isExecutable);
  if (path !== undefined) return path;
  const shown = name === 'bwrap' ? 'bubblewrap' : `The tool ${name}`;
  throw new WallUnavailable(`${shown} is not installed`, `apt-get install ${PACKAGES[name]}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
