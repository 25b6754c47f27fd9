/** Vendoring: where npm and pip run here, and which registries they ask. */

import { join } from 'node:path';
import { Vendor, type VendorOptions } from '../builder/vendoring/vendor.ts';
import type { Config } from '../config.ts';
import type { Runtime } from '../core/runtime.ts';
import type { TierName } from '../core/tier.ts';
import type { TierStatus } from './tiers.ts';

export function vendorOf(
  { containers }: Pick<Config, 'containers'>,
  tiers: readonly TierStatus[],
  cacheDir: string,
  run: VendorOptions['run'],
): Vendor {
  const { pythonPath, pipIndexUrl, npmRegistry } = containers;
  return new Vendor({
    cacheDir: join(cacheDir, 'packages'),
    run,
    placeOf: (runtime) => placeOf(tiers, runtime),
    python: pythonPath ?? 'python3',
    pipIndexUrl,
    npmRegistry,
  });
}

/** What this machine has of a runtime; null where that is not known. */
export function runtimeVersion(tiers: readonly TierStatus[], runtime: Runtime, tier: TierName): string | null {
  const probe = tiers.find(({ name }) => name === tier)?.probe;
  if (probe?.works !== true) return null;
  if (runtime === 'javascript') return process.versions.node;
  return /CPython (\d+\.\d+\.\d+)/.exec(probe.detail)?.[1] ?? null;
}

const placeOf = (tiers: readonly TierStatus[], runtime: Runtime): TierName | null =>
  tiers.find(({ probe, hasNetwork, runtimes }) => probe.works && hasNetwork && runtimes.includes(runtime))?.name ??
  null;
