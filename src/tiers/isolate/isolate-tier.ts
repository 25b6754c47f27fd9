/** The `isolate` tier: V8 isolates in an executor that is itself walled by the operating system. */

import { dirname } from 'node:path';
import { createRequire } from 'node:module';
import type { Capabilities } from '../../core/capability.ts';
import type { Executor, Tier, TierProbe, TierTraits } from '../../core/tier.ts';
import { Fault } from '../../core/faults.ts';
import { NODE_FLAGS } from '../../lib/v8-flags.ts';
import type { Wall, WallProbe } from '../../walls/wall.ts';
import { noWall, tryTier } from '../probe.ts';
import { startExecutor } from '../walled-executor.ts';
import { makeGuestFiles, type GuestFiles } from './guest-files.ts';

export interface IsolateTierOptions {
  /** Null where no wall stands on this machine; `wallProbes` says why. */
  readonly wall: Wall | null;
  readonly wallProbes: readonly WallProbe[];
  /** Where the guest's bundles and code cache are kept between starts. */
  readonly cacheDir: string;
  /** Serves what functions ask of the host (`fetch` …). Without it, every ask is refused. */
  readonly capabilities?: Capabilities;
}

const TRAITS: TierTraits = {
  isLocal: true,
  languageWall: 'isolate',
  sharesExecutor: true,
  pooled: true,
  sandboxMemory: 'heap',
};

export function createIsolateTier(options: IsolateTierOptions): Tier {
  let files: Promise<GuestFiles> | null = null;
  let probed: Promise<TierProbe> | null = null;

  async function spawn(): Promise<Executor> {
    const { wall } = options;
    if (wall === null) throw new Fault('TIER_UNAVAILABLE', noWall(options.wallProbes).reason);
    files ??= makeGuestFiles(options.cacheDir);
    const { executor, guest, leanCache, fullCache } = await files;
    const command = {
      script: executor,
      nodeFlags: NODE_FLAGS,
      args: ['/cordon/guest.js', '/cordon/lean.cache', '/cordon/full.cache'],
      files: [
        { host: guest, inside: '/cordon/guest.js' },
        { host: leanCache, inside: '/cordon/lean.cache' },
        { host: fullCache, inside: '/cordon/full.cache' },
        ...addonFiles(),
      ],
      scratchBytes: 0,
      env: {},
      sealsItself: true,
    };
    return startExecutor(wall, command, options.capabilities ?? null);
  }

  return {
    name: 'isolate',
    traits: TRAITS,
    probe: () =>
      (probed ??= options.wall === null ? Promise.resolve(noWall(options.wallProbes)) : tryTier('isolate', spawn)),
    spawn,
    close: () => Promise.resolve(),
  };
}

/** The native addon and the two small packages that find and load it. */
function addonFiles(): { readonly host: string; readonly inside: string }[] {
  const require = createRequire(import.meta.url);
  const addon = dirname(require.resolve('isolated-vm/package.json'));
  const loader = dirname(createRequire(`${addon}/`).resolve('node-gyp-build/package.json'));
  return [
    { host: addon, inside: '/cordon/node_modules/isolated-vm' },
    { host: loader, inside: '/cordon/node_modules/node-gyp-build' },
  ];
}
