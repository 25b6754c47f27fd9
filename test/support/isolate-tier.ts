/** The isolate tier behind one of the real walls. */

import type { Capabilities } from '../../src/core/capability.ts';
import { createIsolateTier } from '../../src/tiers/isolate/isolate-tier.ts';
import type { WallName } from '../../src/walls/wall.ts';
import { startWalledTier, type TierUnderTest } from './walled-tier.ts';

export const startIsolateTier = (wallName: WallName, capabilities?: Capabilities): Promise<TierUnderTest> =>
  startWalledTier({
    wallName,
    uids: { first: 962_000, count: 100 },
    capabilities,
    create: createIsolateTier,
  });
