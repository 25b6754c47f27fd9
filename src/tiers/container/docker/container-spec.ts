/** ContainerSpec: an order in the words of the engine's API. Whatever is not said here is the engine's default, so all that matters is. */

import { CHANNEL_FOLDER_INSIDE } from './channel.ts';
import type { ProcessLimits } from '../../../walls/wall.ts';
import type { ContainerOrder } from '../engine.ts';

export interface SpecParts {
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly uid: number;
  /** On the host. */
  readonly channelFolder: string;
  /** The profile, or the path of its file: what the engine takes. */
  readonly seccomp: string;
  readonly order: ContainerOrder;
}

const MAX_OPEN_FILES = 1024;
const SHM_BYTES = 8 * 1024 * 1024;
const NANO_CPUS = 1e9;
/** Of a container whose order names no bound. */
const MAX_TASKS = 512;
/** After functions, before the host: in the eyes of a kernel that is out of memory. */
const OOM_SCORE = 800;

/** Podman mounts the first two by itself, without a bound; in the third a function could write, and read of the host. */
const CLOSED_FOLDERS: Readonly<Record<string, string>> = Object.fromEntries(
  ['/run', '/var/tmp', '/sys/fs/cgroup'].map((folder) => [folder, 'rw,noexec,nosuid,nodev,size=65536,mode=755']),
);

/** Engines pass their own on to containers, with the passwords in them. */
const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'];
const WITHOUT_PROXIES: readonly string[] = PROXIES.flatMap((name) => [`${name}=`, `${name.toUpperCase()}=`]);

/** The body of `POST /containers/create`. */
export function containerSpec({ image, command, env, labels, uid, channelFolder, seccomp, order }: SpecParts): object {
  const { limits, scratchBytes } = order;
  const maxTasks = limits.maxTasks ?? MAX_TASKS;
  return {
    Image: image,
    Entrypoint: command,
    Cmd: [],
    Env: [...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...WITHOUT_PROXIES],
    Labels: labels,
    User: `${uid}:${uid}`,
    WorkingDir: '/tmp',
    Hostname: 'function',
    NetworkDisabled: true,
    OpenStdin: false,
    Tty: false,
    StopSignal: 'SIGKILL',
    StopTimeout: 0,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: 'none',
      IpcMode: 'private',
      PidMode: '',
      UTSMode: '',
      CgroupnsMode: 'private',
      Privileged: false,
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges', `seccomp=${seccomp}`],
      // What is built for other machines is loaded from files: they have to be executable.
      Tmpfs: { '/tmp': `rw,exec,nosuid,nodev,size=${scratchBytes},mode=1777`, ...CLOSED_FOLDERS },
      Mounts: [{ Type: 'bind', Source: channelFolder, Target: CHANNEL_FOLDER_INSIDE, ReadOnly: true }],
      ShmSize: SHM_BYTES,
      ...limitsSpec({ ...limits, maxTasks }),
      OomScoreAdj: OOM_SCORE,
      Ulimits: [
        { Name: 'nofile', Soft: MAX_OPEN_FILES, Hard: MAX_OPEN_FILES },
        // The uid is the container's own, so this is a second count of the same.
        { Name: 'nproc', Soft: maxTasks, Hard: maxTasks },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      // It would fill the host's disk, and what matters comes by the attached stream.
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      AutoRemove: false,
    },
  };
}

/** Limits as `create` and `update` take them; what is not named is left as it is. */
export function limitsSpec({ memoryBytes, cpuCores, cpuShares, maxTasks }: ProcessLimits): object {
  return {
    // As much with swap as without: none.
    ...(memoryBytes !== undefined && { Memory: memoryBytes, MemorySwap: memoryBytes }),
    ...(cpuCores !== undefined && { NanoCpus: Math.round(cpuCores * NANO_CPUS) }),
    ...(cpuShares !== undefined && { CpuShares: cpuShares }),
    ...(maxTasks !== undefined && { PidsLimit: maxTasks }),
  };
}
