/**
 * The `worker` tier: a worker thread with Node's API, in an executor that serves one function alone.
 *
 * Between that function and its executor stands no wall: whoever takes the process over has all that the function has,
 * and nothing more. What keeps it from the rest is the wall around the process.
 */

import type { Capabilities } from '../../core/capability.ts';
import { Fault } from '../../core/faults.ts';
import { MB } from '../../core/limits.ts';
import type { Executor, Tier, TierProbe, TierTraits } from '../../core/tier.ts';
import { bundleGuest } from '../../lib/bundles.ts';
import { EXECUTOR_V8_FLAGS } from '../../lib/v8-flags.ts';
import { NO_FFI } from '../../walls/entry.ts';
import type { Wall, WallProbe } from '../../walls/wall.ts';
import { NATIVE_MODULES } from '../native-guest.ts';
import { noWall, tryTier } from '../probe.ts';
import { startExecutor } from '../walled-executor.ts';

export interface WorkerTierOptions {
  /** Null where no wall stands on this machine; `wallProbes` says why. */
  readonly wall: Wall | null;
  readonly wallProbes: readonly WallProbe[];
  /** Where the executor's bundle is kept between starts. */
  readonly cacheDir: string;
  /** Serves what functions ask of the host (`fetch` …). Without it, every ask is refused. */
  readonly capabilities?: Capabilities;
}

const TRAITS: TierTraits = {
  languageWall: 'none',
  sharesExecutor: false,
  pooled: true,
  sandboxMemory: 'heap',
  isLocal: true,
  engine: 'node',
};

/** Of Node and of whatever threads the function starts, where the kernel counts them. */
const MAX_THREADS = 256;

/** Private and bounded; npm's packages like to have one. */
const SCRATCH = '/tmp';
const SCRATCH_BYTES = 64 * MB;

/**
 * A second layer, in Node itself: no native code, and files, threads and nothing else. Code that breaks out of it meets
 * the wall.
 */
const NODE_FLAGS = [
  ...EXECUTOR_V8_FLAGS,
  '--no-addons',
  NO_FFI,
  '--permission',
  '--allow-worker',
  '--allow-fs-read=*',
  '--allow-fs-write=*',
  '--disable-warning=SecurityWarning',
  '--disable-warning=ExperimentalWarning',
];

export function createWorkerTier(options: WorkerTierOptions): Tier {
  let script: Promise<string> | null = null;
  let probed: Promise<TierProbe> | null = null;

  async function spawn(): Promise<Executor> {
    const { wall } = options;
    if (wall === null) throw new Fault('TIER_UNAVAILABLE', noWall(options.wallProbes).reason);
    script ??= makeExecutor(options.cacheDir);
    const command = {
      script: await script,
      nodeFlags: NODE_FLAGS,
      args: [SCRATCH],
      files: [],
      scratchBytes: SCRATCH_BYTES,
      env: {},
      profile: 'worker',
      limits: { maxTasks: MAX_THREADS },
    } as const;
    return startExecutor(wall, command, options.capabilities ?? null);
  }

  return {
    name: 'worker',
    traits: TRAITS,
    probe: () =>
      (probed ??= options.wall === null ? Promise.resolve(noWall(options.wallProbes)) : tryTier('worker', spawn)),
    spawn,
    close: () => Promise.resolve(),
  };
}

const makeExecutor = (cacheDir: string): Promise<string> =>
  bundleGuest(new URL('../../guest/executor/worker/main.ts', import.meta.url), cacheDir, {
    name: 'worker',
    platform: 'node',
    replace: NATIVE_MODULES,
  });
