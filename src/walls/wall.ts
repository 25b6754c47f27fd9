/**
 * Wall: what the operating system puts around a child process of ours that meets hostile bytes (an executor, a builder).
 *
 * Best first: bubblewrap, then util-linux `unshare` with a pivoted root. `none` exists only for operators who said
 * `--unsafe-no-os-sandbox`. Each wall declares what it guarantees; nobody asks a wall for its name to decide anything.
 */

import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

export const WALL_NAMES = ['bwrap', 'unshare', 'none'] as const;
export type WallName = (typeof WALL_NAMES)[number];

export type WallGuarantee =
  | 'user' // an unprivileged host uid, of its own where the host runs as root; never host uid 0
  | 'pid' // sees and signals no process of the host
  | 'network' // no interface but its own loopback
  | 'mount' // a minimal read-only root: node, its libraries, and the files it was given
  | 'ipc'
  | 'uts'
  | 'cgroup'
  | 'capabilities' // none, and no way to gain any
  | 'session'; // dies with the host, has no terminal

/** What both walls of namespaces hold. */
export const ALL_GUARANTEES: readonly WallGuarantee[] = [
  ...(['user', 'pid', 'network', 'mount', 'ipc', 'uts', 'cgroup', 'capabilities', 'session'] as const),
];

export interface WalledCommand {
  /** A bundled script on the host; it is visible inside as `/cordon/<basename>`, read-only. */
  readonly script: string;
  /** Flags for node itself (V8's among them). */
  readonly nodeFlags: readonly string[];
  readonly args: readonly string[];
  /**
   * Files and folders to show inside, read-only, each at its own path unless `inside` says another. Where the host runs
   * as root, they and the script must be readable by every user: inside there is no root.
   */
  readonly files: readonly { readonly host: string; readonly inside?: string }[];
  /** Size of a private writable /tmp; 0 gives none. */
  readonly scratchBytes: number;
  /**
   * The whole environment inside; nothing of the host's is inherited. Other users of the host can read it in the list of
   * processes: secrets go through the channel.
   */
  readonly env: Readonly<Record<string, string>>;
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
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** SIGKILL to the whole tree; resolves like {@link exited}. */
  kill(): Promise<void>;
}

export interface Wall {
  readonly name: WallName;
  readonly guarantees: readonly WallGuarantee[];
  /** Starts node behind the wall. Resolves when the process exists, not when its script is ready. */
  start(command: WalledCommand): Promise<WalledProcess>;
}

export type WallProbe =
  | { readonly name: WallName; readonly works: true }
  | { readonly name: WallName; readonly works: false; readonly reason: string; readonly cure: string };
