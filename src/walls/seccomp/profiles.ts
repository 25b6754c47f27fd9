/**
 * What each kind of walled process may ask of the kernel. Nobody may make namespaces or mounts, trace another process, or
 * reach the kernel's back doors (io_uring, bpf, keyrings, perf, userfaultfd): those are in no group that a profile names.
 * Network sockets are for containers alone, whose network is a namespace of its own.
 */

import { callsOf } from './calls.ts';
import type { Architecture, CallGroup } from './calls.ts';
import { ENOSYS, EPERM } from './filter.ts';
import type { Check, Profile, Rule } from './filter.ts';

export const PROFILE_NAMES = ['program', 'container', 'worker', 'executor', 'sealed'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

export interface ProfileOptions {
  /**
   * Where no namespace keeps the host out of sight: whoever loads the filter signals itself only, makes no socket, and
   * changes no file in a way that landlock does not see.
   */
  readonly alone: boolean;
  /** Node is yet to be started behind the filter: a filter can't count, so this stays allowed after it. */
  readonly startsNode: boolean;
}

/** Whether whoever has it may start the programs of its root. */
export const startsPrograms = (name: ProfileName): boolean => PROFILES[name].groups.includes('programs');

export function profileNamed(name: ProfileName, architecture: Architecture, options: ProfileOptions): Profile {
  const { groups, rules } = PROFILES[name];
  const left = options.alone ? groups.filter((group) => !OUT_OF_REACH.includes(group)) : groups;
  const started = options.startsNode && !left.includes('programs') ? ['execve'] : [];
  const allowed = [...left.flatMap((group) => callsOf(group, architecture)), ...started];
  const wanted = options.alone ? [...rules.filter(({ call }) => !SIGNALS.includes(call)), ...OWN_SIGNALS] : rules;
  // A rule decides alone about its call: it may not allow what the groups left out.
  return { allowed, rules: wanted.filter(({ call, when }) => when.length === 0 || allowed.includes(call)) };
}

const ALWAYS: readonly CallGroup[] = [
  'descriptors',
  'channel',
  'events',
  'memory',
  'threads',
  'signals',
  'clocks',
  'itself',
];

const OUT_OF_REACH: readonly CallGroup[] = ['sockets', 'attributes'];

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_TYPE_MASK = 0xf;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const EACCES = 13;
const ENOTTY = 25;
const EAFNOSUPPORT = 97;
const CLONE_THREAD = 0x1_0000;
/** NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const CLONE_NEW_NAMESPACES = 0x7e02_0080;
/** WRONLY, RDWR, CREAT, TRUNC, TMPFILE. */
const OPEN_FOR_WRITING = 0o2000_1103;
/** TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: none that puts characters into a terminal. */
const IOCTLS = [0x5401, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451];
/** DUPFD, GETFD, SETFD, GETFL, SETFL, GETLK, SETLK, SETLKW, OFD_GETLK, OFD_SETLK, OFD_SETLKW, DUPFD_CLOEXEC: not SETOWN. */
const FCNTLS = [0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030];
/** GET_DUMPABLE, SET_NAME, GET_NAME, GET_SECCOMP, CAPBSET_READ, SET_NO_NEW_PRIVS, GET_NO_NEW_PRIVS, SET_VMA. */
const PRCTLS = [3, 15, 16, 21, 23, 38, 39, 0x5356_4d41];
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_TSYNC = 1;

const only = (call: string, when: Check | readonly Check[], otherwise: number = EPERM): Rule => ({
  call,
  when: Array.isArray(when) ? when : [when as Check],
  otherwise,
});
const missing = (call: string): Rule => ({ call, when: [], otherwise: ENOSYS });

const OF_EVERYONE: readonly Rule[] = [
  missing('clone3'),
  missing('openat2'),
  missing('io_uring_setup'),
  only('ioctl', { argument: 1, oneOf: IOCTLS }, ENOTTY),
  only('fcntl', { argument: 1, oneOf: FCNTLS }),
  only('prctl', { argument: 0, oneOf: PRCTLS }),
  only('prlimit64', { argument: 2, isNull: true }),
  only(
    'socketpair',
    [
      { argument: 0, oneOf: [AF_UNIX] },
      { argument: 1, oneOf: [SOCK_STREAM], mask: SOCK_TYPE_MASK },
    ],
    EAFNOSUPPORT,
  ),
];

const SIGNALS: readonly string[] = ['kill', 'tgkill', 'tkill'];
const OWN_SIGNALS: readonly Rule[] = [
  only('kill', { argument: 0, isOwnPid: true }),
  only('tgkill', { argument: 0, isOwnPid: true }),
  { call: 'tkill', when: [], otherwise: EPERM },
];

const THREADS_ONLY: readonly Rule[] = [
  only('clone', [
    { argument: 0, noBits: CLONE_NEW_NAMESPACES },
    { argument: 0, allBits: CLONE_THREAD },
  ]),
];

const READ_ONLY: readonly Rule[] = [
  only('open', { argument: 1, noBits: OPEN_FOR_WRITING }, EACCES),
  only('openat', { argument: 2, noBits: OPEN_FOR_WRITING }, EACCES),
];

const ONE_SEAL: readonly Rule[] = [
  only('seccomp', [
    { argument: 0, oneOf: [SECCOMP_SET_MODE_FILTER] },
    { argument: 1, oneOf: [SECCOMP_FILTER_FLAG_TSYNC] },
  ]),
];

/** Not SEQPACKET: to the kernel that is SCTP, whose module it would load. */
const INTERNET_SOCKETS: Rule = only(
  'socket',
  [
    { argument: 0, oneOf: [AF_UNIX, AF_INET, AF_INET6] },
    { argument: 1, oneOf: [SOCK_STREAM, SOCK_DGRAM], mask: SOCK_TYPE_MASK },
    { argument: 2, oneOf: [0, IPPROTO_TCP, IPPROTO_UDP] },
  ],
  EAFNOSUPPORT,
);

const PROFILES: Readonly<
  Record<ProfileName, { readonly groups: readonly CallGroup[]; readonly rules: readonly Rule[] }>
> = {
  /** Starts other programs of its root and writes where its root lets it; talks by Unix sockets. */
  program: {
    groups: [...ALWAYS, 'looking', 'changing', 'attributes', 'programs', 'sockets'],
    rules: [
      ...OF_EVERYONE,
      only('clone', { argument: 0, noBits: CLONE_NEW_NAMESPACES }),
      only('socket', { argument: 0, oneOf: [AF_UNIX] }, EAFNOSUPPORT),
    ],
  },
  /**
   * A whole runtime and what it starts. It may have network sockets because its network namespace has nothing but a
   * loopback of its own: only for a wall that gives it one.
   */
  container: {
    groups: [...ALWAYS, 'looking', 'changing', 'attributes', 'programs', 'sockets', 'runtimes'],
    rules: [...OF_EVERYONE, only('clone', { argument: 0, noBits: CLONE_NEW_NAMESPACES }), INTERNET_SOCKETS],
  },
  /** One process of many threads, that writes where its root lets it, makes no socket and starts nothing. */
  worker: {
    groups: [...ALWAYS, 'looking', 'changing', 'attributes'],
    rules: [...OF_EVERYONE, ...OWN_SIGNALS, ...THREADS_ONLY],
  },
  /** One process of many threads, that reads files, makes no socket and starts nothing. */
  executor: {
    groups: [...ALWAYS, 'looking', 'sealing'],
    rules: [...OF_EVERYONE, ...OWN_SIGNALS, ...THREADS_ONLY, ...READ_ONLY, ...ONE_SEAL],
  },
  /** The same once all that it needs is open: no file can be opened or looked at any more. */
  sealed: {
    groups: ALWAYS,
    rules: [...OF_EVERYONE, ...OWN_SIGNALS, ...THREADS_ONLY],
  },
};
