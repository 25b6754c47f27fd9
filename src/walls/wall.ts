/**
 * Wall: what the operating system puts around a child process of ours that meets hostile bytes (an executor, a builder).
 *
 * Best first: bubblewrap, then util-linux `unshare` with a pivoted root, then landlock, which needs no namespace. `none`
 * exists only for operators who said `--unsafe-no-os-sandbox`. Each wall declares what it guarantees; nobody asks a wall
 * for its name to decide anything.
 */

import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { WallLevel } from '../core/wall-level.ts';
import type { Cgroups } from './cgroup/cgroup.ts';
import type { ProfileName } from './seccomp/profiles.ts';
import type { UidAllocator } from './uids.ts';

export const WALL_NAMES = ['bwrap', 'unshare', 'landlock', 'none'] as const;
export type WallName = (typeof WALL_NAMES)[number];

export type WallGuarantee =
  | 'user' // an unprivileged host uid, of its own where the host runs as root; never host uid 0
  | 'pid' // sees and signals no process of the host
  | 'network' // no interface but its own loopback
  | 'files' // reads the content of no file but node, its libraries and what it was given; writes none but its scratch
  | 'mount' // has a minimal root, in which nothing else can even be seen, and a scratch folder of bounded size
  | 'ipc'
  | 'uts'
  | 'cgroup'
  | 'capabilities' // none, and no way to gain any
  | 'session' // dies with the host, has no terminal
  | 'seccomp'; // asks the kernel for nothing but what its profile names

const OF_LANDLOCK: readonly WallGuarantee[] = ['user', 'network', 'files', 'capabilities', 'seccomp'];

export const LEVEL_GUARANTEES: Readonly<Record<WallLevel, readonly WallGuarantee[]>> = {
  namespaces: [...OF_LANDLOCK, 'pid', 'mount', 'ipc', 'uts', 'cgroup', 'session'],
  landlock: OF_LANDLOCK,
  none: [],
};

/** What a wall lacks of a level; empty when it is enough. */
export const missingGuarantees = (wall: Wall, level: WallLevel): readonly WallGuarantee[] =>
  LEVEL_GUARANTEES[level].filter((guarantee) => !wall.guarantees.includes(guarantee));

export interface WalledCommand {
  /** A bundled script on the host; it is visible inside as `/cordon/<basename>`, read-only. */
  readonly script: string;
  /** Flags for node itself (V8's among them), or for the {@link program} in its place. */
  readonly nodeFlags: readonly string[];
  /**
   * The program that runs the script where that is not node. It finds its filter at {@link FILTER_INSIDE} and puts it on
   * by itself, before it meets a hostile byte; {@link WalledProcess.isConfined} says whether it has.
   */
  readonly program?: WalledProgram;
  readonly args: readonly string[];
  /**
   * Files and folders to show inside, read-only, each at its own path unless `inside` says another. Where the host runs
   * as root, they and the script must be readable by every user: inside there is no root.
   */
  readonly files: readonly { readonly host: string; readonly inside?: string }[];
  /**
   * Size of a private writable /tmp; 0 gives none. Behind a wall that can't mount it lies elsewhere and is not bounded:
   * a place in it is named by one of {@link args}, which is put right.
   */
  readonly scratchBytes: number;
  /**
   * The whole environment inside; nothing of the host's is inherited. Other users of the host can read it in the list of
   * processes: secrets go through the channel.
   */
  readonly env: Readonly<Record<string, string>>;
  /** What it may ask of the kernel; `program` by default, which may start programs of its root. */
  readonly profile?: Exclude<ProfileName, 'sealed'>;
  /**
   * It puts on the `sealed` profile by itself, with the function that it finds at `globalThis[Symbol.for('cordon.seal')]`,
   * before it meets a hostile byte. Only for a process of the `executor` profile.
   */
  readonly sealsItself?: boolean;
  /** Held where this machine's cgroups are ours to write; see {@link Wall.limits}. */
  readonly limits?: ProcessLimits;
}

export interface WalledProgram {
  /** Where it lies inside: one of {@link WalledCommand.files}, as are its libraries. */
  readonly path: string;
  /** Where {@link WalledCommand.script} is a folder: the file in it that is run. */
  readonly entry?: string;
}

/** Where a program that is not node finds its seccomp filter: an array of `struct sock_filter`. */
export const FILTER_INSIDE = '/cordon/filter';

/** Of a process and all that it starts, together. */
export interface ProcessLimits {
  /** Past it the kernel ends the process. */
  readonly memoryBytes?: number;
  /** 1 is the whole of one processor. */
  readonly cpuCores?: number;
  /** Where processes compete for the CPU, its part of it: 1024 is what each has by default. */
  readonly cpuShares?: number;
  /** Threads count. */
  readonly maxTasks?: number;
}

/** What the kernel counted for a process and all that it started. */
export interface ProcessUsage {
  /** What can't be dropped: without files that are only cached. Null where memory is not counted. */
  readonly memoryBytes: number | null;
  readonly cpuMs: number | null;
  /** How many times the kernel killed for want of memory. */
  readonly oomKills: number | null;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The kernel killed in it for want of memory, within its own limits. */
  readonly outOfMemory?: boolean;
}

export interface WalledProcess {
  /** Host pid of node itself, so that its memory and CPU can be read and it can be killed. */
  readonly pid: number;
  /** The only way in and out: file descriptor 3 inside. Its errors are for whoever started the process to listen to. */
  readonly channel: Socket;
  /** Untrusted text: bound what you keep. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves once, when the process and everything it started is gone. */
  readonly exited: Promise<ProcessExit>;
  /** SIGKILL to the whole tree; resolves like {@link exited}. */
  kill(): Promise<void>;
  /** Whether it stands behind all its filters, by the kernel's word: ask when it says that it is ready. */
  isConfined(): boolean;
  /** From the cgroup of this process; null where it has none, or is gone. */
  usage(): ProcessUsage | null;
  /** Changes what {@link WalledCommand.limits} said. False where it can't be held, and has to be watched over. */
  limit(limits: ProcessLimits): boolean;
}

export interface Wall {
  readonly name: WallName;
  readonly guarantees: readonly WallGuarantee[];
  /** The limits that the kernel holds for its processes, by their cgroup. */
  readonly limits: readonly LimitKind[];
  /** Starts node behind the wall. Resolves when the process exists, not when its script is ready. */
  start(command: WalledCommand): Promise<WalledProcess>;
}

export type LimitKind = 'memory' | 'cpu' | 'tasks';

/** What a wall is put together from. */
export interface WallParts {
  /** The node that runs inside. */
  readonly nodePath: string;
  /** Null where the host is an ordinary user. */
  readonly uids: UidAllocator | null;
  readonly cgroups: Cgroups | null;
  /** Where its entry scripts are kept; a temporary folder by default. */
  readonly workDir?: string;
}

export type WallProbe =
  | { readonly name: WallName; readonly works: true }
  | { readonly name: WallName; readonly works: false; readonly reason: string; readonly cure: string };
