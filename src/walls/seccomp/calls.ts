/**
 * The system calls that the profiles speak of, by what they are for: name, number on x86_64, number on aarch64. A call
 * that a machine doesn't have is a dash: old ones exist on x86_64 alone.
 */

export type Architecture = 'x64' | 'arm64';

const TABLE = {
  /** Reading, writing and asking about what is open already. */
  descriptors: `
    read 0 63, write 1 64, readv 19 65, writev 20 66, pread64 17 67, pwrite64 18 68, preadv 295 69,
    pwritev 296 70, preadv2 327 286, pwritev2 328 287, sendfile 40 71, lseek 8 62, close 3 57,
    close_range 436 436, dup 32 23, dup2 33 -, dup3 292 24, pipe 22 -, pipe2 293 59, fcntl 72 25, ioctl 16 29,
    fstat 5 80, fstatfs 138 44, fsync 74 82, fdatasync 75 83, ftruncate 77 46, flock 73 32`,
  /** A socket that is there already. */
  channel: `
    socketpair 53 199, sendto 44 206, recvfrom 45 207, sendmsg 46 211, recvmsg 47 212, shutdown 48 210,
    getsockname 51 204, getpeername 52 205, setsockopt 54 208, getsockopt 55 209`,
  /** Making sockets and reaching others by them. */
  sockets: `
    socket 41 198, connect 42 203, bind 49 200, listen 50 201, accept 43 202, accept4 288 242`,
  events: `
    epoll_create 213 -, epoll_create1 291 20, epoll_ctl 233 21, epoll_wait 232 -, epoll_pwait 281 22,
    epoll_pwait2 441 441, poll 7 -, ppoll 271 73, select 23 -, pselect6 270 72, eventfd 284 -,
    eventfd2 290 19, timerfd_create 283 85, timerfd_settime 286 86, timerfd_gettime 287 87`,
  memory: `
    mmap 9 222, mprotect 10 226, munmap 11 215, brk 12 214, mremap 25 216, madvise 28 233, mincore 27 232,
    membarrier 324 283, pkey_alloc 330 289, pkey_free 331 290, pkey_mprotect 329 288`,
  threads: `
    clone 56 220, clone3 435 435, futex 202 98, futex_waitv 449 449, futex_wake 454 454, futex_wait 455 455,
    futex_requeue 456 456, set_robust_list 273 99, get_robust_list 274 100, rseq 334 293,
    set_tid_address 218 96, sched_yield 24 124, sched_getaffinity 204 123, sched_getparam 143 121,
    sched_getscheduler 145 120, sched_get_priority_max 146 125, sched_get_priority_min 147 126,
    getpriority 140 141, arch_prctl 158 -, gettid 186 178, exit 60 93, exit_group 231 94,
    restart_syscall 219 128, getcpu 309 168`,
  signals: `
    rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, rt_sigtimedwait 128 137,
    rt_sigsuspend 130 133, rt_sigpending 127 136, sigaltstack 131 132, kill 62 129, tgkill 234 131`,
  clocks: `
    clock_gettime 228 113, clock_getres 229 114, clock_nanosleep 230 115, nanosleep 35 101,
    gettimeofday 96 169, time 201 -, times 100 153`,
  /** What a process asks about itself. */
  itself: `
    getpid 39 172, getppid 110 173, getuid 102 174, geteuid 107 175, getgid 104 176, getegid 108 177,
    getresuid 118 148, getresgid 120 150, getgroups 115 158, getpgrp 111 -, getpgid 121 155, getsid 124 156,
    capget 125 90, uname 63 160, sysinfo 99 179, getrlimit 97 163, getrusage 98 165, prlimit64 302 261,
    prctl 157 167, getrandom 318 278, umask 95 166, getcwd 79 17`,
  /** Finding and opening files. */
  looking: `
    open 2 -, openat 257 56, openat2 437 437, stat 4 -, lstat 6 -, newfstatat 262 79, statx 332 291,
    statfs 137 43, access 21 -, faccessat 269 48, faccessat2 439 439, readlink 89 -, readlinkat 267 78,
    getdents 78 -, getdents64 217 61, chdir 80 49, fchdir 81 50, fadvise64 221 223`,
  /** Changing files. */
  changing: `
    creat 85 -, fallocate 285 47, copy_file_range 326 285, rename 82 -, renameat 264 38, renameat2 316 276,
    mkdir 83 -, mkdirat 258 34, rmdir 84 -, link 86 -, linkat 265 37, unlink 87 -, unlinkat 263 35,
    symlink 88 -, symlinkat 266 36`,
  /** Changing files in ways that landlock does not see, or not on every kernel. */
  attributes: `
    truncate 76 45, chmod 90 -, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452, utime 132 -, utimes 235 -,
    futimesat 261 -, utimensat 280 88`,
  /** Starting other programs and waiting for them. */
  programs: `
    fork 57 -, vfork 58 -, execve 59 221, wait4 61 260, waitid 247 95, tkill 200 130`,
  sealing: `
    seccomp 317 277`,
  /** What whole runtimes and the programs that they start ask besides. */
  runtimes: `
    setpgid 109 154, setsid 112 157, pidfd_open 434 434, setpriority 141 140, inotify_init 253 -,
    inotify_init1 294 26, inotify_add_watch 254 27, inotify_rm_watch 255 28, msync 26 227, mlock 149 228,
    munlock 150 229, alarm 37 -, setitimer 38 103, getitimer 36 102, pause 34 -, timer_create 222 107,
    timer_settime 223 110, timer_gettime 224 108, timer_getoverrun 225 109, timer_delete 226 111,
    signalfd 282 -, signalfd4 289 74, sendmmsg 307 269, recvmmsg 299 243, sched_setaffinity 203 122,
    sync_file_range 277 84, getxattr 191 8, lgetxattr 192 9, fgetxattr 193 10, listxattr 194 11,
    llistxattr 195 12, flistxattr 196 13`,
  /** In no profile; named for what has to be refused in a way of its own, and for those who try. */
  refused: `
    execveat 322 281, pidfd_getfd 438 438, pidfd_send_signal 424 424, memfd_create 319 279, landlock_create_ruleset 444 444, landlock_add_rule 445 445,
    landlock_restrict_self 446 446, ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271,
    kcmp 312 272, mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, move_mount 429 429,
    fsopen 430 430, fsmount 432 432, open_tree 428 428, mount_setattr 442 442, unshare 272 97, setns 308 268,
    bpf 321 280, perf_event_open 298 241, userfaultfd 323 282, keyctl 250 219, add_key 248 217,
    request_key 249 218, io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427,
    io_setup 206 0, personality 135 92, open_by_handle_at 304 265, name_to_handle_at 303 264,
    init_module 175 105, finit_module 313 273, delete_module 176 106, kexec_load 246 104, reboot 169 142,
    swapon 167 224, syslog 103 116, acct 163 89, quotactl 179 60, settimeofday 164 170, clock_settime 227 112,
    sethostname 170 161, setuid 105 146, setgid 106 144, setgroups 116 159, setresuid 117 147,
    setresgid 119 149, capset 126 91, mknod 133 -, mknodat 259 33, fanotify_init 300 262, shmget 29 194,
    semget 64 190, msgget 68 186, mq_open 240 180, vmsplice 278 75, splice 275 76`,
} as const;

