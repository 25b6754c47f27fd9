/**
 * Starting and ending a walled process, the same for every wall that is made of namespaces.
 *
 *     host ─ launcher (bwrap, unshare) ─ init (pid 1 of the namespace, ours) ─ node
 *
 * Init is never node: the guest can't signal it, can't take away that it dies with the launcher and the launcher with
 * the host, and when it dies the kernel ends the whole namespace.
 */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import type { Cgroup, Cgroups } from './cgroup/cgroup.ts';
import { closedStdio } from './descriptors.ts';
import type { Entry } from './entry.ts';
import { identify, killProcess, onlyChild, untilGone } from './process-tree.ts';
import type { ProcessIdentity } from './process-tree.ts';
import { GUEST_ROOT, nodeCommand } from './minimal-root.ts';
import { requireTool } from './tools.ts';
import type { UidAllocator } from './uids.ts';
import type { ProcessExit, ProcessLimits, WalledCommand, WalledProcess } from './wall.ts';

/** The descriptor by which a launcher tells about init. */
export const NOTICE_DESCRIPTOR = 4;
/** The descriptor by which the host lets node begin. */
const GATE_DESCRIPTOR = 5;
/** The descriptor by which a launcher gets its {@link Launch.filter}. */
export const FILTER_DESCRIPTOR = 6;
/** Between the launcher's start and node's; a machine that needs longer has other troubles. */
const LAUNCH_DEADLINE_MS = 10_000;
/** For what a launcher that has ended said; another process may hold the stream open. */
const LAST_WORDS_MS = 1_000;
const SHELL_SIGNAL_BASE = 128;
/** Standard ones, the channel, the notice, the gate. */
const STDIO = ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'] as const;

export interface Launch {
  /** Null where the host is an ordinary user and the guest has that user's uid. */
  readonly uids: UidAllocator | null;
  /** Null where this machine's are not ours to write. */
  readonly cgroups: Cgroups | null;
  readonly limits: ProcessLimits;
  /** How many seccomp filters node is to stand behind. */
  readonly filters: number;
  /** The command that starts it all, given the uid for node. */
  argv(uid: number | null): readonly string[];
  /** A seccomp filter that the launcher reads from {@link FILTER_DESCRIPTOR}. */
  readonly filter?: Buffer;
  /** When all is gone. */
  clean?(): Promise<void>;
  /**
   * Finds init from the launcher and what it says on {@link NOTICE_DESCRIPTOR}; null when it ended instead. Without it
   * there is no init: the launcher itself becomes node, and what node starts stays in its group.
   */
  findInit?(launcher: ProcessIdentity, notice: Readable, signal: AbortSignal): Promise<ProcessIdentity | null>;
}

/** Rejects with what the launcher said when it can't start node. */
export async function launch(order: Launch): Promise<WalledProcess> {
  const { uids, cgroups, limits, argv, findInit, clean, filter } = order;
  const uid = uids?.acquire() ?? null;
  let cgroup: Cgroup | null = null;
  const release = async (): Promise<void> => {
    if (uid !== null) uids?.release(uid);
    await Promise.all([cgroup?.remove(), clean?.()]);
  };
  let child: ChildProcess;
  try {
    cgroup = cgroups?.create(limits) ?? null;
    child = await spawnLauncher([...prelude(cgroup), ...argv(uid)], filter);
  } catch (error) {
    await release();
    throw error;
  }
  const message = overhear(child.stderr as Readable);
  const ended = untilEnded(child);
  const members: ProcessIdentity[] = [];
  const gone = ended.then(async (exit) => {
    for (const member of members) killProcess(member);
    if (findInit === undefined) killGroup(child);
    await Promise.all(members.map(untilGone));
    const outOfMemory = (cgroup?.usage()?.oomKills ?? 0) > 0;
    await release();
    return outOfMemory ? { ...exit, outOfMemory } : exit;
  });
  const node = await findNode(child, findInit, ended, members);
  if (node === null) {
    killLauncher(child);
    await gone;
    throw new Error((await message.whole()) || 'It ended without a word');
  }
  openGate(child);
  message.giveBack();
  return walledProcess({ child, node, members, gone, cgroup, filters: order.filters });
}

/** Before a launcher that can't do it by itself: SIGKILL when the host ends. */
export const endingWithHost = (): readonly string[] => [requireTool('setpriv'), '--pdeathsig', 'KILL', '--'];

/**
 * Before a launcher: into the cgroup, without core dumps, which would show the memory of a tenant to whoever collects
 * them on the host, and before the host itself in the eyes of a kernel that is out of memory.
 */
