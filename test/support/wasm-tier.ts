/** The wasm tier behind one of the real walls, or none: as its own option allows it. */

import type { Capabilities } from '../../src/core/capability.ts';
import { createWasmTier } from '../../src/tiers/wasm/wasm-tier.ts';
import type { WallName } from '../../src/walls/wall.ts';
import { startWalledTier, type TierUnderTest } from './walled-tier.ts';

export const startWasmTier = (wallName: WallName, capabilities?: Capabilities): Promise<TierUnderTest> =>
  startWalledTier({
    wallName,
    uids: { first: 964_000, count: 100 },
    capabilities,
    create: (options) => createWasmTier({ ...options, allowWithoutOsWall: wallName === 'none' }),
  });
