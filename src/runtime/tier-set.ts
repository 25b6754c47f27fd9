/** Tier set: every tier of this version of Cordon, wired; what works of them is found out by trying. */

import type { Config } from '../config.ts';
import type { Capabilities } from '../core/capability.ts';
import type { Tier } from '../core/tier.ts';
import { createContainerTier } from '../tiers/container/container-tier.ts';
import { createIsolateTier } from '../tiers/isolate/isolate-tier.ts';
import { createRemoteTier, type RemoteTier } from '../tiers/remote/remote-tier.ts';
import { createWasmTier } from '../tiers/wasm/wasm-tier.ts';
import { createWorkerTier } from '../tiers/worker/worker-tier.ts';
import type { WallSelection } from '../walls/select.ts';
import { createContainerEngine } from './container-engine.ts';

export interface TierSet {
  /** Those that run functions on this host. */
  readonly local: readonly Tier[];
  /** Null where no other host is configured. */
  readonly remote: RemoteTier | null;
}

export function createTiers(
  config: Config,
  selection: WallSelection,
  cacheDir: string,
  capabilities: Capabilities,
  report: (line: string) => void,
): TierSet {
  return {
    local: createLocalTiers(config, selection, cacheDir, capabilities),
    remote: remoteOf(config, capabilities, report),
  };
}

/** Of this machine, for a server and for `cordon executor` alike. */
export function createLocalTiers(
  { allowWasmWithoutOsWall, containers }: Pick<Config, 'allowWasmWithoutOsWall' | 'containers'>,
  selection: WallSelection,
  cacheDir: string,
  capabilities: Capabilities,
): readonly Tier[] {
  const options = { wall: selection.wall, wallProbes: selection.probes, cacheDir, capabilities };
  return [
    createIsolateTier(options),
    createWasmTier({ ...options, allowWithoutOsWall: allowWasmWithoutOsWall }),
    createWorkerTier(options),
    createContainerTier({
      engine: createContainerEngine(containers, selection, cacheDir),
      capabilities,
      scratchMb: containers.scratchMb,
    }),
  ];
}

function remoteOf({ remote }: Config, capabilities: Capabilities, report: (line: string) => void): RemoteTier | null {
  if (remote.sharedKey === null || remote.urls.length === 0) return null;
  return createRemoteTier({
    bases: remote.urls,
    sharedKey: remote.sharedKey,
    tier: remote.requiredTier,
    selfUrl: remote.selfUrl,
    capabilities,
    report,
  });
}