function prelude(cgroup: Cgroup | null): readonly string[] {
  return [requireTool('sh'), '-c', PRELUDE, 'sh', ...(cgroup?.entrances ?? []), '--'];
}

const PRELUDE = `
ulimit -c 0
echo 800 > /proc/self/oom_score_adj
while [ "$1" != -- ]; do echo 0 > "$1" || exit 1; shift; done
shift
exec "$@"
`;

/**
 * In the namespaces, from their root to node: wait for the host, enter the guest's root, give up every privilege, forget
 * the environment. Node then puts itself behind its filter. `uid` is null where the host is an ordinary user.
 */
export function intoGuest(command: WalledCommand, entry: Entry, uid: number | null): readonly string[] {
  const wait = [requireTool('sh'), '-c', `${taskLimit(command)}${WAIT_FOR_HOST}`, 'sh'];
  const apart = uid === null ? [requireTool('unshare'), ...AS_NOBODY] : [];
  const identity = uid === null ? [] : ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const enter = [requireTool('chroot'), GUEST_ROOT];
  const drop = [requireTool('setpriv'), ...identity, ...WITHOUT_PRIVILEGES, '--'];
  // Not through the launcher's own environment: its loader, and setpriv's, would obey it while still privileged.
  const environment = [requireTool('env'), '-i', '--', ...environmentOf(command)];
  return [...wait, ...apart, ...enter, ...drop, ...environment, ...nodeCommand(command, entry)];
}

/**
 * Each of host, launcher and init has to ask the kernel to die with the one before it, and one that is late with that
 * would be left behind. The host opens the gate when all of them are there; if it is gone, the gate ends instead.
 */
export const WAIT_FOR_HOST: string = `
read -r _ <&${GATE_DESCRIPTOR} || exit 1
exec ${NOTICE_DESCRIPTOR}>&- ${GATE_DESCRIPTOR}<&-
exec "$@"
`;

/** Of what the launchers leave behind them, in a user namespace where they count too. */
const TASKS_OF_LAUNCHERS = 8;

/**
 * For a container, which may start processes, where no cgroup counts them: its uid is its own, or its user namespace, by
 * which the kernel counts as well. One shell has the option `-u` for it, another `-p`.
 */
function taskLimit({ profile, limits }: WalledCommand): string {
  if (profile !== 'container' || limits?.maxTasks === undefined) return '';
  const most = limits.maxTasks + TASKS_OF_LAUNCHERS;
  // Without its message: there is no /dev/null yet.
  return `ulimit -u ${most} 2>&- || ulimit -p ${most} 2>&- || :\n`;
}

/**
 * Init has the same host uid then, and a process may trace another of its uid: but not one of the user namespace around
 * its own. Through init the guest could outlive the host and leave its root.
 */
const AS_NOBODY = ['--user', '--map-user=65534', '--map-group=65534', '--keep-caps', '--'];
export const WITHOUT_PRIVILEGES: readonly string[] = [
  '--ambient-caps=-all',
  '--inh-caps=-all',
  '--bounding-set=-all',
  '--no-new-privs',
];

/** What {@link intoGuest} needs to find in the guest's root. */
export function guestTools(uids: UidAllocator | null): readonly string[] {
  const tools = (['sh', 'chroot', 'setpriv', 'env'] as const).map(requireTool);
  return uids === null ? [...tools, requireTool('unshare')] : tools;
}

/** The last words before `env`'s command: `name=value` for each variable. */
export function environmentOf({ env }: WalledCommand): readonly string[] {
  return Object.entries(env).map(([name, value]) => {
    if (!/^[A-Za-z_]\w*$/.test(name))
      throw new Error(`${JSON.stringify(name)} is not the name of an environment variable`);
    return `${name}=${value}`;
  });
}

async function spawnLauncher([file = '', ...args]: readonly string[], filter?: Buffer): Promise<ChildProcess> {
  const child = spawn(file, args, {
    env: {},
    cwd: '/',
    // A group of its own, so that Ctrl-C reaches the host only, which then ends its children in order.
    detached: true,
    stdio: closedStdio([...STDIO, ...(filter === undefined ? [] : (['pipe'] as const))]),
  });
  await once(child, 'spawn');
  if (filter !== undefined) endWith(child, FILTER_DESCRIPTOR, filter);
  return child;
}

