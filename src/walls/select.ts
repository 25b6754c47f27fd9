/** Which wall stands on this machine: each is tried for real, best first, since nothing else tells. */

import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WallLevel } from '../core/wall-level.ts';
import { createBwrapWall } from './bwrap.ts';
import { openCgroups } from './cgroup/select.ts';
import { createLandlockWall } from './landlock.ts';
import { createNoWall } from './none.ts';
import { WallUnavailable } from './tools.ts';
import { UidAllocator } from './uids.ts';
import type { UidRange } from './uids.ts';
import { createUnshareWall } from './unshare.ts';
import { missingGuarantees } from './wall.ts';
import type { Wall, WalledProcess, WallName, WallParts, WallProbe } from './wall.ts';

const READY_DEADLINE_MS = 10_000;

export interface WallSelection {
  /** Null where none stands and the operator did not ask for none. */
  readonly wall: Wall | null;
  /** Of the walls that were tried, in that order. */
  readonly probes: readonly WallProbe[];
  /** Whose uids its processes get: whatever else has any on this host takes them from here. Null for an ordinary user. */
  readonly uids: UidAllocator | null;
}

export interface WallOptions {
  readonly unsafeNoOsSandbox: boolean;
  /** Tries this wall and no other. */
  readonly force?: WallName;
  /** Host uids for walled processes; used where the host runs as root. */
  readonly uidRange: UidRange;
  /** The node that runs inside; the host's own by default. */
  readonly nodePath?: string;
  /** A wall that guarantees less is refused, even where it works; `landlock` by default. */
  readonly minimumWall?: WallLevel;
  /** Where entry scripts are kept between starts; a temporary folder by default. */
  readonly workDir?: string;
}

export async function selectWall(options: WallOptions): Promise<WallSelection> {
  const { unsafeNoOsSandbox, force } = options;
  const parts = wallParts(options);
  const walls: readonly (readonly [WallName, () => Promise<Wall>])[] = [
    ['bwrap', () => onLinux(() => createBwrapWall(parts))],
    ['unshare', () => onLinux(() => createUnshareWall(parts))],
    ['landlock', () => onLinux(() => createLandlockWall(parts))],
    ['none', () => withoutWall(parts.nodePath, unsafeNoOsSandbox)],
  ];
  const probes: WallProbe[] = [];
  for (const [name, create] of walls) {
    if (force === undefined ? name === 'none' && !unsafeNoOsSandbox : name !== force) continue;
    try {
      const wall = await create();
      requireLevel(wall, options);
      await tryWall(wall);
      return { wall, probes: [...probes, { name, works: true }], uids: parts.uids };
    } catch (error) {
      probes.push({ name, works: false, ...diagnose(name, error as Error) });
    }
  }
  return { wall: null, probes, uids: parts.uids };
}

function wallParts({ uidRange, nodePath = process.execPath, workDir }: WallOptions): WallParts {
  return {
    nodePath,
    uids: process.getuid?.() === 0 ? new UidAllocator(uidRange) : null,
    cgroups: openCgroups(),
    ...(workDir === undefined ? {} : { workDir }),
  };
}

/** Throws {@link WallUnavailable} for a wall that holds less than was asked for; `none` was asked for by its own name. */
function requireLevel(wall: Wall, { minimumWall = 'landlock' }: WallOptions): void {
  const missing = wall.name === 'none' ? [] : missingGuarantees(wall, minimumWall);
  if (missing.length === 0) return;
  throw new WallUnavailable(
    `The wall ${wall.name} does not guarantee ${missing.join(', ')}, which the level ${minimumWall} asks for`,
    `Make a better wall possible (see above), or ask for less: CORDON_MINIMUM_WALL=landlock`,
  );
}

async function onLinux(create: () => Promise<Wall>): Promise<Wall> {
  if (process.platform === 'linux') return create();
  throw new WallUnavailable(
    'This wall is made of Linux namespaces, and this is not Linux',
    'Run Cordon on Linux, or in a Linux virtual machine',
  );
}

async function withoutWall(nodePath: string, allowed: boolean): Promise<Wall> {
  if (allowed) return createNoWall(nodePath);
  throw new WallUnavailable(
    'Running without an OS wall was not asked for',
    'Say --unsafe-no-os-sandbox if every function is your own',
  );
}

/** Starts node behind the wall, with every kind of thing that a command can ask for, and waits for its word. */
async function tryWall(wall: Wall): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-probe-'));
  try {
    const script = join(folder, 'ready.cjs');
    await writeFile(script, `require('node:fs').writeSync(3, 'r');`);
    // Whatever the host's umask is: the guest may have a uid of its own.
    await chmod(script, 0o444);
    const walled = await wall.start({
      script,
      nodeFlags: [],
      args: [],
      files: [],
      scratchBytes: 1 << 20,
      env: { PROBE: '1' },
    });
    try {
      await untilReady(walled);
    } finally {
      await walled.kill();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function untilReady({ channel, stderr, exited }: WalledProcess): Promise<void> {
  let message = '';
  stderr.on('data', (chunk: Buffer) => {
    message = (message + chunk.toString()).slice(0, 1_000);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  channel.once('data', () => resolve());
  channel.once('error', reject);
  const timer = setTimeout(
    () => reject(new Error(`Node was not ready within ${READY_DEADLINE_MS / 1000} s`)),
    READY_DEADLINE_MS,
  );
  stderr.once(
    'end',
    () =>
      void exited.then(({ code, signal }) => reject(new Error(message.trim() || `Node ended with ${signal ?? code}`))),
  );
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
}

const NAMESPACES_CURE =
  'Run Cordon as root with CAP_SYS_ADMIN, or allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1 ' +
  'kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=10000 (those that exist); in a container, ' +
  'its seccomp profile has to allow them too';

const CURES: readonly (readonly [symptom: RegExp, cure: string])[] = [
  [/unknown option|unrecognized option/i, 'Install bubblewrap 0.8 and util-linux 2.36, or newer'],
  [/setresuid|setresgid|setgroups/i, 'Set CORDON_UID_RANGE to unprivileged uids that exist in this user namespace'],
  [/landlock_\w+ failed/, 'Use Linux 5.13 or newer with landlock among its security modules (lsm=landlock,… at boot)'],
  [/seccomp failed/, 'Use a kernel with seccomp filters (CONFIG_SECCOMP_FILTER)'],
  [/execute .*permission denied/i, 'Let every user read and run the bundled node: chmod -R o+rX node_modules'],
];

function diagnose(name: WallName, error: Error): { readonly reason: string; readonly cure: string } {
  if (error instanceof WallUnavailable) return { reason: error.message, cure: error.cure };
  const lines = error.message.split('\n');
  const said = lines.find((line) => /^\w*Error: /.test(line)) ?? lines.at(-1) ?? '';
  const cure = CURES.find(([symptom]) => symptom.test(error.message))?.[1] ?? NAMESPACES_CURE;
  return { reason: `Node did not start behind ${name}: ${said}`, cure };
}
