/**
 * A Podman of the tests' own: its service on a socket, with storage in a temporary folder, one for each test process.
 *
 * As root only. Where it is not installed a test that needs it is skipped, with the reason; in CI that is a failure.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Daemon } from '../../src/tiers/container/docker/daemon.ts';

export interface TestPodman {
  readonly socketPath: string;
  /** For looking at what is there. */
  readonly daemon: Daemon;
  /** Everything in it goes. */
  stop(): Promise<void>;
}

/** Best first; a folder on an overlay of its own can't carry another. */
const DRIVERS = ['overlay', 'vfs'] as const;
const START_DEADLINE_MS = 60_000;
/** What operators have in their engine's environment, and no function may see. */
export const PROXY = { HTTPS_PROXY: 'http://operator:password@127.0.0.1:1' };

/** Why there is none here; null where there is one. In CI the reason is thrown, except for ordinary users. */
export function whyNoPodman(): string | null {
  if (process.getuid?.() !== 0)
    return 'Podman is tested as root: an ordinary user needs ranges of uids that are the machine’s to give';
  const missing = ['podman', 'conmon', 'crun', 'unshare'].filter((name) => !isInstalled(name));
  if (missing.length === 0) return null;
  const reason = `${missing.join(', ')} is not installed: apt-get install podman crun`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  return reason;
}

export async function startPodman(): Promise<TestPodman> {
  const reasons: string[] = [];
  for (const driver of DRIVERS) {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-podman-'));
    const service = startService(folder, driver);
    const daemon = new Daemon(join(folder, 'podman.sock'));
    try {
      await untilItAnswers(daemon, service);
      return {
        socketPath: daemon.socketPath,
        daemon,
        async stop() {
          await daemon.call({ method: 'POST', path: '/containers/prune' }).catch(() => undefined);
          await daemon.close();
          await stopService(service, folder);
        },
      };
    } catch (error) {
      reasons.push(`${driver}: ${(error as Error).message}`);
      await daemon.close();
      await stopService(service, folder);
    }
  }
  throw new Error(`Podman did not start: ${reasons.join('; ')}`);
}

interface Service {
  readonly child: ChildProcess;
  /** What it said. */
  words: string;
}

/**
 * In a mount namespace of its own, without the second hierarchy of hybrid cgroups, which crun refuses. It ends with the
 * tests, however they end.
 */
function startService(folder: string, driver: string): Service {
  const podman = ['--root', 'root', '--runroot', 'run', '--tmpdir', 'tmp'].map((word) =>
    word.startsWith('--') ? word : join(folder, word),
  );
  const options = [
    '--cgroup-manager',
    'cgroupfs',
    '--events-backend',
    'none',
    '--runtime',
    'crun',
    '--storage-driver',
    driver,
  ];
  const command = ['system', 'service', '--time=0', `unix://${join(folder, 'podman.sock')}`];
  const script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec podman "$@"';
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      '--',
      'unshare',
      '-m',
      '--propagation',
      'private',
      'sh',
      '-c',
      script,
      'sh',
      ...podman,
      ...options,
      ...command,
    ],
    {
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, TMPDIR: folder, ...PROXY },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const service: Service = { child, words: '' };
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      service.words = (service.words + chunk.toString()).slice(-2000);
    });
  return service;
}

async function untilItAnswers(daemon: Daemon, { child, words }: Service): Promise<void> {
  const deadlineMs = performance.now() + START_DEADLINE_MS;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(words.trim() || 'it ended without a word');
    try {
      return void (await daemon.info());
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await delay(50);
    }
  }
}

async function stopService({ child }: Service, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

const isInstalled = (name: string): boolean =>
  ['/usr/bin', '/usr/sbin', '/bin', '/usr/local/bin'].some((folder) => existsSync(join(folder, name)));
