/** The remote tier over loopback: an executor service in a child process, behind a real wall there. */

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Capabilities } from '../../src/core/capability.ts';
import { createRemoteTier, type RemoteTier } from '../../src/tiers/remote/remote-tier.ts';
import { startIsolateTier } from './isolate-tier.ts';
import type { TierUnderTest } from './walled-tier.ts';

export const SHARED_KEY = 'a-shared-key-of-two-hosts-for-tests-only';

const CHILD = fileURLToPath(new URL('./executor-child.ts', import.meta.url));

export interface ExecutorProcess {
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything that it has printed. */
  output(): string;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
}

export async function startExecutorProcess(env: Readonly<Record<string, string>> = {}): Promise<ExecutorProcess> {
  const dir = await mkdtemp(join(tmpdir(), 'cordon-executor-'));
  const child = fork(CHILD, [], {
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      CORDON_DATA_DIR: dir,
      SANDBOX_RPC_TOKEN: SHARED_KEY,
      CORDON_UID_RANGE: '963000-963099',
      CORDON_EXECUTOR_TIER: 'isolate',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const exited = once(child, 'exit');
  const failed = exited.then(() => {
    throw new Error(`the executor ended; it had printed:\n${text}`);
  });
  failed.catch(() => undefined);
  const [{ url }] = (await Promise.race([once(child, 'message'), failed])) as [{ url: string }];
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
    await rm(dir, { recursive: true, force: true });
  };
  return { url, process: child, output: () => text, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

export function remoteTierAt(
  urls: readonly string[],
  capabilities?: Capabilities,
  options: { readonly selfUrl?: string; readonly sharedKey?: string; readonly report?: (line: string) => void } = {},
): RemoteTier {
  return createRemoteTier({
    bases: urls,
    sharedKey: options.sharedKey ?? SHARED_KEY,
    tier: null,
    selfUrl: options.selfUrl ?? null,
    report: options.report ?? (() => undefined),
    ...(capabilities === undefined ? {} : { capabilities }),
  });
}

/** With a builder of this host for its code. */
export async function startRemoteTier(
  capabilities?: Capabilities,
  env: Readonly<Record<string, string>> = {},
): Promise<TierUnderTest> {
  const executor = await startExecutorProcess(env);
  const local = await startIsolateTier('bwrap');
  const tier = remoteTierAt([executor.url], capabilities);
  return {
    tier,
    build: (code, handler) => local.build(code, handler),
    async close() {
      await tier.close();
      await Promise.all([local.close(), executor.stop()]);
    },
  };
}
