/** The worker tier behind one of the real walls. */

import type { Capabilities } from '../../src/core/capability.ts';
import { createWorkerTier } from '../../src/tiers/worker/worker-tier.ts';
import type { WallName } from '../../src/walls/wall.ts';
import { startWalledTier, type TierUnderTest } from './walled-tier.ts';

export const startWorkerTier = (wallName: WallName, capabilities?: Capabilities): Promise<TierUnderTest> =>
  startWalledTier({
    wallName,
    uids: { first: 963_500, count: 200 },
    capabilities,
    create: createWorkerTier,
  });