/** Fills `members` with what has to be killed and waited for. */
async function findNode(
  child: ChildProcess,
  findInit: Launch['findInit'],
  ended: Promise<ProcessExit>,
  members: ProcessIdentity[],
): Promise<ProcessIdentity | null> {
  const launcher = child.pid === undefined ? null : identify(child.pid);
  if (launcher === null) return null;
  const notice = child.stdio[NOTICE_DESCRIPTOR] as Readable;
  notice.on('error', () => undefined);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), LAUNCH_DEADLINE_MS);
  void ended.then(() => stop.abort());
  try {
    if (findInit === undefined) return launcher;
    const init = await findInit(launcher, notice, stop.signal);
    if (init === null) return null;
    members.push(init);
    return await onlyChild(init, stop.signal);
  } finally {
    clearTimeout(timer);
    notice.destroy();
  }
}

const openGate = (child: ChildProcess): void => endWith(child, GATE_DESCRIPTOR, '\n');

function endWith(child: ChildProcess, descriptor: number, content: string | Buffer): void {
  const stream = (child.stdio as readonly unknown[])[descriptor] as Socket;
  // The launcher may end at any moment; that is told by its exit.
  stream.on('error', () => undefined);
  stream.end(content);
}

interface Launched {
  readonly child: ChildProcess;
  readonly node: ProcessIdentity;
  readonly members: readonly ProcessIdentity[];
  readonly gone: Promise<ProcessExit>;
  readonly cgroup: Cgroup | null;
  readonly filters: number;
}

function walledProcess({ child, node, members, gone, cgroup, filters }: Launched): WalledProcess {
  let killed = false;
  const exited = gone.then((exit): ProcessExit =>
    killed ? { ...exit, code: null, signal: 'SIGKILL' } : throughShells(exit),
  );
  return {
    pid: node.pid,
    channel: child.stdio[3] as Socket,
    stdout: child.stdout as Readable,
    stderr: child.stderr as Readable,
    exited,
    async kill() {
      killed ||= isRunning(child);
      if (killed) cgroup?.kill();
      for (const member of members) killProcess(member);
      killLauncher(child);
      await exited;
    },
    usage: () => cgroup?.usage() ?? null,
    isConfined: () => (filtersOf(node.pid) ?? filters) >= filters,
    limit: (wanted) => cgroup?.limit(wanted) ?? false,
  };
}

/** As the kernel counts them; null before Linux 5.9, which doesn't tell. */
function filtersOf(pid: number): number | null {
  try {
    const count = /^Seccomp_filters:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return count === undefined ? null : Number(count);
  } catch {
    return 0;
  }
}

/** With its group, to which init belongs even while it isn't known yet. */
function killLauncher(child: ChildProcess): void {
  if (isRunning(child)) killGroup(child);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Until node has seen its end, nobody else can have its pid. */
const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

function untilEnded(child: ChildProcess): Promise<ProcessExit> {
  const { promise, resolve } = Promise.withResolvers<ProcessExit>();
  child.once('exit', (code, signal) => resolve({ code, signal }));
  return promise;
}

/** Launchers report a child's signal as a shell does: 128 and its number. */
export function throughShells(exit: ProcessExit): ProcessExit {
  const { code } = exit;
  if (code === null || code <= SHELL_SIGNAL_BASE) return exit;
  const found = Object.entries(constants.signals).find(([, number]) => number === code - SHELL_SIGNAL_BASE);
  return found === undefined ? exit : { ...exit, code: null, signal: found[0] as NodeJS.Signals };
}

/** What a launcher says, up to and with `last`; less when it ends, or the signal aborts, before that. */
export async function readNotice(notice: Readable, last: string, signal: AbortSignal): Promise<string> {
  let text = '';
  const { promise, resolve } = Promise.withResolvers<void>();
  notice.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes(last)) resolve();
  });
  notice.once('close', resolve);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  return text;
}

/**
 * Listens to a stream that may have to be handed on unread. It must be listened to at once: what nobody listens to,
 * node throws away when the child ends.
 */
function overhear(stream: Readable): { whole(): Promise<string>; giveBack(): void } {
  const chunks: Buffer[] = [];
  const keep = (chunk: Buffer): void => void chunks.push(chunk);
  stream.on('data', keep);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  stream.once('close', resolve);
  return {
    async whole() {
      const timer = setTimeout(() => stream.destroy(), LAST_WORDS_MS);
      await closed;
      clearTimeout(timer);
      return Buffer.concat(chunks).toString().trim();
    },
    giveBack() {
      stream.off('data', keep);
      stream.pause();
      if (chunks.length > 0) stream.unshift(Buffer.concat(chunks));
    },
  };
}