export type CallGroup = keyof typeof TABLE;
export const CALL_GROUPS: readonly CallGroup[] = Object.keys(TABLE) as CallGroup[];

/** Above this number are calls that were not known when the table was written. */
export const NEWEST_CALL = 462;

const ENTRY = /^([a-z]\w+) (\d+|-) (\d+|-)$/;

interface Call {
  readonly name: string;
  readonly group: CallGroup;
  readonly number: Readonly<Record<Architecture, number | null>>;
}

const CALLS: ReadonlyMap<string, Call> = new Map(
  (Object.keys(TABLE) as CallGroup[]).flatMap((group) =>
    TABLE[group].split(',').map((text) => {
      const [, name, x64 = '', arm64 = ''] = ENTRY.exec(text.trim()) ?? [];
      if (name === undefined) throw new Error(`${JSON.stringify(text)} is no entry of the table of system calls`);
      return [name, { name, group, number: { x64: numberOf(x64), arm64: numberOf(arm64) } }] as const;
    }),
  ),
);

function numberOf(text: string): number | null {
  return text === '-' ? null : Number(text);
}

/** The names of a group that exist on that machine. */
export function callsOf(group: CallGroup, architecture: Architecture): readonly string[] {
  return [...CALLS.values()]
    .filter((call) => call.group === group && call.number[architecture] !== null)
    .map(({ name }) => name);
}

/** Null where that machine has no such call. Throws for a name that is not in the table. */
export function callNumber(name: string, architecture: Architecture): number | null {
  const call = CALLS.get(name);
  if (call === undefined) throw new Error(`${JSON.stringify(name)} is not in the table of system calls`);
  return call.number[architecture];
}
