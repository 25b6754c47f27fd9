/** Machine: the kernel's and the hardware's part in the walls, and what there is of memory and descriptors. */

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { arch, availableParallelism, platform, release, totalmem } from 'node:os';
import { promisify } from 'node:util';
import type { Config } from '../../config.ts';
import { MB } from '../../core/limits.ts';
import type { LimitKind, Wall } from '../../walls/wall.ts';
import type { Finding } from './finding.ts';

const MIN_NODE = 26;
const MIN_DESCRIPTORS = 16_384;
const TRY_MS = 5_000;
const LIMITS: readonly LimitKind[] = ['memory', 'cpu', 'tasks'];

/** `wall`: the one that a server would take. */
export async function examineMachine(config: Config, wall: Wall | null): Promise<Finding[]> {
  return [
    node(),
    {
      ...base('system'),
      health: platform() === 'linux' ? 'ok' : 'fatal',
      found: `${platform()} ${release()} ${arch()}, ${availableParallelism()} processors`,
    },
    cgroups(wall),
    await userNamespaces(),
    await seccomp(),
    await landlock(),
    await kvm(),
    await descriptors(),
    memory(config),
  ];
}

const base = (name: string): { readonly group: 'machine'; readonly name: string } => ({ group: 'machine', name });
const isRoot = (): boolean => process.getuid?.() === 0;

function node(): Finding {
  const isNew = Number(process.versions.node.split('.')[0]) >= MIN_NODE;
  const found = { ...base('node'), found: `${process.version}, V8 ${process.versions.v8}` };
  return isNew ? { ...found, health: 'ok' } : { ...found, health: 'fatal', cure: 'npm ci' };
}

/** The kernel's own limits for an executor; without them the host watches over it. */
function cgroups(wall: Wall | null): Finding {
  const held = wall?.limits ?? [];
  const missing = LIMITS.filter((kind) => !held.includes(kind));
  const cure = isRoot()
    ? 'mount -o remount,rw /sys/fs/cgroup'
    : 'systemd-run --user --scope -p Delegate=yes cordon serve';
  if (missing.length === 0)
    return { ...base('cgroups'), health: 'ok', found: `the kernel holds ${held.join(', ')} of every executor` };
  const found = `the kernel does not hold ${missing.join(', ')}; Cordon polls the memory of its executors instead`;
  return { ...base('cgroups'), health: 'gap', found, cure };
}

async function userNamespaces(): Promise<Finding> {
  const works = await runs('unshare', ['--user', 'true']);
  if (works) return { ...base('user namespaces'), health: 'ok', found: 'can be made' };
  if (isRoot())
    return {
      ...base('user namespaces'),
      health: 'ok',
      found: 'can not be made, and are not needed: Cordon runs as root',
    };
  return {
    ...base('user namespaces'),
    health: 'gap',
    found: 'can not be made: of the walls, only landlock stands for an ordinary user',
    cure: 'sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=10000',
  };
}

async function seccomp(): Promise<Finding> {
  const actions = await text('/proc/sys/kernel/seccomp/actions_avail');
  const works = /\berrno\b/.test(actions);
  return {
    ...base('seccomp'),
    health: works ? 'ok' : 'gap',
    found: works ? actions.trim() : 'this kernel has none: CONFIG_SECCOMP_FILTER',
  };
}

async function landlock(): Promise<Finding> {
  const names = await text('/sys/kernel/security/lsm');
  if (names === '')
    return {
      ...base('landlock'),
      health: 'ok',
      found: 'unknown, as securityfs is not mounted: the wall of that name says whether it works',
    };
  if (/\blandlock\b/.test(names)) return { ...base('landlock'), health: 'ok', found: 'the kernel has it' };
  return {
    ...base('landlock'),
    health: 'gap',
    found: 'the kernel was started without it',
    cure: `add lsm=landlock,${names.trim()} to the kernel's command line`,
  };
}

/** That it can be opened does not say that a machine boots: the tier `microvm` tries that. */
async function kvm(): Promise<Finding> {
  const file = await open('/dev/kvm', constants.O_RDWR).catch((error: NodeJS.ErrnoException) => error);
  if (!(file instanceof Error)) {
    await file.close();
    return {
      ...base('KVM'),
      health: 'ok',
      found: '/dev/kvm can be opened; whether a machine boots, the tier microvm says',
    };
  }
  const isThere = file.code !== 'ENOENT';
  return {
    ...base('KVM'),
    health: 'gap',
    found: isThere
      ? `/dev/kvm can't be opened: ${file.code}`
      : 'there is no /dev/kvm: micro-VMs are emulated, and slow',
    cure: isThere ? 'usermod -aG kvm "$USER"' : 'modprobe kvm_intel || modprobe kvm_amd',
  };
}

async function descriptors(): Promise<Finding> {
  const limits = await text('/proc/self/limits');
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1] ?? 'unknown';
  const found = { ...base('descriptors'), found: `${soft} may be open at a time` };
  if (soft === 'unknown' || soft === 'unlimited' || Number(soft) >= MIN_DESCRIPTORS) return { ...found, health: 'ok' };
  return { ...found, health: 'gap', cure: `ulimit -n ${MIN_DESCRIPTORS}` };
}

function memory({ hostMemoryMb, executorMemoryMb }: Config): Finding {
  const there = Math.floor(Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem()) / MB);
  const found = {
    ...base('memory'),
    found: `${hostMemoryMb} MB of ${there} MB for executors, ${executorMemoryMb} MB for each`,
  };
  if (hostMemoryMb > there) return { ...found, health: 'gap', cure: `CORDON_HOST_MEMORY_MB=${Math.floor(there / 2)}` };
  if (hostMemoryMb < executorMemoryMb)
    return { ...found, health: 'gap', cure: `CORDON_EXECUTOR_MEMORY_MB=${Math.max(64, Math.floor(hostMemoryMb / 2))}` };
  return { ...found, health: 'ok' };
}

const text = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

const runs = (file: string, args: readonly string[]): Promise<boolean> =>
  promisify(execFile)(file, [...args], { timeout: TRY_MS }).then(
    () => true,
    () => false,
  );
