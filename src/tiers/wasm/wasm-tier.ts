/** The `wasm` tier: QuickJS in WebAssembly, in an executor that is itself walled by the operating system. */

import type { Capabilities } from '../../core/capability.ts';
import { Fault } from '../../core/faults.ts';
import type { Executor, Tier, TierProbe, TierTraits } from '../../core/tier.ts';
import { createNoWall } from '../../walls/none.ts';
import type { Wall, WallProbe } from '../../walls/wall.ts';
import { noWall, tryTier } from '../probe.ts';
import { startExecutor } from '../walled-executor.ts';
import { makeWasmGuestFiles, type WasmGuestFiles } from './guest-files.ts';

export interface WasmTierOptions {
  /** Null where no wall stands on this machine; `wallProbes` says why. */
  readonly wall: Wall | null;
  readonly wallProbes: readonly WallProbe[];
  /**
   * Where no wall stands, executors are ordinary child processes: WebAssembly alone keeps their code from the host. Off by
   * default.
   */
  readonly allowWithoutOsWall?: boolean;
  /** Where the guest's bundles and base image are kept between starts. */
  readonly cacheDir: string;
  /** Serves what functions ask of the host (`fetch` …). Without it, every ask is refused. */
  readonly capabilities?: Capabilities;
}

const TRAITS: TierTraits = {
  isLocal: true,
  languageWall: 'wasm',
  sharesExecutor: true,
  pooled: true,
  sandboxMemory: 'heap',
  keepsState: false,
};

/** It loads no native code of anybody's. */
const NODE_FLAGS = ['--no-addons'];

export function createWasmTier(options: WasmTierOptions): Tier {
  const wall = options.wall ?? (options.allowWithoutOsWall === true ? createNoWall(process.execPath) : null);
  let files: Promise<WasmGuestFiles> | null = null;
  let probed: Promise<TierProbe> | null = null;

  async function spawn(): Promise<Executor> {
    if (wall === null) throw new Fault('TIER_UNAVAILABLE', refusal(options.wallProbes).reason);
    files ??= makeWasmGuestFiles(options.cacheDir);
    const { executor, engine, base, thread } = await files;
    const inside = { [engine]: '/cordon/quickjs.wasm', [base]: '/cordon/base.image', [thread]: '/cordon/thread.mjs' };
    const command = {
      script: executor,
      nodeFlags: NODE_FLAGS,
      args: Object.values(inside),
      files: Object.entries(inside).map(([host, path]) => ({ host, inside: path })),
      scratchBytes: 0,
      env: {},
      sealsItself: true,
    };
    return startExecutor(wall, command, options.capabilities ?? null);
  }

  return {
    name: 'wasm',
    traits: TRAITS,
    probe: () => (probed ??= wall === null ? Promise.resolve(refusal(options.wallProbes)) : tryTier('wasm', spawn)),
    spawn,
    close: () => Promise.resolve(),
  };
}

function refusal(probes: readonly WallProbe[]): TierProbe & { readonly works: false } {
  const { reason, cure } = noWall(probes);
  return {
    works: false,
    reason,
    cure: `${cure}; or set CORDON_ALLOW_WASM_WITHOUT_OS_WALL=1, and WebAssembly alone keeps functions from the host`,
  };
}
